"""From what a file states to Picks: the tomogram's id, voxels, the corner as origin. Every format goes through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.coordinates import refuse_fractions, same_sampling_rate
from ..core.errors import InputError, NoPicksError, listed, parameter
from ..core.picks import Picks
from .angle_units import doubt_about
from .model import BY_NAME, CORNER, HALF, Context, Format, Found, TomogramInfo
from .naming import (
    as_pattern,
    called_as_another,
    left_out,
    other_voxels,
    require_apart,
    require_numbers_known,
    same_text,
    stem_of,
    tomogram_of,
    unknown_binning,
)

LEAST_BINNING = 1.4  # a ratio of two sizes further from 1 is a binning
MAX_UNEVEN_BINNING = 1.05  # by which the ratios of the edges of two binnings may differ: edges are rounded


def read_with(one: Format, path: Path, context: Context) -> dict[str, Picks]:
    """The picks of each tomogram of a file of that format, by its id.

    Raises InputError as `Format.found_in`, and for what contradicts the context.
    """
    if context.angstrom and not one.as_they_stand:
        raise InputError(f"{parameter('unit')}: '{path}' is of format {one.name}, which says its own unit; leave it out")
    return assemble(_with_what_is_kept(one.found_in(path, context.option), one, path, context), path, context)


def _with_what_is_kept(found: Sequence[Found], one: Format, path: object, context: Context) -> Sequence[Found]:
    """The further columns that a conversion keeps; a note names the others. A run does not name those of RELION's files."""
    kept = {
        label
        for own in found
        for label, values in own.further.items()
        if values is not None and context.family and context.family == one.family
    }
    lost = dict.fromkeys(label for own in found for label in own.further if label not in kept)
    if lost and (context.family or one.family != "relion"):
        context.notes.append(f"{path}: columns not read: {listed(lost, 12, '')}")
    return [replace(own, further={label: own.further[label] for label in own.further if label in kept}) for own in found]


def assemble(found: Sequence[Found], path: object, context: Context) -> dict[str, Picks]:
    """Picks of each tomogram at hand, by id, in the order of the file.

    Empty only for one of several files, if its tomograms are not at hand and such are left out; context.notes says so where a
    file has others, too.
    Raises InputError for a file without picks, names that fit no tomogram or several, an unknown or contradictory voxel
    size, and positions from the centre of a tomogram of unknown size.
    """
    if not any(len(one.positions) for one in found):
        raise NoPicksError(f"{context.option}: '{path}' has no picks; leave it out")
    require_numbers_known(found, path, context)
    if voxels := [one.positions for one in found if one.origin == CORNER and not one.angstrom and not one.fraction]:
        refuse_fractions(np.concatenate(voxels), f"{context.option}: '{path}'")
    context.notes.extend(dict.fromkeys(f"{path}: {note}" for one in found for note in one.notes))
    doubt, believed = doubt_about(one.angles for one in found if one.angles is not None)
    if doubt and f"{path}: {doubt}" not in context.notes:  # our own tables are looked at before, as a whole
        context.notes.append(f"{path}: {doubt}")
    if not believed:
        found = [replace(one, angles=None) for one in found]
    parts: dict[str, list[Picks]] = {}
    strange: dict[str, int] = {}
    assigned = {one.name: (one.named, tomogram_of(one, path, context)) for one in found}
    context.notes.extend(called_as_another(path, [own for named, own in assigned.values() if own and named == BY_NAME], context))
    require_apart({name: own for name, (named, own) in assigned.items() if named == BY_NAME and own is not None}, path, context)
    for one in found:
        tomo_id = assigned[one.name][1]
        if tomo_id is None:
            strange[stem_of(one.name)] = strange.get(stem_of(one.name), 0) + len(one.positions)
        elif len(one.positions):
            parts.setdefault(tomo_id, []).append(_picks(one, tomo_id, path, context))
    if not parts and not context.among:
        raise InputError(
            f"{context.option}: '{path}' names the tomograms {listed(one.name for one in found)}, but those given "
            f"are {listed(sorted(context.tomograms))}",
            "give their tomograms",
            *as_pattern((stem_of(one.name) for one in found), context.tomograms),
            f"say which is which with {parameter('names')}",
        )
    if parts and any(strange.values()):  # a file with nothing else is named by `pick_folders.joined`
        context.note_left_out(left_out(strange, path, context.tomograms))
    return {tomo_id: _joined(own, path, context) for tomo_id, own in parts.items()}


