"""Which mistake in the file of one picker explains that hardly anyone agrees with it.

Picks whose axes are exchanged, or counted from the other end, lie inside a tomogram of equal edges: no bounds refuse them. The
picks of the others tell. The picks of each picker are read in other ways, and the agreement is counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

from ..core.extent import moved
from .chance_agreement import RADII, SHIFTS, TIMES, shifted
from .merged_picks import MergedPicks, references_of, votes_of
from .verdict import FEWEST_AGREED

BINNINGS = (2, 3, 4, 8)
# Another reading is named if it has so many times the agreement of the file as it is, and at least this share of the picks of the
# smaller side; and if its agreement is more than chance by so many standard errors, because two dozen readings are tried.
BETTER, FEWEST_SHARE, ERRORS = 2.0, 0.25, 5.0


@dataclass(frozen=True)
class OtherReading:
    """How the file of a picker agrees better with the others.

    picker: its number.  what: how its positions would be read, such as "multiplied by 2".  agreed, before: numbers of its `picks`
    picks with a pick of another picker near them, read so and as they are.
    """

    picker: int
    what: str
    agreed: int
    before: int
    picks: int


def other_readings(columns: Mapping[str, list], sizes: Mapping[str, Sequence[float]]) -> list[OtherReading]:
    """The files that agree much better if they are read in another way; of two pickers at most one.

    columns: table of merged picks.  sizes: x, y, z of each tomogram, in voxels of the table.
    """
    merged = MergedPicks.from_columns(columns)
    seen, pickers = votes_of(merged.comments.tolist())
    if len(pickers) < 2 or "particleSize" not in columns:
        return []
    seen &= ~references_of(merged.comments)[:, None]
    radius = RADII[0] * float(max(columns["particleSize"]))
    found: list[OtherReading] = []
    for k, picker in enumerate(pickers):
        others = seen[:, np.arange(len(pickers)) != k].any(axis=1)
        pairs = [
            _Tomogram(merged.positions[own & seen[:, k]], merged.positions[own & others], np.asarray(sizes[tomo_id]))
            for tomo_id in np.unique(merged.tomo_id.astype(str))
            if (own := merged.tomo_id == tomo_id).any() and tomo_id in sizes
        ]
        reading = _better(pairs, radius)
        if reading and not (found and len(pickers) == 2):
            found.append(OtherReading(int(picker), *reading, int(seen[:, k].sum())))
    return found


@dataclass(frozen=True)
class _Tomogram:
    """own: (n, 3) picks of one picker.  others: (m, 3) those of all others.  edges: (3,) x, y, z; all in voxels."""

    own: np.ndarray
    others: np.ndarray
    edges: np.ndarray

    def readings(self) -> Iterator[tuple[str, np.ndarray]]:
        """Its picks, read in other ways; the same ways for every tomogram. A larger binning alone leaves picks inside."""
        yield from moved(self.own, self.edges)
        for axes in (axes for n in (1, 2, 3) for axes in combinations(range(3), n)):
            turned = self.own.copy()
            turned[:, axes] = (self.edges - 1 - self.own)[:, axes]
            yield f"with {' and '.join('xyz'[axis] for axis in axes)} counted from the other end", turned
        for factor in BINNINGS:
            yield f"multiplied by {factor}", (self.own + 0.5) * factor - 0.5


def _better(pairs: Sequence[_Tomogram], radius: float) -> tuple[str, int, int] | None:
    """The best other reading of a picker: its name, the agreement with it, and that as it is; None if the file seems right."""
    before = _agreed([(pair.own, pair.others) for pair in pairs], radius)
    fewer = min(sum(len(pair.own) for pair in pairs), sum(len(pair.others) for pair in pairs))
    enough = max(FEWEST_AGREED, BETTER * before, FEWEST_SHARE * fewer)
    if enough > fewer:  # nothing can be so much better
        return None
    read = [dict(pair.readings()) for pair in pairs]
    tried = {what: [(own[what], pair.others) for own, pair in zip(read, pairs, strict=True)] for what in read[0]}
    what, agreed = max(((what, _agreed(places, radius)) for what, places in tried.items()), key=lambda pair: pair[1])
    if agreed < enough:
        return None
    chance = np.mean([_agreed([(shifted(own, shift), others) for own, others in tried[what]], radius) for shift in SHIFTS])
    return (what, agreed, before) if agreed > TIMES * chance + ERRORS * np.sqrt(chance) else None


def _agreed(places: Sequence[tuple[np.ndarray, np.ndarray]], radius: float) -> int:
    """How many picks have one of the other side within the radius; of the side with fewer such: of many near one, one counts."""
    near = np.zeros(2, dtype=int)
    for own, others in places:
        if len(own) and len(others):
            near += [_near(own, others, radius), _near(others, own, radius)]
    return int(near.min())


def _near(own: np.ndarray, others: np.ndarray, radius: float) -> int:
    return int(np.isfinite(cKDTree(others).query(own, distance_upper_bound=radius)[0]).sum())
