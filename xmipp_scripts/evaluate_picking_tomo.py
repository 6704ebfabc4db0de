"""xmipp_evaluate_picking_tomo: a picking against ground truth, by the numbers of SHREC 2020."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from tomo_particles.core.errors import InputError

from ._shared.mask_option import MASK_HELP
from ._shared.program import Program, require_positive, run, say_result
from ._shared.progress import stage

if TYPE_CHECKING:
    import numpy as np

    from tomo_particles.core.picks import Picks
    from tomo_particles.evaluation.report import Comparison

    from ._evaluation.inputs import Case, Inputs


@dataclass(frozen=True)
class EvaluationConfig:
    """One evaluation; radius in voxels of the truth, None: half the diameter of each class; sampling_rate in Å/voxel."""

    picks: str
    truth: str
    oroot: str
    radius: float | None = None
    classes: str | None = None
    target: tuple[str, ...] = ()
    tomograms: tuple[str, ...] = ()
    sampling_rate: float | None = None
    occupancy: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    seed: int = 1

    def __post_init__(self) -> None:
        if self.radius is None and self.classes is None:
            raise InputError(
                "--radius: the largest distance of a hit is not known; give --radius in voxels of the truth, "
                "or --classes with the diameters"
            )
        if self.radius is not None:
            require_positive(self.radius, "--radius", "voxels of the truth")
        if self.sampling_rate is not None:
            require_positive(self.sampling_rate, "--samplingrate", "Å/voxel")
        if self.seed < 0:
            raise InputError(f"--seed: must be 0 or more, received {self.seed}")


def read(config: EvaluationConfig) -> Inputs:
    """Read and check the files of an evaluation. Raises InputError."""
    from ._evaluation.inputs import read_inputs

    return read_inputs(
        config.picks,
        config.truth,
        radius=config.radius,
        classes=config.classes,
        target=config.target,
        tomograms=config.tomograms,
        sampling_rate=config.sampling_rate,
        occupancy=config.occupancy,
        mask=config.mask,
    )


def compare_tomograms(inputs: Inputs, seed: int) -> dict[str, Comparison]:
    """The comparison of picks and truth in each tomogram, by its id."""
    return _compared(inputs, seed, lambda case: (case.picks, case.target))


def compare_good_regions(inputs: Inputs, comparisons: dict[str, Comparison], seed: int) -> dict[str, Comparison]:
    """The same without what lies in bad regions, of the tomograms that have a mask."""
    from tomo_particles.evaluation.report import outside_bad

    kept = {}
    for tomo_id, case in inputs.cases.items():
        if case.mask is not None:
            bad = [case.mask.is_bad_at(one.positions, one.sampling_rate) for one in (case.picks, case.truth)]
            kept[tomo_id] = outside_bad(comparisons[tomo_id], *bad)
    cases = {tomo_id: case for tomo_id, case in inputs.cases.items() if tomo_id in kept}

    def good(case: Case) -> tuple[Picks, np.ndarray]:
        picks, particles = kept[case.truth.tomo_id]
        return case.picks[picks], particles

    return _compared(replace(inputs, cases=cases), seed, good)


def _compared(inputs: Inputs, seed: int, of_case: Callable[[Case], tuple[Picks, np.ndarray]]) -> dict[str, Comparison]:
    import numpy as np

    from tomo_particles.core.seeds import seed_of
    from tomo_particles.core.tomograms import open_tomogram
    from tomo_particles.evaluation.report import compare

    def compared(tomo_id: str, case: Case) -> Comparison:
        # From the name and not from the order: a tomogram's baseline is the same whatever else is evaluated
        rng = np.random.default_rng(seed_of(seed, tomo_id))
        occupancy = open_tomogram(case.occupancy, case.truth.sampling_rate, "--occupancy") if case.occupancy else nullcontext()
        with occupancy as opened:
            picks, target = of_case(case)
            volume = opened.data if opened else None
            return compare(picks, case.truth, target, case.radii, rng=rng, size=case.size, volume=volume)

    with stage("comparing", len(inputs.cases), "tomograms") as at:
        return {tomo_id: compared(tomo_id, case) for tomo_id, case in at.each(inputs.cases.items())}


def page_of(config: EvaluationConfig, inputs: Inputs, comparisons: dict[str, Comparison]) -> dict[str, Any]:
    """Every number, and how it came about, as it goes into the JSON file."""
    from tomo_particles import __version__
    from tomo_particles.evaluation.calibration import why_not_probabilities
    from tomo_particles.evaluation.report import Joined, curve_numbers, report, score_curves

    joined = Joined.of(list(comparisons.values()))
    good = list(compare_good_regions(inputs, comparisons, config.seed).values())
    notes = [*inputs.notes]
    if good and not any(one.target.any() for one in good):
        notes.append("no particle of the truth lies in a good region of the masks: there are no numbers of good regions only")
        good = []
    reason = why_not_probabilities(joined.score)
    return {
        "program": EvaluatePickingTomo.name,
        "version": __version__,
        "seed": config.seed,
        "parameters": asdict(config),
        "notes": [*notes, *([f"no Brier score and no ECE: {reason}"] if reason else [])],
        "all": report(joined, inputs.targets, inputs.species),
        # Without the picks and the particles in bad regions; None without masks, and where no particle is left
        "good_regions": report(Joined.of(good), inputs.targets, inputs.species) if good else None,
        "curves": {rule: curve_numbers(found) for rule in joined.candidates if (found := score_curves(joined, rule))},
        "tomograms": {tomo_id: report(Joined.of([one]), inputs.targets, inputs.species) for tomo_id, one in comparisons.items()},
    }


def evaluate(config: EvaluationConfig) -> tuple[list[str], str]:
    """Evaluate from files to files; returns the paths written and the text for the terminal. Raises InputError."""
    inputs = read(config)
    from ._evaluation.outputs import summary_text, write_outputs  # after reading: wrong input is reported before scipy is loaded

    comparisons = compare_tomograms(inputs, config.seed)
    page = page_of(config, inputs, comparisons)
    written = write_outputs(config.oroot, page, list(comparisons.values()), list(inputs.cases.values()), inputs.targets)
    return written, summary_text(page)


class EvaluatePickingTomo(Program):
    """Command line of `evaluate`."""

    name = "xmipp_evaluate_picking_tomo"
    outputs = {"--oroot": "base"}
    parameters = {"picks_sampling_rate": "--samplingrate"}

    def defineParams(self) -> None:
        self.addUsageLine("Evaluate a picking against ground truth with the metrics of SHREC 2020, in total and per class.")
        self.addUsageLine(
            "Metrics: number of picks (RR), unique particles found (TP), false picks (FP), missed particles (FN), multiple hits "
            "(MH), picks outside (RO), mean distance (AD), recall, precision, miss rate, F1 and F4; the same for random "
            "positions; from the scores, average precision, Brier score and calibration error. Picks and particles are paired by "
            "distance, one to one. With --occupancy they are also paired by the rule of SHREC: the voxel in which the pick lies."
        )
        self.addParamsLine("  --picks <pickFile> : picks to evaluate: CSV (tomo_id,x,y,z[,score][,class]...) or XMD")
        self.addParamsLine(
            "  --truth <truthFile> : ground truth in the same formats; beads and vesicles do not count as particles"
        )
        self.addParamsLine("  --oroot <base> : writes base.json, _metrics.csv, _picks.xmd, _curves.png, _confusion.csv and .png")
        self.addParamsLine(
            " [--radius <r>] : largest distance of a hit, in voxels of the truth; default: half the class diameter"
        )
        self.addParamsLine(" [--classes <classesFile>] : CSV with class,molecular_weight (kDa),diameter (A),distractor (0 or 1)")
        self.addParamsLine(" [--target <...>] : only these classes count as particles; picks on other classes are false")
        self.addParamsLine(" [--tomograms <...>] : tomograms (MRC) to evaluate; gives their sizes and sampling rates")
        self.addParamsLine(" [--samplingrate <srate>] : A/voxel of files without the column samplingRate")
        self.addParamsLine(" [--occupancy <...>] : volumes <tomogram>_occupancy.mrc with the particle number of each voxel")
        self.addParamsLine(
            f"{MASK_HELP}. Every number is also given without the picks and the particles in bad regions; needs --tomograms"
        )
        self.addParamsLine(" [--seed <int=1>] : seed of the random baseline; recorded in the output")
        self.addExampleLine(
            "xmipp_evaluate_picking_tomo --picks picks.csv --truth ground_truth.csv --classes classes.csv --oroot result/picks "
            "--occupancy tomo_1_occupancy.mrc"
        )

    def readParams(self) -> None:
        self.config = EvaluationConfig(
            picks=self.getParam("--picks"),
            truth=self.getParam("--truth"),
            oroot=self.getParam("--oroot"),
            radius=self.number("--radius") if self.checkParam("--radius") else None,
            classes=self.optional_path("--classes"),
            target=tuple(self.optional_list("--target")),
            tomograms=tuple(self.optional_list("--tomograms")),
            sampling_rate=self.number("--samplingrate") if self.checkParam("--samplingrate") else None,
            occupancy=tuple(self.optional_list("--occupancy")),
            mask=tuple(self.optional_list("--mask")),
            seed=self.integer("--seed"),
        )

    def run(self) -> None:
        written, text = evaluate(self.config)
        say_result(*text.split("\n"))
        say_result("written: " + " ".join(written))


def main() -> int:
    """Console script."""
    return run(EvaluatePickingTomo)


if __name__ == "__main__":
    sys.exit(main())