def _joined(parts: Sequence[Picks], path: object, context: Context) -> Picks:
    first = parts[0]
    for part in parts:
        if not same_sampling_rate(part.sampling_rate, first.sampling_rate):
            raise InputError(
                f"{context.option}: '{path}' mixes sampling rates in tomogram '{first.tomo_id}' "
                f"({first.sampling_rate:g} and {part.sampling_rate:g} Å/voxel); write one file a sampling rate"
            )
    return Picks.concatenate(parts)


def _picks(found: Found, tomo_id: str, path: object, context: Context) -> Picks:
    tomogram = context.tomogram(tomo_id)
    score, angles = _finite(found.score, "score", path, context), _finite(found.angles, "orientation", path, context)
    if angles is not None and found.convention:
        angles = found.convention(angles)
    positions, rate = _in_voxels(found, tomogram, path, context)
    try:
        further = {label: make() for label, make in found.further.items() if make}
        return Picks(
            tomo_id, positions, rate, score=score, angles=angles, group=found.group, species=found.species, further=further
        )
    except InputError as error:
        raise InputError(f"{context.option}: '{path}': {error}") from error


def _finite(values: Any, what: str, path: object, context: Context) -> np.ndarray | None:
    """Scores (n,) or angles (n, 3 or more), NaN where a pick has none; a note where some have and others do not."""
    if values is None:
        return None
    known = np.array(values, dtype=float)
    without = ~np.isfinite(known.reshape(len(known), -1)).all(axis=1)
    known[without] = np.nan
    if 0 < without.sum() < len(known):
        context.notes.append(f"{path}: {without.sum()} of {len(known)} picks have no {what} that is a number")
    return known


def _in_voxels(found: Found, tomogram: TomogramInfo, path: object, context: Context) -> tuple[np.ndarray, float]:
    """Positions (n, 3) x, y, z in voxels from the corner, and their sampling rate."""
    if found.origin != CORNER or found.fraction:
        return _of_size(found, tomogram, path, context)
    if context.angstrom and found.rate and not same_sampling_rate(found.rate, 1):
        raise InputError(
            f"{context.option}: '{path}' says that its coordinates are in voxels of {found.rate:g} Å, and "
            f"{parameter('unit')} says Å; leave it out, or correct the file"
        )
    if context.angstrom:
        rate = tomogram.sampling_rate or context.sampling_rate
        return found.positions / _known(rate, tomogram.tomo_id, path, context), float(rate or 0)
    if found.angstrom:
        rate = found.rate or tomogram.sampling_rate or context.sampling_rate
        return found.positions / _known(rate, tomogram.tomo_id, path, context), float(rate or 0)
    return found.positions, _known(_stated_rate(found, tomogram, path, context), tomogram.tomo_id, path, context)


def _stated_rate(found: Found, tomogram: TomogramInfo, path: object, context: Context) -> float | None:
    asked = context.sampling_rate
    if found.rate and asked and not same_sampling_rate(found.rate, asked):
        if found.sure:
            raise InputError(
                f"{context.option}: '{path}' says that its coordinates are in voxels of {found.rate:g} Å, and "
                f"{parameter('picks_sampling_rate')} says {asked:g}; leave it out, or correct the file"
            )
        return asked
    rate = found.rate or asked or tomogram.sampling_rate
    _check_size(found, tomogram, rate, path, context)
    return rate


