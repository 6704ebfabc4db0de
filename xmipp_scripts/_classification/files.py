"""xmipp_split_subtomograms_tomo from files to files: particles read and checked, classes, maps and tables written."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles import __version__
from tomo_particles.averaging.second_look import is_dark
from tomo_particles.classification.class_maps import weighted_sums
from tomo_particles.classification.nuisances import STRONG, directions_of, nuisances_of
from tomo_particles.classification.split_set import STEPS, SplitSet, split_set
from tomo_particles.classification.two_classes import agreement_of
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import write_table
from tomo_particles.fourier.shell_correlation import last_shell, resolution_text, shell_correlation

from .._shared.progress import stage
from .config import SplitConfig
from .inputs import SplitInput, read_input
from .masks import mask_on
from .page import write_split_page

DETAILS = 5.0  # the default resolution in diameters
FINEST = 2.5  # voxels
SIDES = "they may be one structure seen from different sides"
MEANING = {
    "contrast": "one class may lack mass, or only be weaker; look at the difference",
    "direction of view": SIDES,
    "direction of the tilt axis": SIDES,
    "tomogram": "they may be one structure in different tomograms",
}
FILES = ("class_[1-8]*.mrc", "difference.mrc", "mask.mrc", "classes.xmd", "fsc.csv", "summary.json", "report.html")


def write_split(config: SplitConfig) -> dict:
    """Split from files to files; returns what summary.json says. All input is checked before the work."""
    begin = time.perf_counter()
    _keep_inputs(config)
    notes: list[str] = []
    with ExitStack() as stack:
        given = read_input(config, stack, notes)
        boxes = given.boxes
        resolution = config.max_resolution or max(given.diameter / DETAILS, FINEST * boxes.rate)
        if not 2 * boxes.rate <= resolution <= given.diameter / 1.5:
            raise InputError(
                f"--maxResolution: must lie between {2 * boxes.rate:g} Å, two voxels, and {given.diameter / 1.5:.0f} Å, at which "
                f"the particle is a ball; received {resolution:g}"
            )
        mask = mask_on(config.mask, given.diameter, boxes)
        with stage("splitting", STEPS + (STEPS + 1) * (config.classes - 2), "steps") as at:
            found = split_set(
                boxes, given.poses, given.half, mask, resolution, config.seed, config.threads, at.step, config.classes
            )
        maps, curves = _maps(given, found, mask, resolution)
    directions = directions_of(given.poses.rotations.as_matrix().reshape(-1, 3, 3), tilted=True)
    nuisances = nuisances_of(found.log_odds, {"contrast": found.contrast}, directions, {"tomogram": given.names})
    notes += [
        f"the classes follow the {name} of the particles (correlation {value:.2f}): {MEANING[name]}"
        for name, value in nuisances.items()
        if value > STRONG
    ]
    if found.attracted:
        notes.append("one class attracted nearly all particles in the refinement: the partition before it stays")
    if found.continuous:
        notes.append("continuum: the particles form no two groups; the classes are the two ends of one distribution")
    summary = {
        "version": __version__,
        "verdict": "supported" if found.supported else "not supported",
        "follows": found.follows,
        "agreement": round(found.found.mean, 4),
        "agreementsOfOneStructure": np.round(found.nulls, 4).tolist(),
        "particles": len(boxes),
        "splits": [asdict(one) for one in found.partition.attempts],
        "particlesOfClass": np.bincount(found.partition.labels)[1:].tolist(),
        "leftOut": given.left_out,
        "maxResolution": round(resolution, 2),
        "box": boxes.edge,
        "samplingRate": boxes.rate,
        "resolution": {
            name: resolution_text(np.r_[1.0, curves[name]], 0.143, boxes.edge * boxes.rate)  # the table begins with shell 1
            for name in list(curves)[3:-1]
        },
        "nuisances": nuisances,
        "continuum": found.continuous,
        "notes": notes,
        "parameters": asdict(config),
        "seconds": round(time.perf_counter() - begin, 1),
    }
    _write(config, given, found, maps, curves, summary)
    return summary


def _keep_inputs(config: SplitConfig) -> None:
    """Refuse an output folder in which a file that is read would be replaced."""
    written = {one.resolve() for pattern in FILES for one in Path(config.odir).glob(pattern)}
    for option, path in (("-i", config.input), ("--mask", config.mask)):
        if path and Path(path).resolve() in written:
            raise InputError(f"{option}: '{path}' would be replaced by the result; give another folder with --odir")


def _maps(given: SplitInput, found: SplitSet, mask: np.ndarray, resolution: float) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """The maps by name, bright, and the table of their correlations."""
    boxes, weights, half = given.boxes, found.partition.probabilities, given.half
    k = weights.shape[1]
    alone = np.stack([found.in_halves, 1 - found.in_halves], axis=1) if k == 2 else weights
    parts = [alone * (half == h)[:, None] for h in (0, 1)]
    sums = weighted_sums(boxes, given.poses, np.concatenate([weights, *parts], axis=1))
    full = boxes.band(2 * boxes.rate)
    volumes = [full.volume(one.average(), boxes.edge) for one in sums]
    sign = -1.0 if is_dark(np.sum(volumes[:k], axis=0), given.diameter / boxes.rate) else 1.0
    volumes = [np.float32(sign) * one for one in volumes]
    wholes, halves = volumes[:k], (volumes[k : 2 * k], volumes[2 * k :])
    shells, every = np.arange(int(full.shells.max()) + 1), np.ones(len(full.shells))
    correlations = {
        f"class_{c}": shell_correlation(full.pack(one * mask), full.pack(other * mask), full.shells, every)
        for c, (one, other) in enumerate(zip(*halves, strict=True), start=1)
    }
    differences = [own[0] - own[1] for own in halves]
    agreement = agreement_of(differences[0] * mask, differences[1] * mask, full)
    band = boxes.band(resolution)
    known = np.clip(found.found.agreement if k == 2 else agreement[: len(found.found.agreement)], 0, 1)[band.shells]
    difference = band.volume((band.pack((wholes[0] - wholes[1]) * mask) * known).astype(np.complex64), boxes.edge)
    filtered = {
        name: full.volume((full.pack(one) * _weights(correlations[name])[full.shells]).astype(np.complex64))
        for name, one in zip(correlations, wholes, strict=True)
    }
    extent = boxes.edge * boxes.rate
    table = {"shell": shells, "frequency": shells / extent, "resolution": extent / np.maximum(shells, 1)}
    table |= {**correlations, "difference": agreement}
    of_halves = {f"class_{c + 1}_half{h + 1}": halves[h][c] for c in range(k) for h in (0, 1)}
    curves = pd.DataFrame(table).iloc[1 : boxes.edge // 2]
    return {**filtered, "difference": difference, "mask": mask, **of_halves}, curves


def _weights(fsc: np.ndarray) -> np.ndarray:
    good = np.clip(np.nan_to_num(fsc), 0, 1)
    good[max(1, last_shell(fsc, 0.143)) + 1 :] = 0
    return np.sqrt(2 * good / (1 + good))


def _write(
    config: SplitConfig, given: SplitInput, found: SplitSet, maps: dict[str, np.ndarray], curves: pd.DataFrame, summary: dict
) -> None:
    folder = Path(config.odir)
    for old in {one for pattern in FILES for one in folder.glob(pattern)}:
        old.unlink()  # of an earlier split: it would pass for this one's
    for name, volume in maps.items():
        write_volume(folder / f"{name}.mrc", volume, given.boxes.rate)
    partition = found.partition
    two = partition.probabilities.shape[1] == 2
    table = given.table | {
        "ref3d": partition.labels.tolist(),
        "logLikelihood": (found.log_odds if two else partition.log_odds()).tolist(),
        "weight": partition.weights.tolist(),
    }
    write_table(folder / "classes.xmd", table)
    write_csv_table(folder / "fsc.csv", curves)
    write_split_page(folder / "report.html", maps, curves, found, summary)
    with written_aside(folder / "summary.json") as aside:
        aside.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def verdict_text(summary: dict) -> str:
    """Whether there are two structures, in a sentence."""
    if summary["verdict"] == "not tested":
        return "not tested: the recipe of the thesis does not ask whether there are two structures; use the other recipe for that"
    nulls = summary["agreementsOfOneStructure"]
    compared = f"{summary['agreement']:.2f}; sets of one structure reach {max(nulls):.2f}"
    if summary["verdict"] == "supported":
        return f"supported: two halves that never met find the same difference (mean correlation {compared})"
    if follows := summary.get("follows"):
        return f"not supported: the classes follow the {follows}; {SIDES} (mean correlation of two halves {compared})"
    return f"not supported: nothing says that there are two structures (mean correlation of two halves {compared})"


def classes_text(summary: dict) -> str:
    """How many particles each class has, and its resolution."""
    return "; ".join(
        f"class {number}: {count} particles, FSC 0.143 {summary['resolution'][f'class_{number}']}"
        for number, count in enumerate(summary["particlesOfClass"], start=1)
    )


def summary_text(summary: dict, odir: str) -> str:
    """The main results for the terminal, the verdict first."""
    return "\n".join(
        [
            verdict_text(summary),
            classes_text(summary),
            f"classes and maps in '{odir}', compared up to {summary['maxResolution']:g} A, {summary['seconds']:g} s",
            *(f"note: {note}" for note in summary["notes"]),
        ]
    )
