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
from tomo_particles.averaging.branches import in_box
from tomo_particles.averaging.search import mask_of
from tomo_particles.averaging.second_look import is_dark
from tomo_particles.classification.class_maps import weighted_sums
from tomo_particles.classification.nuisances import STRONG, nuisances_of
from tomo_particles.classification.split_set import STEPS, SplitSet, split_set
from tomo_particles.classification.two_classes import agreement_of
from tomo_particles.core.density_files import open_density
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import write_table
from tomo_particles.fourier.shell_correlation import last_shell, resolution_text, shell_correlation

from .._shared.progress import stage
from .config import SplitConfig
from .inputs import SplitInput, read_input
from .page import write_split_page

DETAILS = 5.0  # the default resolution in diameters
FINEST = 2.5  # voxels
MEANING = {
    "contrast": "one class may lack mass, or only be weaker; look at the difference",
    "direction of view": "they may be one structure seen from different sides",
    "tomogram": "they may be one structure in different tomograms",
}
MAPS = ("class_1", "class_2", "difference", "mask", *(f"class_{k}_half{h}" for k in (1, 2) for h in (1, 2)))
FILES = (*(f"{name}.mrc" for name in MAPS), "classes.xmd", "fsc.csv", "summary.json", "report.html")


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
        mask = _mask(config, given)
        with stage("splitting", STEPS, "steps") as at:
            found = split_set(boxes, given.poses, given.half, mask, resolution, config.seed, config.threads, at.step)
        maps, curves = _maps(given, found, mask, resolution)
    nuisances = nuisances_of(found.log_odds, found.contrast, given.poses.rotations, given.names)
    notes += [
        f"the classes follow the {name} of the particles (rank correlation {value:.2f}): {MEANING[name]}"
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
        "agreement": round(found.found.mean, 4),
        "agreementsOfOneStructure": np.round(found.nulls, 4).tolist(),
        "particles": len(boxes),
        "particlesOfClass": [int((found.log_odds > 0).sum()), int((found.log_odds <= 0).sum())],
        "leftOut": given.left_out,
        "maxResolution": round(resolution, 2),
        "box": boxes.edge,
        "samplingRate": boxes.rate,
        "resolution": {
            name: resolution_text(curves[name].to_numpy(), 0.143, boxes.edge * boxes.rate) for name in ("class_1", "class_2")
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
    written = {(Path(config.odir) / name).resolve() for name in FILES}
    for option, path in (("-i", config.input), ("--mask", config.mask)):
        if path and Path(path).resolve() in written:
            raise InputError(f"{option}: '{path}' would be replaced by the result; give another folder with --odir")


def _mask(config: SplitConfig, given: SplitInput) -> np.ndarray:
    """(edge,) * 3 on the grid of the boxes."""
    boxes = given.boxes
    if config.mask is None:
        return mask_of(boxes.band(2 * boxes.rate), given.diameter, boxes.edge)
    with open_density(config.mask, "--mask") as density:
        data, rate = np.array(density.data, dtype=np.float32), float(density.voxel[0] or boxes.rate)
    if data.ndim != 3 or not np.isfinite(data).all() or data.max() <= 0:
        raise InputError(f"--mask: '{config.mask}' is no volume with values above 0; give a mask that is 1 inside")
    if abs(data.shape[0] * rate - boxes.edge * boxes.rate) > 2 * max(rate, boxes.rate):
        raise InputError(
            f"--mask: '{config.mask}' is {data.shape[0] * rate:.0f} Å wide, the boxes are {boxes.edge * boxes.rate:.0f} Å; give "
            "a mask of the box of the particles"
        )
    return np.clip(in_box(data / data.max(), rate, boxes), 0, 1)


def _maps(given: SplitInput, found: SplitSet, mask: np.ndarray, resolution: float) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """The maps by name, bright, and the table of their correlations."""
    boxes, first, alone, half = given.boxes, found.first, found.in_halves, given.half
    parts = [weight * (half == h) for weight in (alone, 1 - alone) for h in (0, 1)]
    sums = weighted_sums(boxes, given.poses, np.stack([first, 1 - first, *parts], axis=1))
    full = boxes.band(2 * boxes.rate)
    volumes = [full.volume(one.average(), boxes.edge) for one in sums]
    sign = -1.0 if is_dark(volumes[0] + volumes[1], given.diameter / boxes.rate) else 1.0
    volumes = [np.float32(sign) * one for one in volumes]
    shells = np.arange(int(full.shells.max()) + 1)
    correlations = {
        f"class_{k}": shell_correlation(
            full.pack(volumes[2 * k] * mask), full.pack(volumes[2 * k + 1] * mask), full.shells, np.ones(len(full.shells))
        )
        for k in (1, 2)
    }
    differences = [volumes[2 + h] - volumes[4 + h] for h in (0, 1)]
    agreement = agreement_of(differences[0] * mask, differences[1] * mask, full)
    band = boxes.band(resolution)
    known = np.clip(found.found.agreement, 0, 1)[band.shells]
    difference = band.volume((band.pack((volumes[0] - volumes[1]) * mask) * known).astype(np.complex64), boxes.edge)
    filtered = {
        f"class_{k}": full.volume(
            (full.pack(volumes[k - 1]) * _weights(correlations[f"class_{k}"])[full.shells]).astype(np.complex64)
        )
        for k in (1, 2)
    }
    extent = boxes.edge * boxes.rate
    table = {"shell": shells, "frequency": shells / extent, "resolution": extent / np.maximum(shells, 1)}
    table |= {**correlations, "difference": agreement}
    halves = {f"class_{k}_half{h}": volumes[2 * k + h - 1] for k in (1, 2) for h in (1, 2)}
    curves = pd.DataFrame(table).iloc[1 : boxes.edge // 2]
    return {**filtered, "difference": difference, "mask": mask, **halves}, curves


def _weights(fsc: np.ndarray) -> np.ndarray:
    good = np.clip(np.nan_to_num(fsc), 0, 1)
    good[max(1, last_shell(fsc, 0.143)) + 1 :] = 0
    return np.sqrt(2 * good / (1 + good))


def _write(
    config: SplitConfig, given: SplitInput, found: SplitSet, maps: dict[str, np.ndarray], curves: pd.DataFrame, summary: dict
) -> None:
    folder = Path(config.odir)
    for name in FILES:
        (folder / name).unlink(missing_ok=True)  # of an earlier split: it would pass for this one's
    for name, volume in maps.items():
        write_volume(folder / f"{name}.mrc", volume, given.boxes.rate)
    first = found.first
    table = given.table | {
        "ref3d": np.where(found.log_odds > 0, 1, 2).tolist(),
        "logLikelihood": found.log_odds.tolist(),
        "weight": np.where(found.log_odds > 0, first, 1 - first).tolist(),
    }
    write_table(folder / "classes.xmd", table)
    write_csv_table(folder / "fsc.csv", curves)
    write_split_page(folder / "report.html", maps, curves, found, summary)
    with written_aside(folder / "summary.json") as aside:
        aside.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def verdict_text(summary: dict) -> str:
    """Whether there are two structures, in a sentence."""
    nulls = summary["agreementsOfOneStructure"]
    compared = f"{summary['agreement']:.2f}; sets of one structure reach {max(nulls):.2f}"
    if summary["verdict"] == "supported":
        return f"supported: two halves that never met find the same difference (mean correlation {compared})"
    return f"not supported: nothing says that there are two structures (mean correlation of two halves {compared})"


def summary_text(summary: dict, odir: str) -> str:
    """The main results for the terminal, the verdict first."""
    one, two = summary["particlesOfClass"]
    resolution = "; ".join(f"class {name[-1]} {text}" for name, text in summary["resolution"].items())
    return "\n".join(
        [
            verdict_text(summary),
            f"class 1: {one} particles, class 2: {two}; FSC 0.143: {resolution}",
            f"classes and maps in '{odir}', compared up to {summary['maxResolution']:g} A, {summary['seconds']:g} s",
            *(f"note: {note}" for note in summary["notes"]),
        ]
    )