def _check_size(found: Found, tomogram: TomogramInfo, rate: float | None, path: object, context: Context) -> None:
    """Voxels of a tomogram that had another size than ours, or by its name another binning, are not our voxels.

    rate: Å/voxel of the coordinates; one that was stated explains another size, if it is not that of a cut out part.
    """
    told = bool(found.rate or context.sampling_rate)
    way_out = [f"say in voxels of how many Å its coordinates are, with {parameter('picks_sampling_rate')}"] if not told else []
    if found.size and tomogram.size and not _same_extent(found.size, rate, tomogram):
        ratios = np.array(found.size) / np.array(tomogram.size)
        binned = ratios.max() < MAX_UNEVEN_BINNING * ratios.min()
        exchanged = sorted(found.size) == sorted(tomogram.size)
        if told and not found.on_image:  # a size that may be that of the picks alone
            if exchanged or (binned and not 1 / LEAST_BINNING < ratios.mean() < LEAST_BINNING):
                context.notes.append(
                    f"warning: {path}: by its header it was made on a tomogram of {_edges(found.size)} voxels, but "
                    f"'{tomogram.tomo_id}' has {_edges(tomogram.size)}; check its voxel size ({rate:g} Å) and its axes"
                )
            return
        what = f", {found.trimmed}" if found.trimmed and not binned else ""
        raise InputError(
            f"{context.option}: '{path}' was made on a tomogram of {_edges(found.size)} voxels{what}, but tomogram "
            f"'{tomogram.tomo_id}' has {_edges(tomogram.size)}",
            "give the tomogram on which it was made",
            *(way_out if binned or not found.on_image else []),
        )
    other = "" if told else other_voxels(found.name, tomogram)
    if other and same_text(stem_of(found.name)) == same_text(tomogram.tomo_id):  # its own name: then its header is in doubt
        context.notes.append(
            f"tomogram '{tomogram.tomo_id}' is by its name {other}, and by its header of {tomogram.sampling_rate:g} Å; the "
            "header counts"
        )
    elif other:
        raise InputError(
            f"{context.option}: '{path}' has coordinates of '{stem_of(found.name)}', by its name {other}, but "
            f"tomogram '{tomogram.tomo_id}' is not",
            *way_out,
        )
    elif not told and (binning := unknown_binning(found.name, tomogram, context)):
        context.notes.append(
            f"{path}: '{stem_of(found.name)}' is by its name {binning}, and '{tomogram.tomo_id}' does not say its binning; "
            "their voxels are taken for the same"
        )


def _same_extent(size: Sequence[int], rate: float | None, tomogram: TomogramInfo) -> bool:
    """Whether a size in voxels of `rate` Å is that of a tomogram; of another binning up to the rounding of two of its voxels."""
    ratio = (rate or 1) / (tomogram.sampling_rate or rate or 1)
    rounding = 0.0 if same_sampling_rate(ratio, 1) else 2 * max(1.0, ratio)
    return bool((np.abs(np.array(size) * (ratio if rounding else 1) - np.array(tomogram.size)) <= rounding).all())


def _edges(size: Sequence[float]) -> str:
    return " x ".join(f"{edge:g}" for edge in size)


def _of_size(found: Found, tomogram: TomogramInfo, path: object, context: Context) -> tuple[np.ndarray, float]:
    """Positions as `_in_voxels`, of a file that states them by the size of the tomogram."""
    if tomogram.size is None:
        how = "has fractions of the size" if found.fraction else "counts from the centre"
        raise InputError(
            f"{context.option}: '{path}' {how} of tomogram '{tomogram.tomo_id}', whose size is not known here",
            f"give the tomogram ({parameter('tomograms')})",
            f"give its size ({parameter('size')})",
        )
    rate = _known(tomogram.sampling_rate or context.sampling_rate, tomogram.tomo_id, path, context)
    size = np.asarray(tomogram.size)
    if found.fraction:
        return found.positions * size, rate
    centre = size / 2 if found.origin == HALF else size // 2
    angstrom = found.positions * (1.0 if found.angstrom else float(found.rate or rate))
    return angstrom / rate + centre, rate


def _known(rate: float | None, tomo_id: str, path: object, context: Context) -> float:
    if rate is None or not rate > 0:
        raise InputError(
            f"{context.option}: '{path}' does not say how many Å the voxels of its coordinates have in tomogram '{tomo_id}'",
            f"give the tomogram ({parameter('tomograms')})",
            f"give it with {parameter('picks_sampling_rate')}",
        )
    return rate
