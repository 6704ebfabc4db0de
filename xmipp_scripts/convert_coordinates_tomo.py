"""xmipp_convert_coordinates_tomo: coordinates of any picker to those of another package, or to ours."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError, listed

from ._shared.program import Program, require_positive, run, say_result

if TYPE_CHECKING:
    from tomo_particles.core.picks import Picks
    from tomo_particles.core.read_once import ReadOnce
    from tomo_particles.formats.registry import Context, Format

TOMOGRAM = "{tomo}"  # in the name of the output: one file per tomogram
UNITS = ("voxel", "angstrom")  # of files that give plain numbers
PLAIN = "plain"  # tomograms are called without what programs added to their names


@dataclass(frozen=True)
class ConvertConfig:
    """What to convert; rates Å/voxel, size x, y, z voxels of sampling_rate, names as 'IN_FILE=TOMOGRAM'."""

    inputs: tuple[str, ...]
    output: str
    source: str = ""
    target: str = ""
    tomograms: tuple[str, ...] = ()
    tomogram_sampling_rate: float | None = None
    sampling_rate: float | None = None
    size: tuple[int, int, int] | None = None
    unit: str = UNITS[0]
    names: tuple[str, ...] = ()
    rename: tuple[str, ...] = ()
    species: tuple[str, ...] = ()
    subset: bool = False
    drop_outside: bool = False
    overwrite: bool = False
    note: str | None = None

    def __post_init__(self) -> None:
        for value, option in ((self.sampling_rate, "--samplingrate"), (self.tomogram_sampling_rate, "--tomogramSamplingrate")):
            if value is not None:
                require_positive(value, option, "Å/voxel")
        if self.size is not None:
            if min(self.size) < 2:
                raise InputError(f"--size: must be x y z of a volume in voxels, received {' '.join(map(str, self.size))}")
            if self.tomograms:
                raise InputError("--size: the size is already known from --tomograms; leave out one of the two")
            if self.sampling_rate is None:
                raise InputError("--size: the voxel size is not known; give it with --samplingrate")
        if self.unit not in UNITS:
            raise InputError(f"--unit: must be {' or '.join(UNITS)}, received '{self.unit}'")
        for pair in self.names:
            if not re.fullmatch(r"[^=]+=[^=]+", pair) and not Path(pair).is_file():
                raise InputError(f"--names: expected NAME_IN_FILE=TOMOGRAM or the path of a list, received '{pair}'")
        for pair in self.rename:
            if not re.fullmatch(r"[^=]+=[^=]+", pair) and self.rename != (PLAIN,):
                raise InputError(f"--rename: expected TOMOGRAM=NAME_IN_OUTPUT, or {PLAIN} alone, received '{pair}'")


def convert(config: ConvertConfig) -> list[str]:
    """Convert from files to files; returns what to tell the user, a line each."""
    from tomo_particles.core.files import written_aside
    from tomo_particles.formats.registry import format_to_write, refuse_existing

    target = format_to_write(config.output, config.target)
    if TOMOGRAM not in config.output:
        refuse_existing(Path(config.output), config.overwrite)
    files, notes = _files(config)
    context = _context(config, target.family or target.name, files, notes)
    rates: set[float | None] = {config.sampling_rate, *(tomogram.sampling_rate for tomogram in context.tomograms.values())}
    picks = _read(files, config, context, notes, rates)
    picks = {tomo_id: own for tomo_id, own in _of_species(picks, config).items() if len(own)}
    if not picks:
        raise InputError("-i: no picks left after --class and --dropOutside; relax one of them")
    picks, context = _renamed(picks, context, config)
    notes += _losses(picks, target)
    said = notes + _write(picks, context, config, target) + _extents(picks, context, rates)
    if config.note:
        with written_aside(config.note) as aside:
            aside.write_text("".join(f"{line}\n" for line in said), encoding="utf-8")
    return said


def _files(config: ConvertConfig) -> tuple[list[ReadOnce], list[str]]:
    """The files behind -i, and what was passed over in folders. Raises InputError for a file that is named twice."""
    from tomo_particles.formats.pick_folders import files_of

    notes: list[str] = []
    files = [file for source in config.inputs for file in files_of(source, "-i", notes)]
    for file in files:
        if sum(file.samefile(other) for other in files) > 1:
            raise InputError(f"-i: '{file}' is given twice; give it once")
    return files, notes


def _context(config: ConvertConfig, family: str, files: Sequence[ReadOnce], notes: list[str]) -> Context:
    from tomo_particles.core.tomograms import each_tomogram, tomogram_id
    from tomo_particles.formats.pick_folders import shared_folder
    from tomo_particles.formats.registry import Context, TomogramInfo

    tomograms: dict[str, TomogramInfo] = {}
    for tomogram in each_tomogram(config.tomograms, config.tomogram_sampling_rate, "--tomograms", notes):
        tomo_id = tomogram_id(tomogram.path)
        if tomo_id in tomograms:
            raise InputError(f"--tomograms: two tomograms are named '{tomo_id}'; their file names must differ")
        tomograms[tomo_id] = TomogramInfo(tomo_id, tomogram.sampling_rate, tomogram.size, str(tomogram.path))
    unknown = "leave out" if config.subset else "refuse"
    return Context(
        tomograms,
        config.sampling_rate,
        config.size,
        config.unit == UNITS[1],
        _names(config),
        unknown,
        among=shared_folder(files),
        family=family,
        notes=notes,
    )


def _names(config: ConvertConfig) -> dict[str, str]:
    from tomo_particles.formats.dynamo import read_list
    from tomo_particles.formats.naming import stem_of

    names: dict[str, str] = {}
    for value in config.names:
        if Path(value).is_file():
            names |= {str(number): stem_of(path) for number, path in read_list(Path(value), "--names").items()}
        else:
            name, _, tomo_id = value.partition("=")
            names[name] = tomo_id
    return names


def _read(
    files: Sequence[ReadOnce], config: ConvertConfig, context: Context, notes: list[str], rates: set[float | None]
) -> dict[str, Picks]:
    """The picks of all files. rates: Å/voxel known so far; receives those of the files."""
    from tomo_particles.formats.pick_folders import joined
    from tomo_particles.formats.registry import format_named, read, recognise

    def read_one(path: Path) -> dict[str, Picks]:
        found = format_named(config.source, "--from") if config.source else recognise(path)
        picks = read(path, context, found.name)
        rates.update(own.sampling_rate for own in picks.values())
        picks = {tomo_id: _on_tomogram(own, path, context, config, notes, rates, found) for tomo_id, own in picks.items()}
        if picks:
            notes.append(f"{path}: {found.title}, {sum(map(len, picks.values()))} picks in {listed(picks)}")
        return picks

    return read_one(files[0]) if len(files) == 1 else joined("", files, read_one, "-i", notes, context.tomograms)


def _on_tomogram(
    picks: Picks, path: Path, context: Context, config: ConvertConfig, notes: list[str], rates: set[float | None], of: Format
) -> Picks:
    """The picks in voxels of their tomogram, and inside it, as far as the tomogram is known. of: the format of their file."""
    from tomo_particles.core.coordinates import check_inside, inside_volume
    from tomo_particles.core.extent import likely_mistake

    tomogram = context.tomogram(picks.tomo_id)
    placed = picks.at_sampling_rate(tomogram.sampling_rate) if tomogram.sampling_rate else picks
    if tomogram.size is None:
        return placed
    inside = inside_volume(placed.positions, tomogram.size)
    if not config.drop_outside:
        try:
            check_inside(placed.positions, tomogram.size, f"-i: '{path}', tomogram '{picks.tomo_id}'", placed.sampling_rate)
        except InputError as error:
            mistake = likely_mistake(placed, tomogram.size, rates)
            remedies = error.remedies if of.as_they_stand else ()  # to say the unit, which other formats say themselves
            raise InputError(f"{error.text}{mistake}", *remedies, "leave them out with --dropOutside") from error
    elif not inside.all():
        mistake = likely_mistake(placed, tomogram.size, rates)
        notes.append(f"{path}: {int((~inside).sum())} picks outside the tomogram '{picks.tomo_id}' left out{mistake}")
    return placed[inside]


def _of_species(picks: dict[str, Picks], config: ConvertConfig) -> dict[str, Picks]:
    if not config.species:
        return picks
    import numpy as np

    there = sorted({str(name) for own in picks.values() for name in own.species} - {""})
    if wrong := [name for name in config.species if name not in there]:
        raise InputError(f"--class: the picks have no class '{wrong[0]}'; there are {listed(there) or 'none'}")
    return {tomo_id: own[np.isin(own.species.astype(str), config.species)] for tomo_id, own in picks.items()}


def _renamed(picks: dict[str, Picks], context: Context, config: ConvertConfig) -> tuple[dict[str, Picks], Context]:
    """Picks and tomograms by the names that they shall have in the output."""
    from dataclasses import replace

    from tomo_particles.formats.naming import plain

    told = dict(pair.split("=") for pair in config.rename if "=" in pair)
    if unknown := [name for name in told if name not in picks]:
        raise InputError(f"--rename: there are no picks of tomogram '{unknown[0]}', only of {listed(picks)}")
    new = {tomo_id: plain(tomo_id) if config.rename == (PLAIN,) else told.get(tomo_id, tomo_id) for tomo_id in picks}
    if len(set(new.values())) < len(new):
        raise InputError(f"--rename: two tomograms would be called the same: {listed(sorted(new.values()))}; choose other names")
    tomograms = {new[tomo_id]: replace(context.tomogram(tomo_id), tomo_id=new[tomo_id]) for tomo_id in picks}
    renamed = {new[tomo_id]: replace(own, tomo_id=new[tomo_id]) for tomo_id, own in picks.items()}
    return renamed, replace(context, tomograms=tomograms)


def _losses(picks: Mapping[str, Picks], target: Format) -> list[str]:
    """What the picks have that the target does not keep, or keeps as 0, and names that the target may not know."""
    import numpy as np

    from tomo_particles.formats.further_columns import star_columns
    from tomo_particles.formats.naming import plain

    every = list(picks.values())
    total = sum(map(len, every))
    has = {
        "score": sum(int(np.isfinite(own.score).sum()) for own in every),
        "angles": sum(int(np.isfinite(own.angles).all(axis=1).sum()) for own in every),
        "group": sum(int((own.group != 0).sum()) for own in every),
        "species": sum(int((own.species != "").sum()) for own in every),
    }
    lost = [name for name, count in has.items() if count and name not in target.keeps]
    added = [tomo_id for tomo_id in picks if plain(tomo_id) != tomo_id] if target.name.startswith("relion") else []
    filled = [name for name in ("score", "angles") if name in target.fills and 0 < has[name] < total]
    names = [
        f"RELION must call the tomogram '{name}', as the picks do; else give --rename, as {PLAIN} for '{plain(name)}'"
        for name in added[:1]
    ]
    incomplete = star_columns(every)[1] if target.name.startswith("relion") else []
    return (
        [f"{target.name} does not keep: {', '.join(lost)}"] * bool(lost)
        + [f"columns left out, without a value for every pick: {listed(incomplete, 12, '')}"] * bool(incomplete)
        + names
        + [f"{total - has[name]} picks have no {name}: 0 in the file" for name in filled]
    )


def _write(picks: dict[str, Picks], context: Context, config: ConvertConfig, target: Format) -> list[str]:
    from tomo_particles.formats.registry import write_all

    if TOMOGRAM not in config.output and target.single and len(picks) > 1:
        raise InputError(
            f"-o: a file of {target.name} holds one tomogram, and there are {len(picks)} ({listed(picks)}); put "
            f"{TOMOGRAM} in its name, as in picks_{TOMOGRAM}{target.extensions[0]}"
        )
    if TOMOGRAM in config.output and len({_in_file_name(tomo_id) for tomo_id in picks}) < len(picks):
        raise InputError(f"-o: two of the tomograms {listed(picks)} would share one file; give other names with --rename")
    for own in picks.values() if target.one_species else ():
        if len(set(own.species)) > 1:
            classes = listed(sorted(set(own.species)))
            raise InputError(
                f"-o: a file of {target.name} holds one class, and '{own.tomo_id}' has {classes}; choose one with --class"
            )
    if TOMOGRAM not in config.output:
        jobs = {Path(config.output): picks}
    else:
        jobs = {Path(config.output.replace(TOMOGRAM, _in_file_name(tomo_id))): {tomo_id: own} for tomo_id, own in picks.items()}
    written = write_all(jobs, context, target, config.overwrite)
    return [
        f"{sum(map(len, part.values()))} picks -> {', '.join(map(str, written[path]))} ({target.title})"
        for path, part in jobs.items()
    ]


def _extents(picks: Mapping[str, Picks], context: Context, rates: set[float | None]) -> list[str]:
    """Where the picks of each tomogram lie, a line each, and a warning where that is suspicious."""
    from tomo_particles.core.extent import extent_line, extent_warning

    lines: list[str] = []
    for tomo_id, own in picks.items():
        size = context.tomogram(tomo_id).size
        lines += [extent_line(own, size), *filter(None, [extent_warning(own, size, rates)])]
    return lines


def _in_file_name(tomo_id: str) -> str:
    return re.sub(r"[^\w.-]", "_", tomo_id)


class ConvertCoordinatesTomo(Program):
    """Command line of `convert`."""

    name = "xmipp_convert_coordinates_tomo"
    outputs = {"-o": "file"}
    replacing = "--overwrite"
    parameters = {
        "input": "-i",
        "output": "-o",
        "format": "--from",
        "output_format": "--to",
        "picks_sampling_rate": "--samplingrate",
        "unit": "--unit",
    }

    def defineParams(self) -> None:
        self.addUsageLine("Conversion of coordinates between pickers and packages. Picks keep their position in the tomogram.")
        self.addUsageLine(
            "Reads CSV, XMD, RELION 3 to 5, pytom-match-pick, crYOLO, TomoTwin, DeepFinder, Membranorama, EMAN2, Dynamo, IMOD, "
            "copick, CryoET Data Portal, motive lists, STOPGAP, PEET, M, PyTom, pyTME, DeepETPicker, napari, Chimera markers and "
            "CZII submissions; writes XMD, CSV, RELION 5 and 3, Dynamo, IMOD, copick, STOPGAP, napari, Chimera markers and CZII "
            "submissions. The last lines say where the picks of each tomogram lie. "
            "docs/formats.md explains the numbers of each format. Positions are written in voxels of the tomograms of "
            "--tomograms."
        )
        self.addParamsLine(
            "  -i <...> : files of coordinates, of any formats; folders of files of one format; patterns in quotes"
        )
        self.addParamsLine("  -o <file> : file to write; with {tomo} in its name, one file per tomogram")
        self.addParamsLine(" [--from <format>] : format of the input, if it is not recognised by content and extension")
        self.addParamsLine(" [--to <format>] : format of the output, if the extension does not say it: relion5, relion3...")
        self.addParamsLine(" [--tomograms <...>] : the tomograms (MRC), for names, sizes and sampling rates")
        self.addParamsLine(" [--tomogramSamplingrate <rate>] : A/voxel of the tomograms; replaces that of their headers")
        self.addParamsLine(" [--samplingrate <rate>] : A/voxel of the coordinates, if the files do not say it")
        self.addParamsLine(
            " [--unit <unit=voxel>] : unit of the coordinates in CSV, .coords, .txt and uncentred star files: voxel, or angstrom "
            "from the centre of the first voxel"
        )
        self.addParamsLine(" [--size <x> <y> <z>] : size of the tomograms in voxels of --samplingrate, instead of --tomograms")
        self.addParamsLine(
            " [--names <...>] : names of tomograms in the files, as NAME_IN_FILE=TOMOGRAM: 1=TS_01; a star stands for what is "
            "the same, as '*=*_deconv'; or a text file with one number and one path per line"
        )
        self.addParamsLine(
            " [--rename <...>] : names of tomograms in the output, as rec_TS_01=TS_01; or plain, which removes rec_, _12.0Apx, "
            "_bin4"
        )
        self.addParamsLine(" [--class <...>] : keep the picks of these classes only")
        self.addParamsLine(" [--subset] : leave out picks of tomograms that are not given; default: they are an error")
        self.addParamsLine(" [--dropOutside] : leave out picks outside their tomogram; default: they are an error")
        self.addParamsLine(" [--overwrite] : replace the output if it exists")
        self.addParamsLine(" [--note <file>] : text file for what is printed, too")
        self.addExampleLine(
            "xmipp_convert_coordinates_tomo --tomograms TS_01.mrc TS_02.mrc -i TS_01.cbox TS_02.cbox -o picks.star --to relion5"
        )

    def readParams(self) -> None:
        size = tuple(self.integer("--size", axis) for axis in range(3)) if self.checkParam("--size") else None
        self.config = ConvertConfig(
            inputs=tuple(self.optional_list("-i")),
            output=self.getParam("-o"),
            source=self.optional_path("--from") or "",
            target=self.optional_path("--to") or "",
            tomograms=tuple(self.optional_list("--tomograms")),
            tomogram_sampling_rate=self.number("--tomogramSamplingrate") if self.checkParam("--tomogramSamplingrate") else None,
            sampling_rate=self.number("--samplingrate") if self.checkParam("--samplingrate") else None,
            size=size,  # type: ignore[arg-type]
            unit=self.getParam("--unit"),
            names=tuple(self.optional_list("--names")),
            rename=tuple(self.optional_list("--rename")),
            species=tuple(self.optional_list("--class")),
            subset=self.checkParam("--subset"),
            drop_outside=self.checkParam("--dropOutside"),
            overwrite=self.checkParam("--overwrite"),
            note=self.optional_path("--note"),
        )

    def run(self) -> None:
        say_result(*convert(self.config))


def main() -> int:
    """Console script."""
    return run(ConvertCoordinatesTomo)


if __name__ == "__main__":
    sys.exit(main())
