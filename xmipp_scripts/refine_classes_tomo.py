"""xmipp_refine_classes_tomo: classes of projections judged again by the maps of particles that do not judge themselves."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tomo_particles.core.errors import InputError

from ._shared.program import Program, require_positive, run, say_result
from ._shared.progress import stage


@dataclass(frozen=True)
class RefineConfig:
    """Lengths in Å. max_resolution None: a fifth of the diameter.  diameter None: of the largest ball in a box."""

    input: str
    output: str
    max_resolution: float | None = None
    mask: str | None = None
    diameter: float | None = None
    rounds: int = 2
    resize: int | None = None
    sampling_rate: float | None = None
    flipped: bool = False

    def __post_init__(self) -> None:
        for value, option, unit in (
            (self.max_resolution, "--maxResolution", "Å"),
            (self.diameter, "--diameter", "Å"),
            (self.rounds, "--iter", ""),
            (self.sampling_rate, "--samplingrate", "Å/pixel"),
        ):
            if value is not None:
                require_positive(value, option, unit)


def refine(config: RefineConfig) -> list[str]:
    """From file to file; returns what to tell."""
    import numpy as np

    from tomo_particles.classification.observations import Space
    from tomo_particles.classification.repeated_splits import Partition, judged_together
    from tomo_particles.classification.split_set import on_grid_of
    from tomo_particles.formats.xmd import write_table

    from ._classification.masks import mask_on
    from ._classification.projections import class_weights, read_projections

    given = read_projections(config.input, rate=config.sampling_rate, resize=config.resize, flipped=config.flipped)
    particles, before = given.particles, class_weights(given.table, config.input)
    if before.shape[1] < 2:
        raise InputError(f"-i: '{config.input}' has one class; there is nothing to refine")
    edge, rate = particles.edge, particles.rate
    diameter = config.diameter or (edge - 4) * rate
    resolution = config.max_resolution or max(diameter / 5, 2.5 * rate)
    if diameter > edge * rate:
        raise InputError(f"--diameter: {diameter:g} Å do not fit in the images, which are {edge * rate:g} Å wide; lower it")
    if not 2 * rate <= resolution <= diameter / 1.5:
        raise InputError(f"--maxResolution: must lie between {2 * rate:g} Å, two pixels, and {diameter / 1.5:.0f} Å, received "
                         f"{resolution:g}")  # fmt: skip
    band = particles.band(resolution)
    space = Space(band, on_grid_of(band, mask_on(config.mask, diameter, particles)))
    with stage("refining", 1, "set"):
        after = judged_together(particles.observed(space), before, config.rounds)
    if after is before:
        note = ["note: one class attracted nearly all particles: all stay as they were"]
    else:
        note = []
    order = np.argsort(-after.sum(axis=0), kind="stable")
    partition = Partition(after[:, order], [])
    moved = int((after.argmax(axis=1) != before.argmax(axis=1)).sum())
    columns = {
        "ref3d": partition.labels.tolist(),
        "logLikelihood": partition.log_odds().tolist(),
        "weight": partition.weights.tolist(),
    }
    write_table(config.output, given.table | columns)
    counts = " + ".join(str(int((partition.labels == number).sum())) for number in range(1, after.shape[1] + 1))
    return [f"{moved} of {len(particles)} particles changed their class; now {counts}", *note]


class RefineClasses(Program):
    """Command line of `refine`."""

    name = "xmipp_refine_classes_tomo"
    outputs = {"-o": "file"}
    parameters = {"input": "-i"}

    def defineParams(self) -> None:
        self.addUsageLine("Refine the classes of projections; the poses stay as they are.")
        self.addUsageLine(
            "Each fifth of the particles is judged by the classes of the other four, on what the average of all does not "
            "explain. Writes the table with new classes (ref3d, logLikelihood, weight), the largest class first. Whether there "
            "are several structures at all is not asked: see xmipp_run_split_volume."
        )
        self.addParamsLine(
            "  -i <file> : XMD of classified projections: itemId, image, angles, shifts, ref3d, and if wanted weight and the CTF"
        )
        self.addParamsLine("  -o <file> : the same particles with new classes, XMD")
        self.addParamsLine(" [--iter <int=2>] : rounds")
        self.addParamsLine(" [--maxResolution <double>] : finest resolution compared, A; default: a fifth of the diameter")
        self.addParamsLine(" [--mask <file>] : volume, framed as the average, 1 where structures may differ; default: a ball")
        self.addParamsLine(" [--diameter <double>] : diameter of that ball in A; default: the largest in a box")
        self.addParamsLine(" [--resize <pixels>] : edge to which the images are scaled down before, even")
        self.addParamsLine(" [--samplingrate <double>] : A/pixel, if table and images do not say it")
        self.addParamsLine(" [--phaseFlipped] : the phases of the images were corrected for the CTF before")
        self.addExampleLine("xmipp_refine_classes_tomo --iter 2 -i split/classes.xmd -o refined.xmd")

    def readParams(self) -> None:
        optional = lambda option: self.number(option) if self.checkParam(option) else None  # noqa: E731
        self.config = RefineConfig(
            self.getParam("-i"),
            self.getParam("-o"),
            optional("--maxResolution"),
            self.optional_path("--mask"),
            optional("--diameter"),
            self.integer("--iter"),
            self.integer("--resize") if self.checkParam("--resize") else None,
            optional("--samplingrate"),
            self.checkParam("--phaseFlipped"),
        )

    def run(self) -> None:
        say_result(*refine(self.config))


def main() -> int:
    """Console script."""
    return run(RefineClasses)


if __name__ == "__main__":
    sys.exit(main())
