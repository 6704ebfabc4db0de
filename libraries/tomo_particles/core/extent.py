"""Where picks lie in their tomogram, in one line, and a warning where their place tells of a wrong unit, origin or axis order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .coordinates import ORDERS, inside_volume, same_sampling_rate
from .picks import Picks

SPARSE = 0.1  # of the edge of a tomogram: picks that fill less along all three axes are rarely right
FEW = 3  # picks: fewer often lie close together by chance, so that only their distance from the origin tells something
MANY = 20  # picks: so many rarely lie in a plane, or in the first or middle third of each edge
THIRD, HALF = 0.35, 0.55  # of each edge; the half where two known voxel sizes explain it


def extent_line(picks: Picks, size: Sequence[int] | None = None) -> str:
    """Number and bounding box of picks, in voxels and in Å, beside the tomogram's. size: x, y, z, voxels of the picks."""
    if not len(picks):
        return f"{picks.tomo_id}: no picks"
    rate = picks.sampling_rate
    low, high = picks.positions.min(axis=0), picks.positions.max(axis=0)
    voxels, angstrom = _box(low, high, 1), _box(low * rate, high * rate, 0)
    line = f"{picks.tomo_id}: {len(picks)} picks in {voxels} voxels of {rate:.5g} Å ({angstrom} Å)"
    if size is None:
        return f"{line}; size of the tomogram not known"
    return f"{line}; tomogram {_edges(size)} voxels ({_edges(np.asarray(size) * rate)} Å)"


def _box(low: np.ndarray, high: np.ndarray, digits: int) -> str:
    return ", ".join(f"{axis} {a:.{digits}f} to {b:.{digits}f}" for axis, a, b in zip("xyz", low, high, strict=True))


def _edges(size: Iterable[float]) -> str:
    return " x ".join(f"{edge:.0f}" for edge in size)


def extent_warning(picks: Picks, size: Sequence[int] | None, rates: Iterable[float | None] = ()) -> str:
    """What is suspicious about the place of picks, in one line; empty for nothing, and where the size is not known.

    size: x, y, z, voxels of the picks.  rates: Å/voxel that files and user name; a ratio of two of them may be the mistake.
    """
    if size is None or not len(picks):
        return ""
    edges = np.asarray(size, dtype=float)
    outside = ((picks.positions < -0.5) | (picks.positions > edges - 0.5)).any(axis=1)
    filled = _filled(picks.positions, edges)
    guess = likely_mistake(picks, size, rates)
    if outside.mean() > 0.5:
        wrong = f"lie outside the tomogram{guess}"
    elif (filled < SPARSE).all() or ((filled < 2 * SPARSE).all() and guess):
        wrong = f"fill only {_percent(filled)} of the edges of the tomogram{guess}"
    elif len(picks) >= MANY:
        wrong = _in_a_part(picks.positions, filled, edges, guess if " / " in guess else "")
    else:
        wrong = ""
    if not wrong:
        return ""
    return f"warning: {picks.tomo_id}: the picks {wrong}; check their unit, sampling rate and origin"


def _in_a_part(positions: np.ndarray, filled: np.ndarray, edges: np.ndarray, guess: str) -> str:
    """In which part of a tomogram many picks lie that rarely lie there; empty if they do not. guess: by two known voxel sizes."""
    first, extent = positions.max(axis=0) / edges, np.ptp(positions, axis=0)
    if not extent.all():
        return f"all have {'xyz'[axis := int(np.argmin(extent))]} = {positions[0, axis]:g}"
    if (first < (HALF if guess else THIRD)).all():
        return f"all lie in the first {_percent(first)} of the edges of the tomogram{guess}"
    if (filled < THIRD).all() and _surrounds(positions, edges / 2):
        return f"all lie in the middle {_percent(filled)} of the edges of the tomogram"
    return ""


def _percent(parts: np.ndarray) -> str:
    return " x ".join(f"{100 * part:.0f}" for part in parts) + " %"


def _filled(positions: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(3,) which part of each edge the bounding box of picks takes; of few picks that from the first voxel on."""
    return (np.ptp(positions, axis=0) if len(positions) >= FEW else np.abs(positions).max(axis=0)) / edges


def likely_mistake(picks: Picks, size: Sequence[int], rates: Iterable[float | None] = ()) -> str:
    """The mistake that explains where picks lie: ", as if ..."; else empty.

    Of picks of which many lie outside: another origin, or another order of the axes, that brings all inside. Else the known
    factor that spreads picks most within the tomogram, from its corner or its centre.

    size, rates: as for `extent_warning`.
    """
    positions, edges = picks.positions, np.asarray(size, dtype=float)
    if len(positions) >= MANY and inside_volume(positions, size).mean() < 0.75:
        for what, places in moved(positions, edges):
            if inside_volume(places, size).all():
                return f", as if {what}"
    factors = _factors([picks.sampling_rate, *(rate for rate in rates if rate)])
    if (positions >= 0).all() and (positions <= 1).all():
        return ", as if they were fractions of its size"
    origins = {"": np.zeros(3)}
    if len(positions) >= FEW and _surrounds(positions, edges / 2):
        origins[" from the centre"] = edges / 2
    best, found = SPARSE, ""
    mostly_inside = bool(inside_volume(positions, size).mean() > 0.5)
    for factor, why in factors.items():
        if factor < 1 and mostly_inside:  # picks that were multiplied would lie outside, nearly all
            continue
        for where, origin in origins.items():
            spread = (positions - origin) * factor + origin
            low = -1 - factor / 2  # half a voxel of another binning
            if ((spread >= low) & (spread <= edges + 1)).all() and (most := float(_filled(spread, edges).max())) > best:
                done = f"divided by {factor:.3g}" if factor > 1 else f"multiplied by {1 / factor:.3g}"
                best, found = most, f", as if {done}{where} ({why})"
    return found


def moved(positions: np.ndarray, edges: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Positions (n, 3) as other origins and orders of the axes have them, and what each would mean. edges: (3,) voxels."""
    yield "counted from the centre", positions + edges / 2
    yield "counted from the corner, and read from the centre", positions - edges / 2
    for order, axes in ORDERS.items():
        yield f"with the axes in the order {order}", positions[:, axes]


def _surrounds(positions: np.ndarray, point: np.ndarray) -> bool:
    """Whether a point lies in the middle half of the bounding box of picks."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    return bool((np.abs(point - (low + high) / 2) <= (high - low) / 4).all())


def _factors(rates: Sequence[float]) -> dict[float, str]:
    """Factors that undo a usual mistake, and what each is: a voxel size itself, or the ratio of two."""
    different: list[float] = []  # of hundreds of tomograms there are hundreds of rates, and the pairs of them take minutes
    for rate in dict.fromkeys(rates):
        if not any(same_sampling_rate(rate, other) for other in different):
            different.append(rate)
    found: dict[float, str] = {}
    for factor, why in _mistakes(different):
        if not any(same_sampling_rate(factor, other) for other in (1.0, *found)):
            found[factor] = why
    return found


def _mistakes(rates: Sequence[float]) -> Iterator[tuple[float, str]]:
    for rate in rates:
        yield from ((rate, f"{rate:.5g} Å/voxel"), (1 / rate, f"{rate:.5g} Å/voxel"))
        for other in rates:
            yield rate / other, f"{rate:.5g} / {other:.5g} Å"
