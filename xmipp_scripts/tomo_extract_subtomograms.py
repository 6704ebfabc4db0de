"""xmipp_tomo_extract_subtomograms: cut, normalise and write the subtomograms of one or more sets of picks of one tomogram."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomo_particles.core.errors import InputError, parameter

from ._shared.program import Program, print_notes, require_box_size, require_positive, run, say_result
from ._shared.progress import stage

if TYPE_CHECKING:
    import numpy as np

    from tomo_particles.core.picks import Picks
    from tomo_particles.core.tomograms import Tomogram
    from tomo_particles.learning.box_extraction import WrittenBoxes

BORDERS = ("pad", "drop")
MOST_FACTOR = 1e15  # with it, all grey values that count as numbers still fit into float32


@dataclass(frozen=True)
class ExtractionConfig:
    """Extraction of one coordinate file; box_size in voxels of sampling_rate (None: the coordinates' own)."""

    tomogram: str
    coordinates: str
    box_size: int
    output_dir: str
    sampling_rate: float | None = None
    tomogram_sampling_rate: float | None = None
    normalise: bool = False
    invert: bool = False
    factor: float = 1.0
    border: str = "pad"
    threads: int = field(default=1, repr=False)  # changes no result, so that `Steps` ignores it
    individual: bool = False
    network: str | None = None  # extract the input of this network
    note: str | None = None  # text file for what is unusual about the boxes; empty where nothing is

    def __post_init__(self) -> None:
        require_box_size(self.box_size)
        require_positive(self.threads, parameter("threads"))
        if not 1 / MOST_FACTOR <= self.factor <= MOST_FACTOR:
            raise InputError(
                f"{parameter('factor')}: must be a number from {1 / MOST_FACTOR:g} to {MOST_FACTOR:g}, received {self.factor:g}"
            )
        for name in ("sampling_rate", "tomogram_sampling_rate"):
            if (value := getattr(self, name)) is not None:
                require_positive(value, parameter(name), "Å/voxel")
        if self.border not in BORDERS:
            raise InputError(f"{parameter('border')}: must be one of {', '.join(BORDERS)}, received '{self.border}'")
        if self.network is not None:
            from tomo_particles.learning.network_input import require_architecture

            require_architecture(self.network, parameter("network"))

    @property
    def base(self) -> Path:
        """Output files without their ending: the folder and the name of the coordinates file."""
        return Path(self.output_dir) / Path(self.coordinates).stem


@dataclass(frozen=True)
class Extracted:
    """How many boxes were written, were dropped at the border, have voxels that are no numbers, and have no contrast around the
    pick; notes: of the tomogram."""

    written: int
    dropped: int
    with_gaps: int
    flat: int = 0
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.written} boxes, {self.dropped} dropped" + "".join(f", {note}" for note in self.remarks)

    @property
    def remarks(self) -> list[str]:
        """What is unusual about the boxes, a part of a line each."""
        from tomo_particles.core.subtomograms import NO_NUMBERS

        gaps = f"{self.with_gaps} with voxels that are {NO_NUMBERS}, which got the mean of the others"
        flat = f"{self.flat} without any contrast around the pick: the tomogram holds no data there"
        return [gaps] * bool(self.with_gaps) + [flat] * bool(self.flat)


def write_sets(
    configs: Sequence[ExtractionConfig],
    scale: tuple[float, float] | None = None,
    done: Callable[[float], None] = lambda share: None,
) -> list[Extracted]:
    """Extract from files to files: sets of picks of one tomogram, which is read once.

    configs: they differ in coordinates, output folder, border and note alone.  scale: `grey_scale` of the tomogram,
    if the caller has it; else it is measured here.  done: receives the share of the boxes that is cut.  Raises InputError where
    the configs give no sampling rate and the picks have several.
    """
    from tomo_particles.core.subtomograms import Cutter
    from tomo_particles.core.tomograms import open_tomogram
    from tomo_particles.learning.box_extraction import BoxSet, write_boxes

    one = configs[0]
    with open_tomogram(one.tomogram, one.tomogram_sampling_rate) as tomogram:
        read = [_read(config, tomogram) for config in configs]
        rate = _one_rate(configs, read)
        written = write_boxes(
            tomogram,
            [BoxSet(config.base, own.picks[own.kept]) for config, own in zip(configs, read, strict=True)],
            Cutter(one.box_size, rate, one.normalise, one.invert, one.factor),
            network=one.network,
            threads=one.threads,
            individual=one.individual,
            scale=scale,
            done=done,
        )
        return [
            _write_table(config, own, boxes, tomogram.notes) for config, own, boxes in zip(configs, read, written, strict=True)
        ]


@dataclass(frozen=True)
class _Set:
    """columns: of the coordinates file.  picks: all of it, at the sampling rate of the boxes.  kept: (n,) numbers of those whose
    boxes are cut."""

    columns: dict[str, list]
    picks: Picks
    kept: np.ndarray


