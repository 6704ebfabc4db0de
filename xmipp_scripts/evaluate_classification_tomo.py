"""xmipp_evaluate_classification_tomo: classes of particles, and their maps, against the truth."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError, listed

from ._shared.program import Program, run, say_result

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ClassificationConfig:
    """classes, truth: XMD with itemId and ref3d.  maps, structures: of the classes 1, 2... and of the true ones, in one frame."""

    classes: str
    truth: str
    output: str
    maps: tuple[str, ...] = ()
    structures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.maps) != bool(self.structures):
            raise InputError("--maps and --structures: give both, or none of the two")


def evaluate(config: ClassificationConfig) -> dict:
    """Compare by itemId; returns what the output file says."""
    import numpy as np

    from tomo_particles import __version__
    from tomo_particles.core.files import written_aside
    from tomo_particles.evaluation import class_agreement as agreement

    found, probability = _labels(config.classes, "-i")
    true, _ = _labels(config.truth, "--truth")
    if unknown := [one for one in found if one not in true]:
        raise InputError(
            f"--truth: '{config.truth}' does not know {len(unknown)} particles of '{config.classes}', the first has the itemId "
            f"{unknown[0]}; give the truth of this set"
        )
    ids = sorted(found)
    own, other = (np.array([labels[one] for one in ids]) for labels in (found, true))
    good = agreement.right(own, other)
    names = agreement.matched_classes(own, other)
    result = {
        "version": __version__,
        "particles": len(ids),
        "missing": len(set(true) - set(found)),
        "accuracy": round(float(good.mean()), 4),
        "balancedAccuracy": round(agreement.balanced_accuracy(own, other), 4),
        "adjustedRandIndex": round(agreement.adjusted_rand_index(own, other), 4),
        "structureOfClass": {str(name): structure for name, structure in names.items()},
    }
    if probability:
        result["calibrationError"] = round(agreement.calibration_error(np.array([probability[one] for one in ids]), good), 4)
    if config.maps:
        result["resolution"] = _resolutions(config, names)
    result["parameters"] = asdict(config)
    with written_aside(config.output) as aside:
        aside.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def _labels(path: str, option: str) -> tuple[dict[int, int], dict[int, float]]:
    """Class, and probability of it where the table says it, by itemId."""
    from tomo_particles.formats.xmd import read_table

    table = read_table(path, option)
    if missing := [name for name in ("itemId", "ref3d") if name not in table]:
        raise InputError(f"{option}: '{path}' has no column {listed(missing)}; give the table of a classification")
    ids = table["itemId"]
    if len(set(ids)) < len(ids) or not ids:
        raise InputError(f"{option}: '{path}' has {'an itemId more than once' if ids else 'no particles'}; correct it")
    return dict(zip(ids, table["ref3d"], strict=True)), dict(zip(ids, table.get("weight", []), strict=False))


def _resolutions(config: ClassificationConfig, names: dict[int, int]) -> dict[str, str]:
    """Where the correlation of each class, and of the difference of the first two, with the truth falls below 0.5."""
    import numpy as np

    from tomo_particles.core.tomograms import open_tomogram
    from tomo_particles.fourier.shell_correlation import half_shells, resolution_text, shell_correlation

    read: dict[tuple[str, int], np.ndarray] = {}
    for option, paths in (("--maps", config.maps), ("--structures", config.structures)):
        for path in paths:
            with open_tomogram(path, None, option) as opened:
                read[option, len([key for key in read if key[0] == option]) + 1] = np.array(opened.data, float)
                rate = opened.sampling_rate
    shapes = {volume.shape for volume in read.values()}
    if len(shapes) > 1 or len(set(next(iter(shapes)))) > 1:
        raise InputError("--maps: maps and structures must be cubes of one size; resample them to one box")
    edge = next(iter(shapes))[0]
    shells, weights = half_shells(edge)

    def text(one: np.ndarray, other: np.ndarray) -> str:
        fsc = shell_correlation(np.fft.rfftn(one), np.fft.rfftn(other), shells, weights)
        return resolution_text(np.nan_to_num(fsc), 0.5, edge * rate)

    pairs = [(name, names[name]) for name in sorted(names) if ("--maps", name) in read and ("--structures", names[name]) in read]
    said = {f"class {name}": text(read["--maps", name], read["--structures", structure]) for name, structure in pairs}
    if len(pairs) > 1:
        (one, first), (two, second) = pairs[:2]
        difference = read["--structures", first] - read["--structures", second]
        said["difference"] = text(read["--maps", one] - read["--maps", two], difference)
    return said


class EvaluateClassification(Program):
    """Command line of `evaluate`."""

    name = "xmipp_evaluate_classification_tomo"
    outputs = {"-o": "file"}
    parameters = {"input": "-i"}

    def defineParams(self) -> None:
        self.addUsageLine("Compare the classes of particles with the true ones, and class averages with the true structures.")
        self.addUsageLine(
            "Particles are paired by itemId, classes so that most particles are right. Writes accuracy, balanced accuracy (mean "
            "over the true classes), adjusted Rand index (0: chance, 1: the same partition), calibration error of the column "
            "weight, and the resolution at which class averages and their difference correlate with the truth to 0.5."
        )
        self.addParamsLine("  -i <file> : XMD with itemId and ref3d, as classes.xmd of xmipp_split_subtomograms_tomo")
        self.addParamsLine("  --truth <file> : XMD with itemId and ref3d, as truth.xmd of xmipp_simulate_particles_tomo")
        self.addParamsLine("  -o <file> : result, JSON")
        self.addParamsLine(" [--maps <...>] : averages of the classes 1, 2..., in this order, in the frame of the structures")
        self.addParamsLine(" [--structures <...>] : maps of the true structures 1, 2..., in this order")
        self.addExampleLine("xmipp_evaluate_classification_tomo --truth particles/truth.xmd -i split/classes.xmd -o result.json")

    def readParams(self) -> None:
        self.config = ClassificationConfig(
            self.getParam("-i"),
            self.getParam("--truth"),
            self.getParam("-o"),
            tuple(self.optional_list("--maps")),
            tuple(self.optional_list("--structures")),
        )

    def run(self) -> None:
        result = evaluate(self.config)
        numbers = ("accuracy", "balancedAccuracy", "adjustedRandIndex", "calibrationError")
        say_result(
            f"{result['particles']} particles: " + ", ".join(f"{name} {result[name]:.3f}" for name in numbers if name in result)
        )
        say_result(*(f"{name}: correlation 0.5 with the truth at {text}" for name, text in result.get("resolution", {}).items()))


def main() -> int:
    """Console script."""
    return run(EvaluateClassification)


if __name__ == "__main__":
    sys.exit(main())
