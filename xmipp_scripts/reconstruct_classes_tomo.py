"""xmipp_reconstruct_classes_tomo: maps of the classes of projections, with half maps and their correlations."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tomo_particles.core.errors import InputError

from ._shared.output_folder import Written, claimed
from ._shared.program import Program, print_notes, require_positive, run, say_result
from ._shared.progress import stage

FILES = ("class_[1-9]*.mrc", "fsc.csv")


@dataclass(frozen=True)
class ReconstructConfig:
    """diameter: Å, of the mask of the correlation; None: of the largest ball in a box.  resize: pixels."""

    input: str
    odir: str
    diameter: float | None = None
    symmetry: str = "c1"
    resize: int | None = None
    sampling_rate: float | None = None
    flipped: bool = False

    def __post_init__(self) -> None:
        from tomo_particles.geometry.symmetry import symmetry_group

        symmetry_group(self.symmetry)
        for value, option, unit in ((self.diameter, "--diameter", "Å"), (self.sampling_rate, "--samplingrate", "Å/pixel")):
            if value is not None:
                require_positive(value, option, unit)


def reconstruct(config: ReconstructConfig) -> list[str]:
    """From files to files; returns a line for each class. Halves are every other particle by itemId."""
    import numpy as np
    import pandas as pd

    from tomo_particles.classification.reconstruction import class_maps
    from tomo_particles.core.files import write_csv_table
    from tomo_particles.core.tomograms import write_volume
    from tomo_particles.fourier.shell_correlation import resolution_text
    from tomo_particles.geometry.symmetry import symmetry_group

    from ._classification.masks import mask_on
    from ._classification.projections import class_weights, read_projections

    given = read_projections(config.input, rate=config.sampling_rate, resize=config.resize, flipped=config.flipped)
    particles, weights = given.particles, class_weights(given.table, config.input)
    edge, rate = particles.edge, particles.rate
    diameter = config.diameter or (edge - 4) * rate
    if diameter > edge * rate:
        raise InputError(f"--diameter: {diameter:g} Å do not fit in the images, which are {edge * rate:g} Å wide; lower it")
    mask, half = mask_on(None, diameter, particles), np.arange(len(particles)) % 2
    with stage("reconstructing", 1, "set"):
        maps, covered = class_maps(particles, weights, weights, half, mask, symmetry_group(config.symmetry))
    folder = Path(config.odir)
    print_notes(claimed(folder))
    for old in [one for pattern in FILES for one in folder.glob(pattern)]:
        old.unlink()  # of an earlier run: there may have been more classes
    shells = np.arange(1, edge // 2)
    table = {"shell": shells, "frequency": shells / (edge * rate), "resolution": edge * rate / shells}
    said = []
    for number, one in enumerate(maps, start=1):
        write_volume(folder / f"class_{number}.mrc", one.whole, rate)
        for half_number, volume in enumerate(one.halves, start=1):
            write_volume(folder / f"class_{number}_half{half_number}.mrc", volume, rate)
        table[f"class_{number}"] = one.fsc[shells]
        resolution = resolution_text(one.fsc, 0.143, edge * rate)
        said.append(f"class {number}: {weights[:, number - 1].sum():.0f} particles, FSC 0.143: {resolution}")
    write_csv_table(folder / "fsc.csv", pd.DataFrame(table))
    return [*said, f"{covered:.0%} of Fourier space was seen; maps in '{config.odir}'"]


class ReconstructClasses(Program):
    """Command line of `reconstruct`."""

    name = "xmipp_reconstruct_classes_tomo"
    outputs = {"--odir": "folder"}
    written = Written(FILES, ("fsc.csv", "written by xmipp_reconstruct_classes_tomo"))  # no version wrote it without a record
    parameters = {"input": "-i"}

    def defineParams(self) -> None:
        self.addUsageLine("Reconstruct the classes of projections: a map of each, its two half maps, and their correlation.")
        self.addUsageLine(
            "Each image is a slice through the spectrum of its class, weighted by the probability of the class and by the CTF; "
            "the sums are divided by what was seen, and filtered by the correlation of the half maps (every other particle by "
            "itemId). Writes class_1.mrc, class_1_half1.mrc, class_1_half2.mrc, and so on, and fsc.csv."
        )
        self.addParamsLine(
            "  -i <file> : XMD of classified projections, as classes.xmd of xmipp_run_split_volume: itemId, image, angles, "
            "shifts, ref3d, and if wanted weight and the CTF"
        )
        self.addParamsLine("  --odir <folder> : output folder; earlier maps in it are replaced")
        self.addParamsLine(" [--diameter <double>] : of the mask for the correlation, A; default: the largest ball in a box")
        self.addParamsLine(" [--symmetry <name=c1>] : symmetry of the particle: c1, c2, ..., d2, ..., t, o, i1, i2")
        self.addParamsLine(" [--resize <pixels>] : edge to which the images are scaled down before, even")
        self.addParamsLine(" [--samplingrate <double>] : A/pixel, if table and images do not say it")
        self.addParamsLine(" [--phaseFlipped] : the phases of the images were corrected for the CTF before")
        self.addExampleLine("xmipp_reconstruct_classes_tomo --odir maps -i split/classes.xmd")

    def readParams(self) -> None:
        optional = lambda option: self.number(option) if self.checkParam(option) else None  # noqa: E731
        self.config = ReconstructConfig(
            self.getParam("-i"),
            self.getParam("--odir"),
            optional("--diameter"),
            self.getParam("--symmetry"),
            self.integer("--resize") if self.checkParam("--resize") else None,
            optional("--samplingrate"),
            self.checkParam("--phaseFlipped"),
        )

    def run(self) -> None:
        say_result(*reconstruct(self.config))


def main() -> int:
    """Console script."""
    return run(ReconstructClasses)


if __name__ == "__main__":
    sys.exit(main())
