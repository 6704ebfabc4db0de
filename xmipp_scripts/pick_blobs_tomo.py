"""xmipp_pick_blobs_tomo: particles of one diameter in tomograms, without a reference (LoG or DoG)."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError

from ._shared.diameter import check_particle_size
from ._shared.mask_option import MASK_HELP, bad_voxels_of, mask_of, nothing_picked
from ._shared.masks import masks_by_tomogram
from ._shared.picker_output import require_distinct, require_pick_file, write_pickings
from ._shared.program import Program, print_notes, require_positive, run, say_result
from ._shared.progress import stage

if TYPE_CHECKING:
    from tomo_particles.core.picks import Picks
    from tomo_particles.core.tomograms import Tomogram
    from tomo_particles.regions.region_mask import RegionMask

METHODS = ("log", "dog")
LEAST_VOXELS = 2  # in a diameter: smaller blobs are noise


@dataclass(frozen=True)
class BlobConfig:
    """Blobs of some tomograms; diameter in Å; number or threshold or neither, not both."""

    tomograms: tuple[str, ...]
    output: str
    diameter: float
    method: str = "log"
    number: int | None = None
    threshold: float | None = None
    bright: bool = False
    tomogram_sampling_rate: float | None = None
    mask: tuple[str, ...] = ()
    threads: int = 1

    def __post_init__(self) -> None:
        require_distinct(self.tomograms, "--tomograms", "tomogram")
        require_pick_file(self.output, "-o")
        require_positive(self.diameter, "--diameter", "Å")
        require_positive(self.threads, "--threads")
        if self.method not in METHODS:
            raise InputError(f"--method: must be one of {', '.join(METHODS)}, received '{self.method}'")
        if self.number is not None and self.threshold is not None:
            raise InputError("--threshold: the best --number picks have a threshold of their own; give one of the two")
        if self.number is not None:
            require_positive(self.number, "--number", "picks in each tomogram")
        if self.threshold is not None:
            require_positive(self.threshold, "--threshold", "deviations of the filter's response")
        if self.tomogram_sampling_rate is not None:
            require_positive(self.tomogram_sampling_rate, "--tomogramSamplingrate", "Å/voxel")


def write_blobs(config: BlobConfig) -> list[Picks]:
    """Pick from files to a file; returns the picks of each tomogram. Every tomogram is opened before the first is picked."""
    from tomo_particles.core.tomograms import each_tomogram, open_tomogram, tomogram_id

    notes: list[str] = []
    masks = masks_by_tomogram(config.mask, [tomogram_id(path) for path in config.tomograms], "--mask")
    for tomogram in each_tomogram(config.tomograms, config.tomogram_sampling_rate, "--tomograms", notes):
        check_particle_size(config.diameter, tomogram, "--diameter", LEAST_VOXELS)
        mask_of(masks, tomogram)
    print_notes(notes)
    pickings = []
    with stage("picking", len(config.tomograms), "tomograms") as at:
        for path in config.tomograms:
            with open_tomogram(path, config.tomogram_sampling_rate, "--tomograms") as tomogram:
                pickings.append(_pick(config, tomogram, mask_of(masks, tomogram)))
            at.done(f"{path}: {len(pickings[-1])} picks")
    write_pickings(config.output, pickings, config.tomograms, config.diameter)
    return pickings


def _pick(config: BlobConfig, tomogram: Tomogram, mask: RegionMask | None) -> Picks:
    from tomo_particles.core.picks import Picks
    from tomo_particles.core.tomograms import tomogram_id
    from tomo_particles.pickers.blobs import find_blobs

    notes: list[str] = []
    found = find_blobs(
        tomogram.data,
        config.diameter / tomogram.sampling_rate,
        method=config.method,
        bright=config.bright,
        number=config.number,
        threshold=config.threshold,
        threads=config.threads,
        bad=bad_voxels_of(mask, tomogram),
        notes=notes,
    )
    print_notes(f"'{tomogram.path}': {note}" for note in notes)
    picks = Picks(tomogram_id(tomogram.path), found.positions, tomogram.sampling_rate, score=found.scores)
    return picks if mask is None else picks[~mask.is_bad_at(picks.positions, tomogram.sampling_rate)]


class PickBlobsTomo(Program):
    """Command line of `write_blobs`."""

    name = "xmipp_pick_blobs_tomo"
    outputs = {"-o": "file"}

    def defineParams(self) -> None:
        self.addUsageLine("Blob picking: particles of one diameter in tomograms, found without any reference.")
        self.addUsageLine(
            "Each tomogram is filtered with a Laplacian of Gaussian or a difference of Gaussians of the size of the particle. "
            "The score is the filter response in robust standard deviations. Gold beads do not change this scale, but they are "
            "blobs too and are picked. Places without data give no picks. The picks have no orientation and no class."
        )
        self.addParamsLine("  --tomograms <...> : tomograms, MRC")
        self.addParamsLine("  -o <file> : picks, .csv or .xmd; voxels of each tomogram")
        self.addParamsLine("  --diameter <double> : particle diameter in A; picks are at least half of it apart")
        self.addParamsLine(" [--method <method=log>] : filter")
        self.addParamsLine("      where <method>")
        self.addParamsLine("        log : Laplacian of Gaussian")
        self.addParamsLine("        dog : difference of two Gaussians, with a slightly wider band")
        self.addParamsLine(" [--number <int>] : the best n picks of each tomogram")
        self.addParamsLine(
            " [--threshold <double>] : lowest accepted score, in standard deviations; not with --number. Default, if neither is "
            "given: the score that noise would reach about once per tomogram"
        )
        self.addParamsLine(MASK_HELP)
        self.addParamsLine(" [--bright] : particles are brighter than their surroundings; default: darker")
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one"
        )
        self.addParamsLine(" [--threads <int=2>] : CPU threads")
        self.addExampleLine("xmipp_pick_blobs_tomo --tomograms TS_01.mrc TS_02.mrc -o blobs.csv --diameter 120")

    def readParams(self) -> None:
        self.config = BlobConfig(
            tomograms=tuple(self.optional_list("--tomograms")),
            output=self.getParam("-o"),
            diameter=self.number("--diameter"),
            method=self.getParam("--method"),
            number=self.integer("--number") if self.checkParam("--number") else None,
            threshold=self.number("--threshold") if self.checkParam("--threshold") else None,
            bright=self.checkParam("--bright"),
            tomogram_sampling_rate=self.number("--tomogramSamplingrate") if self.checkParam("--tomogramSamplingrate") else None,
            mask=tuple(self.optional_list("--mask")),
            threads=self.integer("--threads"),
        )

    def run(self) -> None:
        pickings = write_blobs(self.config)
        say_result(f"{sum(map(len, pickings))} picks in {self.config.output}")
        if not any(map(len, pickings)):
            remedies = "lower --threshold, check --diameter, or give --bright if particles are bright"
            print_notes([nothing_picked(remedies, bool(self.config.mask))])


def main() -> int:
    """Console script."""
    return run(PickBlobsTomo)


if __name__ == "__main__":
    sys.exit(main())
