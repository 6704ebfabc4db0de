"""What is split: picks of tomograms, or subtomograms in files; read and checked."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from tomo_particles.averaging.extracted_boxes import ExtractedBoxes, fault_of
from tomo_particles.averaging.picked_boxes import PickedBoxes, Source
from tomo_particles.averaging.poses import Poses, split_halves
from tomo_particles.classification.class_maps import Boxes
from tomo_particles.core.coordinates import check_inside, same_sampling_rate
from tomo_particles.core.density_files import open_density
from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import open_tomogram, tomogram_id
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.xmd import ANGLES, Columns, join_tables, picks_columns, read_table, with_nan
from tomo_particles.geometry.orientations import rotation_of

from .._shared.averaging_options import check_diameter, pairs_of
from .config import SplitConfig

SHIFTS = ("shiftX", "shiftY", "shiftZ")
WEDGE = ("missingRegionThetaY0", "missingRegionThetaYF")
ALIKE = 1.0  # degrees: orientations that differ less are all the same
MOST_LEFT_OUT = 0.5
FAULTS = {
    "border": "more than half of their box is outside the tomogram",
    "not numbers": "their box holds values that are not numbers",
    "flat": "their box holds one grey value only",
}


@dataclass(frozen=True)
class SplitInput:
    """boxes of n particles, with poses, names of tomograms, and halves.  table: n rows of what is known of each, in their order.

    left_out: how many for which fault.  diameter: Å, of the particle.
    """

    boxes: Boxes
    poses: Poses
    names: list[str]
    half: np.ndarray
    table: Columns
    left_out: dict[str, int]
    diameter: float


def read_input(config: SplitConfig, stack: ExitStack, notes: list[str]) -> SplitInput:
    """Read what is split; tomograms stay open as long as the stack. Raises InputError for what cannot be split."""
    found = _picked(config, stack, notes) if config.tomograms else _extracted(config)
    lost, kept = sum(found.left_out.values()), len(found.boxes)
    if lost > MOST_LEFT_OUT * (lost + kept):
        faults = "; ".join(f"{count}: {FAULTS[fault]}" for fault, count in found.left_out.items() if count)
        raise InputError(f"-i: of '{config.input}' more than half of the particles cannot be used ({faults}); check the file")
    notes += [f"{count} particles left out: {FAULTS[fault]}" for fault, count in found.left_out.items() if count]
    angles = found.poses.rotations
    if kept and float(np.degrees((angles[0].inv() * angles).magnitude()).max()) < ALIKE:
        raise InputError(
            f"-i: all particles of '{config.input}' have the same orientation, so that the missing wedge hides the same part of "
            "each; give aligned particles"
        )
    return found


def _checked_angles(angles: np.ndarray, path: str) -> np.ndarray:
    if not np.isfinite(angles).all():
        missing = int((~np.isfinite(angles).all(axis=1)).sum())
        raise InputError(
            f"-i: {missing} of {len(angles)} particles of '{path}' have no angles; align them, for instance with "
            "xmipp_average_subtomograms"
        )
    return angles


def _checked_ids(ids: list, path: str) -> list[int]:
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise InputError(f"-i: '{path}' has the itemId {twice} more than once; give every particle its own")
    return ids


def _picked(config: SplitConfig, stack: ExitStack, notes: list[str]) -> SplitInput:
    tomograms = {tomogram_id(path): stack.enter_context(open_tomogram(path, None, "--tomograms")) for path in config.tomograms}
    rates = {name: tomogram.sampling_rate for name, tomogram in tomograms.items()}
    rate, diameter = next(iter(rates.values())), float(config.diameter or 0)
    for name, tomogram in tomograms.items():
        check_diameter(diameter, tomogram.size, tomogram.sampling_rate, str(tomogram.path), "--diameter")
        if not same_sampling_rate(rates[name], rate):
            raise InputError(
                f"--tomograms: '{tomogram.path}' has voxels of {rates[name]:g} Å, the first tomogram of {rate:g} Å; bin all alike"
            )
    tilts = dict(zip(tomograms, pairs_of(config.tilts, len(tomograms)), strict=True))
    sizes = {name: tomogram.size for name, tomogram in tomograms.items()}
    read = read_pick_file(config.input, rates, sampling_rate=config.sampling_rate, option="-i", sizes=sizes, notes=notes)
    picked: dict[str, Picks] = {name: picks.at_sampling_rate(rates[name]) for name, picks in read.items() if len(picks)}
    sources = []
    for name, picks in picked.items():
        check_inside(picks.positions, sizes[name], f"-i: '{config.input}', tomogram '{name}'", rate)
        _checked_angles(picks.angles, config.input)
        sources.append(Source(name, tomograms[name].data, rates[name], picks.positions, np.ones(len(picks)), tilts[name]))
    if not sources:
        raise InputError(f"-i: '{config.input}' has no picks in these tomograms; give the tomograms that they were picked in")
    boxes = PickedBoxes(sources, diameter, config.threads)
    own = {name: boxes.places[[n == name for n in boxes.names], 1] for name in picked}
    tables = [
        picks_columns(picked[source.name][own[source.name]], boxes.edge, str(tomograms[source.name].path))
        for source in boxes.sources
        if len(own[source.name])
    ]
    table = join_tables(tables)
    table["itemId"] = list(range(1, len(boxes) + 1))
    angles = np.array([table[name] for name in ANGLES]).T.reshape(-1, 3)
    half = split_halves(boxes.names, boxes.positions * rate, diameter / 2)
    if min(np.bincount(half, minlength=2)) < len(half) / 4:  # one crowd of picks that all share a half
        half = np.arange(len(half)) % 2
        notes.append("nearly all picks are within half a diameter of each other: the halves may share particles")
    return SplitInput(boxes, Poses.of(rotation_of(angles)), boxes.names, half, table, boxes.left_out, diameter)


def _extracted(config: SplitConfig) -> SplitInput:
    path, table = config.input, read_table(config.input, "-i")
    if "image" not in table:
        raise InputError(
            f"-i: '{path}' names no subtomograms (no column image)", "give the tomograms of these picks with --tomograms"
        )
    n = len(table["image"])
    if missing := [name for name in ANGLES if name not in table]:
        raise InputError(f"-i: '{path}' has no column {missing[0]}; give aligned particles")
    ids = _checked_ids(table.get("itemId", table.get("particleId", list(range(1, n + 1)))), path)
    order = np.argsort(ids, kind="stable")  # the order of the file has no part in the result
    table = {name: [values[row] for row in order] for name, values in table.items()} | {"itemId": [ids[row] for row in order]}
    tilts = _tilts(config, table, n)
    edge, rate = _grid(config, table["image"])
    faults = [fault_of(_box(image, edge)) for image in table["image"]]
    kept = [row for row, fault in enumerate(faults) if not fault]
    left_out = {fault: faults.count(fault) for fault in FAULTS}
    table = {name: [values[row] for row in kept] for name, values in table.items()}
    angles = _checked_angles(np.array([with_nan(table[name]) for name in ANGLES]).T.reshape(-1, 3), path)
    shifts = np.array([table.get(name, [0.0] * len(kept)) for name in SHIFTS], dtype=float).T.reshape(-1, 3)
    names = [str(name) for name in table.get("tiltSeriesId", table.get("tomogramVolume", [""] * len(kept)))]
    boxes = ExtractedBoxes(edge, rate, names, tilts[kept], lambda row: _box(table["image"][row], edge), config.threads)
    # Content moved by the shift is centred: the particle lies the other way
    poses = Poses.of(rotation_of(angles), -shifts * rate)
    diameter = config.diameter or (edge - 4) * rate
    if diameter > edge * rate:
        raise InputError(f"--diameter: {diameter:g} Å do not fit in the boxes, which are {edge * rate:g} Å wide; lower it")
    return SplitInput(boxes, poses, names, np.arange(len(kept)) % 2, table, left_out, diameter)


def _tilts(config: SplitConfig, table: Columns, n: int) -> np.ndarray:
    if config.tilts:
        return np.tile(config.tilts[:2], (n, 1))
    if any(name not in table for name in WEDGE):
        raise InputError(
            f"-i: '{config.input}' does not say what the tilt series saw (no columns {' and '.join(WEDGE)}); give the first and "
            "the last tilt with --tilts"
        )
    tilts = np.array([table[name] for name in WEDGE], dtype=float).T
    if wrong := [row for row, (first, last) in enumerate(tilts) if not -90 <= first < last <= 90]:
        first, last = tilts[wrong[0]]
        raise InputError(f"-i: '{config.input}' has a particle with tilts from {first:g} to {last:g} degrees; correct it")
    return tilts


def _grid(config: SplitConfig, images: list[str]) -> tuple[int, float]:
    """Edge, an even number of voxels, and sampling rate of all images; refuses different ones."""
    edges: dict[tuple[int, ...], str] = {}
    rates: dict[float, str] = {}
    for file in dict.fromkeys(image.rpartition("@")[2] for image in images):
        with open_density(file, "-i") as density:
            edges.setdefault(density.data.shape[-3:], file)
            rates.setdefault(round(float(config.sampling_rate or density.voxel[0]), 4), file)
    if len(edges) > 1 or len(set(next(iter(edges)))) > 1:
        said = ", ".join(f"'{file}' {' x '.join(map(str, shape[::-1]))}" for shape, file in list(edges.items())[:2])
        raise InputError(f"-i: the subtomograms must be cubes of one size, but there are {said} voxels; extract them alike")
    if len(rates) > 1:
        said = ", ".join(f"'{file}' {rate:g}" for rate, file in list(rates.items())[:2])
        raise InputError(f"-i: the subtomograms have different sampling rates: {said} Å/voxel; bin them alike")
    edge, rate = next(iter(edges))[0], next(iter(rates))
    if rate <= 0:
        raise InputError(f"-i: '{next(iter(rates.values()))}' has no sampling rate in its header; give it with --samplingrate")
    return edge - edge % 2, rate


def _box(image: str, edge: int) -> np.ndarray:
    """One subtomogram (edge,) * 3; its centre voxel stays the centre voxel."""
    number, _, file = image.rpartition("@")
    with open_density(file, "-i") as density:
        if density.data.ndim == 4:
            if not number.isdecimal() or not 0 < int(number) <= len(density.data):
                raise InputError(f"-i: '{image}' is none of the {len(density.data)} volumes of its stack; check the table")
            data = density.data[int(number) - 1]
        else:
            data = density.data
        return np.array(data[:edge, :edge, :edge], dtype=np.float32)
