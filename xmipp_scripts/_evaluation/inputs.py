"""What xmipp_evaluate_picking_tomo reads: truth, picks, species, volumes, checked against each other first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tomo_particles.core.coordinates import inside_volume, rescale_size
from tomo_particles.core.errors import InputError, listed
from tomo_particles.core.files import require_file
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import each_tomogram, open_tomogram, tomogram_id
from tomo_particles.evaluation.particle_classes import DISTRACTORS, Species, radii_of, read_species
from tomo_particles.formats.pick_files import read_every_tomogram, read_pick_file
from tomo_particles.formats.pick_folders import files_of
from tomo_particles.regions.mask_files import read_mask
from tomo_particles.regions.region_mask import RegionMask

from .._shared.masks import masks_by_tomogram

OCCUPANCY_ENDING = "_occupancy"


@dataclass(frozen=True)
class Case:
    """One tomogram of the truth; positions, radii (m,) and size x, y, z in the truth's voxels.

    target: (m,) rows that are particles to be found.  size, tomogram, occupancy: None where unknown; the last two are paths.
    mask: good and bad regions, None where they are not asked for.
    """

    picks: Picks
    truth: Picks
    target: np.ndarray
    radii: np.ndarray
    size: tuple[float, ...] | None
    tomogram: str | None
    occupancy: str | None
    mask: RegionMask | None = None


@dataclass
class Inputs:
    """All cases by tomogram, the target species (empty if the truth or the picks name none), and what to tell the user."""

    cases: dict[str, Case]
    targets: list[str]
    species: dict[str, Species]
    notes: list[str] = field(default_factory=list)


def read_inputs(
    picks: str,
    truth: str,
    *,
    radius: float | None,
    classes: str | None,
    target: Sequence[str],
    tomograms: Sequence[str],
    sampling_rate: float | None,
    occupancy: Sequence[str],
    mask: Sequence[str] = (),
) -> Inputs:
    """Read and check everything. Raises InputError with one line for whatever does not fit."""
    notes: list[str] = []
    species = read_species(classes) if classes else {}  # the small files first
    by_id = _by_id(occupancy)
    for path, option in ((truth, "--truth"), (picks, "--picks")):
        files_of(path, option, [])
    headers = _read_headers(tomograms, notes)
    if mask and not tomograms:
        raise InputError("--mask: the sizes of the tomograms are not known; give them with --tomograms")
    truths = _read_truth(truth, headers, sampling_rate, notes)
    picked = _read_picks(picks, truths, headers, sampling_rate, notes)
    names = sorted({str(name) for one in truths.values() for name in one.species} - {""})
    if classes:
        _require_known(names, species, classes, any((one.species == "").any() for one in truths.values()))
    targets = _targets(names, species, target, truth)
    volumes = _volumes(by_id, truths)
    paths = {tomogram_id(path): path for path in tomograms}
    masks = masks_by_tomogram(mask, [tomo_id for tomo_id in truths if tomo_id in headers], "--mask")
    cases = {}
    for tomo_id, own in truths.items():
        found = picked[tomo_id].at_sampling_rate(own.sampling_rate) if tomo_id in picked else _nothing(own)
        radii = np.full(len(own), radius) if radius is not None else radii_of(own.species, species, own.sampling_rate)
        is_target = np.isin(own.species.astype(str), targets) if names else np.ones(len(own), dtype=bool)
        if not target:
            is_target |= own.species == ""
        size = _size(own, is_target, headers.get(tomo_id), volumes.get(tomo_id))
        regions = read_mask(masks[tomo_id], *headers[tomo_id], "--mask") if tomo_id in masks else None
        cases[tomo_id] = Case(found, own, is_target, radii, size, paths.get(tomo_id), volumes.get(tomo_id), regions)
    if not any(case.target.any() for case in cases.values()):
        raise InputError(f"--truth: '{truth}' holds no particle, only {', '.join(names)}; give a truth with particles")
    if missed := [tomo_id for tomo_id in cases if tomo_id not in picked]:
        notes.append(f"no picks in {listed(missed)}: the particles there count as missed")
    inputs = Inputs(cases, targets if names else [], species, notes)
    _note_classes(inputs)
    if any(case.size is None for case in cases.values()):
        notes.append(
            "size of the volume unknown: results outside not counted, random positions fill the bounding box of the "
            "truth; give --tomograms"
        )
    return inputs


Header = tuple[tuple[int, int, int], float]  # size x, y, z and sampling rate


def _read_headers(tomograms: Sequence[str], notes: list[str]) -> dict[str, Header]:
    headers: dict[str, Header] = {}
    for tomogram in each_tomogram(tomograms, None, "--tomograms", notes):
        headers[tomogram_id(tomogram.path)] = (tomogram.size, tomogram.sampling_rate)
    return headers


def _read_truth(path: str, headers: dict[str, Header], sampling_rate: float | None, notes: list[str]) -> dict[str, Picks]:
    if not headers:
        return read_every_tomogram(path, sampling_rate=sampling_rate, option="--truth")
    rates = {tomo_id: rate for tomo_id, (_, rate) in headers.items()}
    return read_pick_file(path, rates, sampling_rate=sampling_rate, option="--truth", sizes=_sizes(headers), notes=notes)


def _read_picks(
    path: str, truths: dict[str, Picks], headers: dict[str, Header], sampling_rate: float | None, notes: list[str]
) -> dict[str, Picks]:
    rates = {tomo_id: headers[tomo_id][1] if tomo_id in headers else own.sampling_rate for tomo_id, own in truths.items()}
    try:
        return read_pick_file(path, rates, sampling_rate=sampling_rate, sizes=_sizes(headers), notes=notes)
    except InputError as error:
        raise InputError(f"{error.text} [the tomograms of --truth count]", *error.remedies) from error


def _sizes(headers: dict[str, Header]) -> dict[str, tuple[int, int, int]]:
    return {tomo_id: size for tomo_id, (size, _) in headers.items()}


def _require_known(names: Sequence[str], species: dict[str, Species], path: str, nameless: bool) -> None:
    if nameless:
        raise InputError(
            f"--classes: '{path}' cannot be used with a truth in which particles have no class; "
            "add the column class to the truth, or give --radius instead"
        )
    if unknown := [name for name in names if name not in species]:
        raise InputError(
            f"--classes: '{path}' has no row for {listed(unknown)} of the truth, only {listed(list(species))}; "
            "add it, with its diameter"
        )


def _targets(names: Sequence[str], species: dict[str, Species], asked: Sequence[str], truth: str) -> list[str]:
    """The classes to be found, by weight where it is known, else by name; those asked for in the order asked."""
    known = [name for name in names if not (species[name].distractor if name in species else name in DISTRACTORS)]
    if wrong := [name for name in asked if name not in names]:
        there = listed(names, len(names)) or "none"
        raise InputError(f"--target: '{truth}' has no class {listed(wrong)}; its classes are {there}")
    by_weight = sorted(known, key=lambda name: (species[name].weight if name in species else 0.0, name))
    return list(dict.fromkeys(asked)) or by_weight


def _by_id(occupancy: Sequence[str]) -> dict[str, str]:
    """The volumes by the id of their tomogram, each a file that there is."""
    by_id = {}
    for path in occupancy:
        stem = Path(path).stem
        if not stem.endswith(OCCUPANCY_ENDING):
            raise InputError(f"--occupancy: '{path}' must be named <tomogram>{OCCUPANCY_ENDING}.mrc; rename it")
        by_id[stem.removesuffix(OCCUPANCY_ENDING)] = str(require_file(path, "--occupancy"))
    return by_id


def _volumes(by_id: dict[str, str], truths: dict[str, Picks]) -> dict[str, str]:
    if not by_id:
        return {}
    if lacking := [tomo_id for tomo_id in truths if tomo_id not in by_id]:
        raise InputError(
            f"--occupancy: no volume for {listed(lacking)} of the truth; give one volume per tomogram, named "
            f"<tomogram>{OCCUPANCY_ENDING}.mrc"
        )
    return by_id


def _size(truth: Picks, target: np.ndarray, header: Header | None, volume: str | None) -> tuple[float, ...] | None:
    """Size in the truth's voxels: of the tomogram, else of the occupancy volume; all three must fit each other."""
    size = rescale_size(header[0], header[1], truth.sampling_rate) if header else None
    if volume is None:
        return size
    with open_tomogram(volume, truth.sampling_rate, "--occupancy") as opened:
        if size is not None and max(abs(a - b) for a, b in zip(size, opened.size, strict=True)) >= 1:
            raise InputError(
                f"--occupancy: '{volume}' has {_edges(opened.size)} voxels, but tomogram '{truth.tomo_id}' has "
                f"{_edges(size)} of {truth.sampling_rate:g} Å, as the truth; give the volume of this tomogram"
            )
        _check_numbers(opened.data, truth, target, volume)
        return tuple(map(float, opened.size))