def _read(config: ExtractionConfig, tomogram: Tomogram) -> _Set:
    """Raises InputError for boxes that do not fit, and for picks outside the tomogram."""
    import numpy as np

    from tomo_particles.core.coordinates import check_inside, rescale_size
    from tomo_particles.core.subtomograms import fits_inside
    from tomo_particles.formats.xmd import picks_of, read_table

    columns = read_table(config.coordinates, parameter("coordinates"))
    picks = picks_of(columns, config.coordinates, parameter("coordinates"), config.sampling_rate or tomogram.sampling_rate)
    picks = picks.at_sampling_rate(config.sampling_rate or picks.sampling_rate)
    size = rescale_size(tomogram.size, tomogram.sampling_rate, picks.sampling_rate)
    if min(size) < config.box_size:
        raise InputError(
            f"{parameter('box_size')}: a box of {config.box_size} voxels does not fit in '{config.tomogram}' "
            f"({' x '.join(f'{s:.0f}' for s in size)} voxels at that sampling rate); lower it"
        )
    check_inside(picks.positions, size, f"{parameter('coordinates')}: '{config.coordinates}' in '{config.tomogram}'")
    inside = fits_inside(picks.positions, size, config.box_size)
    return _Set(columns, picks, np.flatnonzero(inside | (config.border == "pad")))


def _one_rate(configs: Sequence[ExtractionConfig], sets: Sequence[_Set]) -> float:
    """The sampling rate of the picks of all sets; one without picks has any."""
    from tomo_particles.core.coordinates import same_sampling_rate

    rates = {config.coordinates: own.picks.sampling_rate for config, own in zip(configs, sets, strict=True) if len(own.picks)}
    path, rate = next(iter(rates.items()), (configs[0].coordinates, sets[0].picks.sampling_rate))
    for other, own_rate in rates.items():
        if not same_sampling_rate(rate, own_rate):
            raise InputError(
                f"{parameter('coordinates')}: '{path}' has {rate:.5g} Å/voxel, '{other}' {own_rate:.5g}",
                f"give that of the boxes with {parameter('sampling_rate')}",
                "extract one after the other",
            )
    return rate


def _write_table(config: ExtractionConfig, own: _Set, boxes: WrittenBoxes, notes: tuple[str, ...]) -> Extracted:
    """The XMD of a set: its coordinates with the names of the boxes and their contrast."""
    import numpy as np

    from tomo_particles.core.files import written_aside
    from tomo_particles.core.subtomograms import FLAT
    from tomo_particles.formats.xmd import write_table

    kept, picks, contrast = own.kept, own.picks, boxes.contrast
    rows: dict[str, Any] = {name: [values[row] for row in kept] for name, values in own.columns.items()}
    positions = picks.positions[kept]
    for axis, name in enumerate("xyz"):  # the boxes' own sampling rate is the one the rows must state
        rows[name], rows[f"{name}coor"] = positions[:, axis], np.rint(positions[:, axis]).astype(int)
    rows |= {
        "image": boxes.images,
        "samplingRate": [picks.sampling_rate] * len(kept),
        "particleSize": [config.box_size] * len(kept),
        "min": contrast[:, 0],
        "max": contrast[:, 1],
    }
    write_table(f"{config.base}.xmd", rows)
    flat = contrast[:, 1] - contrast[:, 0] <= FLAT
    found = Extracted(len(kept), len(picks) - len(kept), int((boxes.gaps > 0).sum()), int(flat.sum()), notes)
    if config.note:
        with written_aside(config.note) as aside:
            aside.write_text("; ".join(found.remarks), encoding="utf-8")
    return found


def _network_of(name: str) -> str:
    """The name of the network that a model file holds, or the name itself."""
    if not name.endswith((".h5", ".keras")):
        return name
    from tomo_particles.learning.model_files import architecture_of

    return architecture_of(name, parameter("network"))


