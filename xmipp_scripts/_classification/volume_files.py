"""xmipp_run_split_volume from files to files: projections read and checked, classes, maps, graph and tables written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tomo_particles import __version__
from tomo_particles.averaging.second_look import is_dark
from tomo_particles.classification.cutoff_search import LARGEST_STEP
from tomo_particles.classification.nuisances import STRONG, directions_of, nuisances_of
from tomo_particles.classification.projections import Projections
from tomo_particles.classification.reconstruction import ClassMap, class_maps
from tomo_particles.classification.repeated_splits import Partition
from tomo_particles.classification.split_projections import How, SplitProjections, published, split_projections
from tomo_particles.classification.two_classes import agreement_of, posterior
from tomo_particles.classification.view_graph import ViewGraph, Views
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import write_table
from tomo_particles.fourier.shell_correlation import resolution_text
from tomo_particles.geometry.symmetry import symmetry_group

from .._shared.progress import stage
from .files import SIDES, classes_text, verdict_text
from .graph_files import GRAPH_FILES, write_graph
from .masks import mask_on
from .projections import ProjectionInput, read_projections
from .volume_config import PUBLISHED, VolumeConfig
from .volume_page import write_volume_page

SMALLEST_MARGIN = 4  # pixels of the box beside the particle
COVERED = 0.95  # of the spectrum: if less was seen, the maps lack something
PATTERNS = ("class_[1-8]*.mrc", "difference.mrc", "mask.mrc", "classes.xmd", "fsc.csv", *GRAPH_FILES, "report.html",
            "summary.json")  # fmt: skip
MEANING = {
    "contrast": "one class may lack mass, or only be weaker; look at the difference",
    "direction of view": SIDES,
    "defocus": "they may be one structure at different defocus",
    "micrograph": "they may be one structure in different micrographs",
}


@dataclass(frozen=True)
class Divided:
    """What both recipes give. graph: of all particles.  alone: (n, k) probabilities for the half maps.  split: None for the
    recipe of the thesis, which asks no halves."""

    partition: Partition
    graph: ViewGraph
    alone: np.ndarray
    split: SplitProjections | None


def write_volume_split(config: VolumeConfig, say: Callable[[str], None]) -> dict:
    """Split from files to files; returns what summary.json says. All input is checked before the work."""
    begin = time.perf_counter()
    _keep_inputs(config)
    given = read_projections(config.input, rate=config.sampling_rate, resize=config.resize, flipped=config.flipped)
    particles = given.particles
    n, extent = len(particles), particles.edge * particles.rate
    diameter = config.diameter or (particles.edge - SMALLEST_MARGIN) * particles.rate
    if diameter > extent:
        raise InputError(f"--diameter: {diameter:g} Å do not fit in the images, which are {extent:g} Å wide; lower it")
    resolution = config.max_resolution
    if resolution is not None and not 2 * particles.rate <= resolution <= diameter / 1.5:
        raise InputError(
            f"--maxResolution: must lie between {2 * particles.rate:g} Å, two pixels, and {diameter / 1.5:.0f} Å, at which the "
            f"particle is a ball; received {resolution:g}"
        )
    mask, half = mask_on(config.mask, diameter, particles), np.arange(n) % 2
    with stage("splitting", 1, "set"):
        divided = _divided(config, particles, half, mask, say)
    symmetry = symmetry_group(config.symmetry)
    maps, seen = class_maps(particles, divided.partition.probabilities, divided.alone, half, mask, symmetry)
    sign = np.float32(-1.0 if is_dark(np.sum([one.whole for one in maps], axis=0), diameter / particles.rate) else 1.0)
    volumes, curves = _volumes(particles, divided, maps, mask, sign)
    nuisances = _nuisances(given, divided)
    lost = _lost_by_symmetry(particles, half, mask, config)
    summary = _summary(config, given, divided, curves, nuisances) | {
        "covered": round(seen, 3),
        "notes": [*_notes(given, divided, nuisances, seen, config), *lost],
        "parameters": asdict(config),
        "seconds": round(time.perf_counter() - begin, 1),
    }
    _write(config, given, divided, volumes, curves, summary)
    return summary


def _divided(
    config: VolumeConfig, particles: Projections, half: np.ndarray, mask: np.ndarray, say: Callable[[str], None]
) -> Divided:
    thesis = config.recipe == "thesis"
    distance = config.distance or config.step or PUBLISHED
    views = Views(config.step or min(distance, LARGEST_STEP), distance, symmetry_group(config.symmetry), cross_fit=not thesis)
    if thesis:
        graph = published(particles, mask, views, config.seed)
        first = posterior(graph.log_odds if graph.log_odds.mean() >= 0 else -graph.log_odds)
        partition = Partition(np.stack([first, 1 - first], axis=1), [])
        if first.mean() < 0.5:
            partition = Partition(partition.probabilities[:, ::-1], [])
        return Divided(partition, graph, partition.probabilities, None)
    chosen = config.distance is not None or config.step is not None
    how = How(config.max_resolution, views, chosen, None, config.rounds, config.classes)
    found = split_projections(particles, half, mask, how, config.seed, config.threads, say)
    partition, in_halves = found.split.partition, found.split.in_halves
    two = partition.probabilities.shape[1] == 2
    alone = np.stack([in_halves, 1 - in_halves], axis=1) if two else partition.probabilities
    return Divided(partition, found.graph, alone, found)


def _lost_by_symmetry(particles: Projections, half: np.ndarray, mask: np.ndarray, config: VolumeConfig) -> list[str]:
    """What to tell if a half of the consensus without symmetry agrees less with the other half symmetrised than as it is."""
    if config.symmetry.lower() == "c1":
        return []
    ones, band = np.ones((len(particles), 1)), particles.band(2 * particles.rate)
    (plain,), _ = class_maps(particles, ones, ones, half, mask, symmetry_group("c1"))
    (whole,), _ = class_maps(particles, ones, ones, half, mask, symmetry_group(config.symmetry))
    pairs = [(plain.halves[0], other) for other in (plain.halves[1], whole.halves[1])]
    without, with_it = (float(agreement_of(one * mask, other * mask, band)[1:].mean()) for one, other in pairs)
    if with_it >= without:
        return []
    return [
        f"the halves of the average agree less with the symmetry {config.symmetry} (mean FSC {with_it:.2f}) than without it "
        f"({without:.2f}): it may be wrong"
    ]


def _keep_inputs(config: VolumeConfig) -> None:
    """Refuse an output folder in which a file that is read would be replaced."""
    folder = Path(config.odir).resolve()
    for option, path in (("-i", config.input), ("--mask", config.mask)):
        if path and Path(path).resolve() in {one.resolve() for pattern in PATTERNS for one in folder.glob(pattern)}:
            raise InputError(f"{option}: '{path}' would be replaced by the result; give another folder with --odir")


def _volumes(
    particles: Projections, divided: Divided, maps: list[ClassMap], mask: np.ndarray, sign: np.float32
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """The maps by name, bright, and the table of their correlations."""
    volumes = {f"class_{k}": sign * one.whole for k, one in enumerate(maps, start=1)}
    volumes |= {f"class_{k}_half{h + 1}": sign * one.halves[h] for k, one in enumerate(maps, start=1) for h in (0, 1)}
    band = particles.band(2 * particles.rate)
    differences = [(maps[0].halves[h] - maps[1].halves[h]) * mask for h in (0, 1)]
    agreement = agreement_of(differences[0], differences[1], band)
    known = np.clip(agreement, 0, 1)
    if divided.split is not None:
        known[band.shells.max() + 1 :] = 0
        known[np.arange(len(known)) > particles.edge * particles.rate / divided.split.resolution + 0.5] = 0
    packed = band.pack(sign * (maps[0].whole - maps[1].whole) * mask) * known[band.shells]
    volumes |= {"difference": band.volume(packed.astype(np.complex64), particles.edge), "mask": mask}
    shells = np.arange(1, particles.edge // 2)
    extent = particles.edge * particles.rate
    table = {"shell": shells, "frequency": shells / extent, "resolution": extent / shells}
    table |= {f"class_{k}": one.fsc[shells] for k, one in enumerate(maps, start=1)}
    return volumes, pd.DataFrame(table | {"difference": agreement[shells]})


def _nuisances(given: ProjectionInput, divided: Divided) -> dict[str, float]:
    numbers = {} if divided.split is None else {"contrast": divided.split.split.contrast}
    if given.particles.ctfs:
        numbers["defocus"] = np.array([ctf.defocus for ctf in given.particles.ctfs])
    first = np.clip(divided.partition.probabilities[:, 0], 1e-12, 1 - 1e-12)
    directions = directions_of(given.particles.axes, tilted=False)
    return nuisances_of(np.log(first / (1 - first)), numbers, directions, {"micrograph": given.micrographs})


def _summary(
    config: VolumeConfig, given: ProjectionInput, divided: Divided, curves: pd.DataFrame, nuisances: dict[str, float]
) -> dict[str, Any]:
    particles, found, graph = given.particles, divided.split, divided.graph
    labels, k = divided.partition.labels, divided.partition.probabilities.shape[1]
    extent = particles.edge * particles.rate
    said: dict[str, Any] = {"version": __version__, "verdict": "not tested"}
    if found is not None:
        said |= {
            "verdict": "supported" if found.split.supported else "not supported",
            "follows": found.split.follows,
            "agreement": round(found.split.found.mean, 4),
            "agreementsOfOneStructure": np.round(found.split.nulls, 4).tolist(),
            "continuum": found.split.continuous,
            "maxResolution": round(found.resolution, 2),
            "judgedUpTo": round(found.judged, 2),
            "tried": [[round(t.resolution, 2), round(t.distance, 2), round(t.agreement, 4)] for t in found.tried],
            "detectability": {name: round(value, 4) for name, value in asdict(found.detectability).items()},
            "splits": [asdict(one) for one in divided.partition.attempts],
        }
    return said | {
        "particles": len(particles),
        "particlesOfClass": [int((labels == number).sum()) for number in range(1, k + 1)],
        "leftOut": given.left_out,
        "box": particles.edge,
        "samplingRate": round(particles.rate, 4),
        "ctf": "none" if not particles.ctfs else "phases flipped" if particles.flipped else "in the images",
        "directions": len(graph.found),
        "informativeDirections": graph.informative,
        "angularDistance": round(graph.cones.distance, 2),
        "cut": {"value": graph.cut.value, "bound": graph.cut.bound, "frustration": abs(round(graph.cut.frustration, 4))},
        "resolution": {f"class_{c}": resolution_text(np.r_[1.0, curves[f"class_{c}"]], 0.143, extent) for c in range(1, k + 1)},
        "nuisances": nuisances,
    }


def _notes(given: ProjectionInput, divided: Divided, nuisances: dict[str, float], seen: float, config: VolumeConfig) -> list[str]:
    notes = []
    if given.left_out:
        notes.append(f"{given.left_out} images are empty or hold values that are no numbers: they are left out")
    if not given.particles.ctfs:
        notes.append("the table has no CTF (ctfDefocusU): images are taken as if they had none")
    wide = divided.graph.cones.distance
    if config.distance is not None and wide > config.distance:
        notes.append(f"cones of {config.distance:g} degrees hold too few particles: they are {wide:.1f} degrees wide")
    if divided.graph.cones.lost:
        notes.append(f"{divided.graph.cones.lost} particles lie in no cone with enough others")
    if seen < COVERED:
        notes.append(f"preferred views: only {seen:.0%} of Fourier space was seen; the maps are smeared along the rest")
    if (parts := len(set(divided.graph.cut.pieces[[one.informative for one in divided.graph.found]]))) > 1:
        compared = "nothing tells which of their classes belong together"  # the recipe of the thesis
        if divided.split is not None:
            compared = "their signs were compared by their differences alone"
        notes.append(f"the graph of directions is in {parts} pieces: {compared}")
    notes += [
        f"the classes follow the {name} of the particles (correlation {value:.2f}): {MEANING[name]}"
        for name, value in nuisances.items()
        if value > STRONG
    ]
    if divided.split is not None and divided.split.split.attracted:
        notes.append("one class attracted nearly all particles in the refinement: the partition before it stays")
    if divided.split is not None and divided.split.split.continuous:
        notes.append("continuum: the particles form no two groups; the classes are the two ends of one distribution")
    return notes


def _write(
    config: VolumeConfig,
    given: ProjectionInput,
    divided: Divided,
    volumes: dict[str, np.ndarray],
    curves: pd.DataFrame,
    summary: dict,
) -> None:
    folder, rate = Path(config.odir), given.particles.rate
    for old in {one for pattern in PATTERNS for one in folder.glob(pattern)}:
        old.unlink()  # of an earlier split: it would pass for this one's
    for name, volume in volumes.items():
        write_volume(folder / f"{name}.mrc", volume, rate)
    partition = divided.partition
    columns = {
        "ref3d": partition.labels.tolist(),
        "logLikelihood": partition.log_odds().tolist(),
        "weight": partition.weights.tolist(),
    }
    write_table(folder / "classes.xmd", given.table | columns)
    write_csv_table(folder / "fsc.csv", curves)
    pixel = rate if divided.split is None else given.particles.band(divided.split.resolution).voxel
    write_graph(folder, divided.graph, given.table["itemId"], pixel)
    write_volume_page(folder / "report.html", volumes, curves, partition, divided.graph, summary)
    with written_aside(folder / "summary.json") as aside:
        aside.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def volume_text(summary: dict, odir: str) -> str:
    """The main results for the terminal, the verdict first."""
    lines = [verdict_text(summary), classes_text(summary)]
    lines.append(
        f"{summary['informativeDirections']} of {summary['directions']} directions in cones of {summary['angularDistance']:g} "
        f"degrees are more than noise; {summary['cut']['frustration']:.3f} of the weights of the graph are not satisfied"
    )
    compared = ""
    if "maxResolution" in summary:
        compared = f", compared up to {summary['maxResolution']:g} A, classes judged up to {summary['judgedUpTo']:g} A"
    lines.append(f"classes and maps in '{odir}'{compared}, {summary['seconds']:g} s")
    return "\n".join([*lines, *(f"note: {note}" for note in summary["notes"])])
