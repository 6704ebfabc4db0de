"""Scipion's sets of coordinates to and from picks, and the common grid (sampling rate, box size) of several sets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pwem.convert.transformations import euler_from_matrix, euler_matrix
from pyworkflow.object import Float, Integer, Pointer, Scalar, String
from pyworkflow.protocol import Protocol
from tomo.constants import BOTTOM_LEFT_CORNER, SCIPION
from tomo.objects import Coordinate3D, SetOfCoordinates3D, SetOfTomograms, TomoAcquisition, Tomogram

from tomo_particles.core.coordinates import rescale_positions, same_sampling_rate
from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.formats.xmd import picks_of, read_table

from .constants import CHOICE_RULES, SPECIES_ATTRIBUTE


# ---------------------------------------------------------------------------------------------- the common grid
def choose(values: Sequence[float], rule: str) -> float:
    """One value of several, by one of CHOICE_RULES."""
    rules = dict(zip(CHOICE_RULES, (lambda v: v[0], max, min, lambda v: float(np.mean(v))), strict=True))
    return rules[rule](list(values))


def even_box_size(angstrom: float, sampling_rate: float) -> int:
    """The even number of voxels of `sampling_rate` (Å/voxel) nearest a length in Å: an even box has a centre voxel."""
    return max(2, 2 * round(angstrom / sampling_rate / 2))


def common_grid(grids: Sequence[tuple[float, int]], rate_rule: str, box_rule: str) -> tuple[float, int]:
    """The sampling rate (Å/voxel) and the even box size (voxels of it) for sets of (sampling rate, box size in voxels).

    Boxes are compared by their length in Å: 32 voxels of 5 Å are smaller than 20 voxels of 10 Å.
    """
    rate = choose([rate for rate, _ in grids], rate_rule)
    return rate, even_box_size(choose([rate * box for rate, box in grids], box_rule), rate)


# --------------------------------------------------------------------------------------------------- tomograms
@dataclass(frozen=True)
class TomogramSource:
    """One tomogram of one of the input sets. sampling_rate: Å/voxel.  set_index: which of the sets of tomograms."""

    ts_id: str
    file_name: str
    sampling_rate: float
    set_index: int


@dataclass(frozen=True)
class Precedents:
    """The tomograms of one output set of coordinates.

    set_index: the input set that holds all of them, or None if they must be put together from several sets.
    """

    sampling_rate: float
    sources: dict[str, TomogramSource]
    set_index: int | None


def tomogram_sources(tomogram_sets: Sequence[SetOfTomograms], ts_ids: Iterable[str]) -> dict[str, list[TomogramSource]]:
    """Every tomogram that the sets have of each tilt-series id; ids are compared whole, never by a part of them."""
    sources: dict[str, list[TomogramSource]] = {ts_id: [] for ts_id in ts_ids}
    for index, tomograms in enumerate(tomogram_sets):
        for tomogram in tomograms.iterItems():
            if tomogram.getTsId() in sources:
                source = TomogramSource(tomogram.getTsId(), tomogram.getFileName(), tomograms.getSamplingRate(), index)
                sources[source.ts_id].append(source)
    return sources


def nearest_rate(sources: Sequence[TomogramSource], sampling_rate: float) -> TomogramSource:
    """The source whose sampling rate is nearest, as a ratio; the first of equals."""
    return min(sources, key=lambda source: round(abs(np.log(source.sampling_rate / sampling_rate)), 6))


def plan_precedents(sources: dict[str, list[TomogramSource]], sampling_rate: float) -> list[Precedents]:
    """As few groups of tomograms as it takes to hold every tilt-series id once, each of one sampling rate.

    One group is the rule; there are more where no sampling rate is common to all tomograms (one set has `a` at
    5 Å, another `b` at 10 Å), since a set in Scipion has one sampling rate. Larger groups come first, then those
    nearest to `sampling_rate`.
    """
    left = {ts_id: found for ts_id, found in sources.items() if found}
    plan = []
    while left:
        rates = sorted({s.sampling_rate for found in left.values() for s in found}, key=lambda r: abs(np.log(r / sampling_rate)))
        groups = [_sources_at(left, rate) for rate in rates]
        group = max(groups, key=len)
        plan.append(Precedents(rates[groups.index(group)], *_in_one_set(group)))
        left = {ts_id: found for ts_id, found in left.items() if ts_id not in group}
    return plan


def _sources_at(sources: dict[str, list[TomogramSource]], rate: float) -> dict[str, list[TomogramSource]]:
    at_rate = {ts_id: [s for s in found if same_sampling_rate(s.sampling_rate, rate)] for ts_id, found in sources.items()}
    return {ts_id: found for ts_id, found in at_rate.items() if found}


def _in_one_set(group: dict[str, list[TomogramSource]]) -> tuple[dict[str, TomogramSource], int | None]:
    sets = [{source.set_index for source in found} for found in group.values()]
    complete = sorted(set.intersection(*sets))
    index = complete[0] if complete else None
    return {ts_id: next(s for s in found if index is None or s.set_index == index) for ts_id, found in group.items()}, index


def ts_ids_of(coordinates: SetOfCoordinates3D) -> list[str]:
    """The tomograms of which a set has coordinates; none of a set without any, which Scipion cannot read."""
    try:
        return coordinates.getTSIds()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise


def tomogram_of(tomograms: SetOfTomograms, ts_id: str) -> Tomogram:
    """The tomogram of exactly this tilt-series id. Raises InputError if the set does not have it."""
    if ts_id not in tomograms.getTSIds():
        raise InputError(f"the tomograms {tomograms.getFileName()} have no '{ts_id}', but coordinates picked in them do")
    return tomograms[{Tomogram.TS_ID_FIELD: ts_id}].clone()


def size_of(tomogram: Tomogram) -> tuple[int, int, int]:
    """x, y, z, voxels. Raises InputError if the file does not exist or is no volume."""
    size = tomogram.getDim()
    if size is None:
        raise InputError(f"tomogram '{tomogram.getTsId()}': the file {tomogram.getFileName()} does not exist")
    if min(size) < 2:
        raise InputError(f"tomogram '{tomogram.getTsId()}': {tomogram.getFileName()} is an image of {size} voxels, not a volume")
    return size


def tilts_of(tomogram: Tomogram) -> list[float] | None:
    """First and last tilt of its acquisition, degrees; None if it does not say them, or not as a rising pair."""
    acquisition = tomogram.getAcquisition()
    if not isinstance(acquisition, TomoAcquisition):
        return None
    tilts = [acquisition.getAngleMin(), acquisition.getAngleMax()]
    return tilts if None not in tilts and -90 <= tilts[0] < tilts[1] <= 90 else None


def name_of(pointer: Pointer) -> str:
    """How the user knows a set of the form: the name of its picker, else the label of the run that made it."""
    parent = pointer.getObjValue()
    told = parent.pickerName.get() if hasattr(parent, "pickerName") else ""
    return told or (parent.getRunName() if isinstance(parent, Protocol) else parent.getObjLabel()) or str(pointer.get())


def names_of_pickers(pointers: Iterable[Pointer]) -> list[str]:
    """A name for each set of a form; those that would be the same get their number."""
    names = list(map(name_of, pointers))
    return [name if names.count(name) == 1 else f"{number}: {name}" for number, name in enumerate(names, start=1)]


# ----------------------------------------------------------------------------------------------- Scipion to picks
def corner_offset(tomogram: Tomogram) -> np.ndarray:
    """(3,) x, y, z, voxels: what to add to Scipion's centred coordinates of this very tomogram to count from its corner.

    Asked once a tomogram, because Scipion opens the tomogram's file for every coordinate that it converts.
    """
    probe = Coordinate3D()
    probe.setVolume(tomogram)
    probe.setPosition(0, 0, 0, SCIPION)
    return np.array(probe.getPosition(BOTTOM_LEFT_CORNER), dtype=float)


def picks_of_set(coordinates: SetOfCoordinates3D, tomogram: Tomogram, picker: int, sampling_rate: float) -> Picks:
    """The picks of one tomogram of a set, at `sampling_rate` (Å/voxel), with score, group id, orientation and species.

    tomogram: the one of the set's own precedents.  picker: the id they get.
    A score that is zero for all of them and an identity matrix are Scipion's defaults: they read as none (NaN).
    Raises InputError for a coordinate that is not a number.
    """
    items = [(item.getPosition(SCIPION), item.getScore(), item.getGroupId(), item.getMatrix(), _species_of(item))
             for item in coordinates.iterItems(where=f"{Coordinate3D.TOMO_ID_ATTR}='{_quoted(tomogram.getTsId())}'")]
    positions = np.array([position for position, *_ in items], dtype=float).reshape(-1, 3) + corner_offset(tomogram)
    score = np.array([np.nan if score is None else score for _, score, *_ in items], dtype=float)
    return Picks(
        tomogram.getTsId(), rescale_positions(positions, coordinates.getSamplingRate(), sampling_rate), sampling_rate,
        picker=np.full(len(items), picker),
        score=np.full(len(items), np.nan) if not np.nan_to_num(score).any() else score,
        angles=np.array([angles_of(matrix) for *_, matrix, _ in items]).reshape(-1, 3),
        group=np.array([group or 0 for _, _, group, *_ in items], dtype=int), species=[species for *_, species in items])


def read_pickings(path: str, sampling_rate: float) -> dict[str, Picks]:
    """The picks of each tomogram of an XMD that a program wrote, by the id that it gave them, in the order of the file.

    sampling_rate: Å/voxel, for a table that has none.
    """
    table = read_table(path)
    rows: dict[str, list[int]] = {}
    for row, ts_id in enumerate(table.get("tiltSeriesId", [])):
        rows.setdefault(ts_id, []).append(row)
    return {ts_id: picks_of({name: [values[row] for row in own] for name, values in table.items()}, path,
                            sampling_rate=sampling_rate) for ts_id, own in rows.items()}


def coordinates_of(coordinates: SetOfCoordinates3D, tomogram: Tomogram) -> list[Coordinate3D]:
    """The coordinates of one tomogram, each with its volume, in the order of `picks_of_set`."""
    items = [item.clone() for item in coordinates.iterItems(where=f"{Coordinate3D.TOMO_ID_ATTR}='{_quoted(tomogram.getTsId())}'")]
    for item in items:
        item.setVolume(tomogram)
    return items


def _species_of(item: Coordinate3D) -> str:
    return getattr(item, SPECIES_ATTRIBUTE).get() or "" if hasattr(item, SPECIES_ATTRIBUTE) else ""


def has_species(coordinates: SetOfCoordinates3D) -> bool:
    """Whether the coordinates of a set have a place for the name of their species; not if there are none."""
    return bool(ts_ids_of(coordinates)) and hasattr(coordinates.getFirstItem(), SPECIES_ATTRIBUTE)


def species_of(coordinates: SetOfCoordinates3D) -> list[str]:
    """The names of the species that a set has, sorted; empty if it names none."""
    if not has_species(coordinates):
        return []
    return sorted({name for item in coordinates.iterItems() if (name := _species_of(item))})


def _quoted(text: str) -> str:
    return text.replace("'", "''")


# Scipion's matrix M takes a particle onto its reference (`tomo.objects`: moved map f'(r) = f(M r)), the angles of Xmipp and
# RELION the reference onto the particle: one is the inverse of the other, as where Scipion writes RELION's star files.
def angles_of(matrix: np.ndarray | None) -> np.ndarray:
    """(3,) rot, tilt, psi, degrees (Xmipp's ZYZ) of Scipion's 4 x 4 matrix; NaN for none or the identity."""
    if matrix is None or np.allclose(matrix[:3, :3], np.eye(3)):
        return np.full(3, np.nan)
    return -np.rad2deg(euler_from_matrix(matrix[:3, :3].T, axes="szyz"))


def matrix_of(angles: np.ndarray) -> np.ndarray:
    """Scipion's 4 x 4 matrix of rot, tilt, psi, degrees (Xmipp's ZYZ); the identity for NaN."""
    return euler_matrix(*-np.deg2rad(angles), axes="szyz").T if np.isfinite(angles).all() else np.eye(4)


# ----------------------------------------------------------------------------------------------- picks to Scipion
def append_picks(coordinates: SetOfCoordinates3D, tomogram: Tomogram, picks: Picks, score: np.ndarray | None = None,
                 attributes: Mapping[str, Sequence[int | float | str]] | None = None) -> None:
    """Append the picks of one tomogram, in voxels of the set's sampling rate, with their orientation and group id.

    picks: at any sampling rate.  score: instead of the picks' own; 0 where there is none.  attributes: what the coordinates
    have besides, one value per pick; every item of a set must have the same.
    Raises InputError if the picks are of another tomogram.
    """
    if picks.tomo_id != tomogram.getTsId():
        raise InputError(f"picks of '{picks.tomo_id}' cannot go to tomogram '{tomogram.getTsId()}'")
    positions = rescale_positions(picks.positions, picks.sampling_rate, coordinates.getSamplingRate()) - corner_offset(tomogram)
    scores = np.nan_to_num(picks.score if score is None else score)
    for i in range(len(picks)):
        coordinate = Coordinate3D()
        coordinate.setVolume(tomogram)
        coordinate.setPosition(*map(float, positions[i]), SCIPION)
        coordinate.setScore(float(scores[i]))
        coordinate.setGroupId(int(picks.group[i]))
        coordinate.setMatrix(matrix_of(picks.angles[i]))
        for name, values in (attributes or {}).items():
            setattr(coordinate, name, _stored(values[i]))
        coordinates.append(coordinate)


def append_moved(coordinates: SetOfCoordinates3D, before: SetOfCoordinates3D, tomogram: Tomogram, rows: Sequence[int],
                 moved: Picks | None, attributes: Mapping[str, Sequence[int | float | str]]) -> None:
    """Append coordinates of one tomogram at new places and with new orientations; all else, their ids too, stays as it was.

    rows: which of the tomogram's coordinates in `before`, in the order of `picks_of_set`.  moved: their places now, in voxels of
    both sets; None: these stay, too.  attributes: what they have besides, one value per pick.
    """
    items = coordinates_of(before, tomogram)
    positions = None if moved is None else moved.positions - corner_offset(tomogram)
    for i, row in enumerate(rows):
        coordinate = items[row]
        if moved is not None:
            coordinate.setPosition(*map(float, positions[i]), SCIPION)
            coordinate.setMatrix(matrix_of(moved.angles[i]))
        for name, values in attributes.items():
            setattr(coordinate, name, _stored(values[i]))
        coordinates.append(coordinate)


def _stored(value: int | float | str) -> Scalar:
    return {int: Integer, float: Float}.get(type(value), String)(value)