class TomoExtractSubtomograms(Program):
    """Command line of `write_sets`."""

    name = "xmipp_tomo_extract_subtomograms"
    outputs = {"-o": "folder", "--note": "file"}

    def defineParams(self) -> None:
        self.addUsageLine("Extract subtomograms: cut a box around every pick of one tomogram.")
        self.addUsageLine(
            "Writes one MRC volume stack and one XMD, both named like the coordinates file. Several files of coordinates of the "
            "tomogram are cut in one pass, which is quicker. The tomogram is memory-mapped. If the boxes have another sampling "
            "rate than the tomogram, each box is rescaled. The columns min and max are the lowest and the highest smoothed grey "
            "value around the pick, in standard deviations of the tomogram."
        )
        self.addParamsLine("  --tomogram <file> : tomogram, MRC")
        self.addParamsLine("  --coordinates <...> : XMD files with columns x, y, z (voxels, origin at the corner of the volume)")
        self.addParamsLine("  --boxsize <int> : box size, voxels of --samplingrate; even")
        self.addParamsLine("  -o <...> : output folder, or one for each file of coordinates")
        self.addParamsLine(" [--samplingrate <double>] : sampling rate of the boxes in A/voxel; default: that of the coordinates")
        self.addParamsLine(" [--tomogramSamplingrate <double>] : A/voxel, if the header of the tomogram has none or a wrong one")
        self.addParamsLine(" [--normalize] : every box gets mean 0 and standard deviation 1")
        self.addParamsLine(" [--invert] : invert the contrast (dark particles become bright)")
        self.addParamsLine(" [--factor <double=1>] : multiply the grey values by this factor; --normalize and --network undo it")
        self.addParamsLine(
            " [--border <...>] : what happens to picks whose box crosses the border of the tomogram. pad: they are kept, and the "
            "missing part of the box is filled with its mean; drop: they are left out. One word, or one for each file of "
            "coordinates; default: pad"
        )
        self.addParamsLine(
            " [--network <name>] : write the input of this network instead of whole boxes. The program that trains and scores "
            "takes both. small: edges of at most 16 voxels; reference: the whole box; or a model file: the input of its network"
        )
        self.addParamsLine(" [--threads <int=1>] : CPU threads")
        self.addParamsLine(" [--note <...>] : text file for what is unusual about the boxes; one for each file of coordinates")
        self.addParamsLine(" [--individual] : one .mrc file per subtomogram instead of a stack")
        self.addExampleLine(
            "xmipp_tomo_extract_subtomograms --tomogram TS_01.mrc --coordinates all.xmd --boxsize 32 -o boxes --normalize"
        )
        self.addExampleLine(
            "xmipp_tomo_extract_subtomograms --tomogram TS_01.mrc --coordinates pos/TS_01.xmd noise/TS_01.xmd --boxsize 32 "
            "-o boxes/pos boxes/noise --border pad drop"
        )

    def readParams(self) -> None:
        coordinates = self.getListParam("--coordinates")
        folders = self._for_each("-o", coordinates)
        borders = self._for_each("--border", coordinates) or ["pad"] * len(coordinates)
        notes: Sequence[str | None] = self._for_each("--note", coordinates, alone=False) or [None] * len(coordinates)
        one = ExtractionConfig(
            tomogram=self.getParam("--tomogram"),
            coordinates=coordinates[0],
            box_size=self.integer("--boxsize"),
            output_dir=folders[0],
            sampling_rate=self.number("--samplingrate") if self.checkParam("--samplingrate") else None,
            tomogram_sampling_rate=self.number("--tomogramSamplingrate") if self.checkParam("--tomogramSamplingrate") else None,
            normalise=self.checkParam("--normalize"),
            invert=self.checkParam("--invert"),
            factor=self.number("--factor"),
            threads=self.integer("--threads"),
            individual=self.checkParam("--individual"),
            network=_network_of(self.getParam("--network")) if self.checkParam("--network") else None,
        )
        self.configs = [
            replace(one, coordinates=path, output_dir=folder, border=border, note=note)
            for path, folder, border, note in zip(coordinates, folders, borders, notes, strict=True)
        ]
        self._check_files()

    def _check_files(self) -> None:
        """Refuse to write a file twice, and to replace what is read."""
        inputs = {os.path.realpath(path): path for path in (self.configs[0].tomogram, *(one.coordinates for one in self.configs))}
        written: dict[str, str] = {}
        for config in self.configs:
            for path, option in ((f"{config.base}.xmd", "-o"), (f"{config.base}.mrcs", "-o"), (config.note, "--note")):
                if path is None:
                    continue
                real = os.path.realpath(path)
                if real in inputs:
                    raise InputError(f"{option}: '{path}' would replace '{inputs[real]}', which is read; choose another place")
                if real in written:
                    twice = f"'{path}' would be written twice, for '{written[real]}' and for '{config.coordinates}'"
                    raise InputError(f"{option}: {twice}; give another place for each")
                written[real] = config.coordinates

    def _for_each(self, option: str, coordinates: Sequence[str], alone: bool = True) -> list[str]:
        """The values of an option, one for each file of coordinates; empty without it.  alone: one value may stand for all."""
        values = self.optional_list(option)
        if alone and len(values) == 1:
            return values * len(coordinates)
        if len(values) not in (0, len(coordinates)):
            one = "one value, or one" if alone else "one value"
            raise InputError(f"{option}: give {one} for each of the {len(coordinates)} files of --coordinates, not {len(values)}")
        return values

    def run(self) -> None:
        with stage("cutting boxes", 1, "tomogram") as at:
            found = write_sets(self.configs, done=at.share)
        print_notes(found[0].notes)
        for config, own in zip(self.configs, found, strict=True):
            of_set = f"{config.base}: " if len(found) > 1 else ""
            say_result(f"{of_set}{own.written} subtomograms" + (f", {own.dropped} dropped at the border" if own.dropped else ""))
            print_notes(f"{of_set}{remark}" for remark in own.remarks)


def main() -> int:
    """Console script."""
    return run(TomoExtractSubtomograms)


if __name__ == "__main__":
    sys.exit(main())