def _check_numbers(volume: np.ndarray, truth: Picks, target: np.ndarray, path: str) -> None:
    """Refuse a volume that is not of this truth: too small for its particles, or with other numbers at their centres."""
    edges = np.array(volume.shape[::-1])
    rows = np.flatnonzero(target)
    beyond = ~inside_volume(truth.positions[rows], edges.tolist())
    if beyond.any():
        row = rows[np.argmax(beyond)]
        place = ", ".join(f"{value:.1f}" for value in truth.positions[row])
        raise InputError(
            f"--occupancy: '{path}' has {_edges(edges)} voxels, but particle {row + 1} of tomogram "
            f"'{truth.tomo_id}' lies at ({place}); give the volume of this tomogram"
        )
    x, y, z = np.minimum(np.rint(truth.positions[rows]).astype(int), edges - 1).T
    own = not len(rows) or (np.asarray(volume[z, y, x]) == rows + 1).any()  # not all: a centre may be hollow
    lowest, highest = volume.min(), volume.max()  # NaN, where a voxel is no number, is not between
    if not (own and 0 <= lowest <= highest <= len(truth)):
        raise InputError(
            f"--occupancy: '{path}' does not number the {len(truth)} particles of tomogram '{truth.tomo_id}' "
            "by their rows in the truth; give the volume that was written with this truth"
        )


def _nothing(truth: Picks) -> Picks:
    return Picks(truth.tomo_id, np.zeros((0, 3)), truth.sampling_rate)


def _note_classes(inputs: Inputs) -> None:
    said = np.concatenate([case.picks.species for case in inputs.cases.values()])
    known = {str(name) for case in inputs.cases.values() for name in case.truth.species}
    if not (said != "").any():
        inputs.notes.append("the picks name no classes: localisation only")
        inputs.targets = []
    elif not inputs.targets:
        inputs.notes.append("the truth names no classes: localisation only")
    else:
        if (said == "").any():
            inputs.notes.append(f"{int((said == '').sum())} of {len(said)} picks name no class: only localisation counts them")
        if unknown := sorted({str(name) for name in said} - known - {""}):
            inputs.notes.append(f"the picks name {listed(unknown)}, which the truth does not have")


def _edges(size: Sequence[float] | np.ndarray) -> str:
    return " x ".join(f"{edge:.0f}" for edge in size)
