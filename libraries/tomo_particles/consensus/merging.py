"""Coordinate consensus: merge the picks of the same particle and count the distinct pickers that saw it.

Source: METHOD.md section 1 (coordinate consensus); the thesis' greedy pass is replaced by complete linkage,
because greedy merging depends on the order of the pickers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.picks import Picks
from ..geometry.complete_linkage import complete_linkage
from ..geometry.suppression import suppress_neighbours

SETTLED = 1e-4  # voxels: medians that move less are found
# The values of --constype.
FIRST, CENTROID, ROBUST = 0, 1, 2
REPRESENTATIVES = {"first": FIRST, "centroid": CENTROID, "robust": ROBUST}


@dataclass(frozen=True)
class Clusters:
    """Merged picks of one tomogram; m clusters of n picks.

    positions: (m, 3) representatives, x, y, z, voxels.  labels: (n,) cluster of every pick, 0..m-1.
    support: (m,) number of distinct pickers.  medoid: (m,) index of the pick nearest the representative, which
    gives the cluster its orientation and group id.
    """

    positions: np.ndarray
    labels: np.ndarray
    support: np.ndarray
    medoid: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)


def merge_picks(picks: Picks, radius: float, representative: int = ROBUST) -> Clusters:
    """Cluster picks that lie mutually within `radius` (voxels).

    The clusters do not depend on the order of the picks nor on the numbering of the pickers; a picker counts
    once in a cluster however often it picked the particle, and no two robust representatives lie within `radius`.
    `representative`: FIRST (the pick that came first), CENTROID (mean of all picks) or ROBUST (geometric median
    of one pick per picker: one far-off picker does not drag it).
    Raises ValueError for a radius that is not positive.
    """
    if not radius > 0:
        raise ValueError(f"radius must be positive (voxels), received {radius}")
    if not len(picks):
        empty = np.zeros(0, dtype=int)
        return Clusters(np.zeros((0, 3)), empty, empty, empty)
    # Work in an order that only the picks themselves decide, so that ties fall the same way for every input order.
    order = _own_order(picks)
    ordered = _OrderedPicks(picks.positions[order], picks.picker[order], np.nan_to_num(picks.score[order], nan=-np.inf))
    core = complete_linkage(ordered.positions, radius)
    representatives = _one_pick_per_picker(ordered, core)
    cluster = core[representatives]
    centres = geometric_medians(ordered.positions[representatives], cluster)
    target = _absorb_close_clusters(centres, np.bincount(cluster), radius)
    own = representatives[target[cluster] == cluster]  # an absorbed cluster does not move the one that took it
    kept = target == np.arange(len(target))
    merged = (np.cumsum(kept) - 1)[target[core]]
    labels = np.empty(len(picks), dtype=int)
    labels[order] = merged
    positions = _representatives(picks, labels, centres[kept], representative)
    medoid = order[_nearest(ordered, merged, own, positions)]
    return Clusters(positions, labels, distinct_pickers(labels, picks.picker, len(positions)), medoid)


def _own_order(picks: Picks) -> np.ndarray:
    """(n,) the picks by z, then by y, by x and by score, four times faster where few picks share their z."""
    order = np.argsort(picks.positions[:, 2])
    same = np.diff(picks.positions[order, 2]) == 0
    tied = np.r_[False, same] | np.r_[same, False]
    rows = order[tied]
    order[tied] = rows[np.lexsort((np.nan_to_num(picks.score[rows], nan=-np.inf), *picks.positions[rows].T))]
    return order


@dataclass(frozen=True)
class _OrderedPicks:
    """n picks in the order of `_own_order`: positions (n, 3), picker (n,), score (n,), -inf for none."""

    positions: np.ndarray
    picker: np.ndarray
    score: np.ndarray


def distinct_pickers(labels: np.ndarray, picker: np.ndarray, n_clusters: int) -> np.ndarray:
    """(n_clusters,) number of different pickers among the picks of each cluster."""
    pairs, pickers = _pairs(labels, picker)
    return np.bincount(np.unique(pairs) // pickers, minlength=n_clusters)


def _pairs(labels: np.ndarray, picker: np.ndarray) -> tuple[np.ndarray, int]:
    """(n,) one number for each pair of a label and a picker, in their order, and by how many that of the label was multiplied."""
    least = int(picker.min())
    pickers = int(picker.max()) - least + 1
    return labels * pickers + (picker - least), pickers


def _one_pick_per_picker(picks: _OrderedPicks, labels: np.ndarray) -> np.ndarray:
    """Rows that represent their cluster, sorted by cluster: of each picker its best-scored pick; ties go to the most central."""
    off_centre = _comparable_distance(picks.positions, group_means(picks.positions, labels), labels)
    pairs, _ = _pairs(labels, picks.picker)
    rows = np.argsort(pairs, kind="stable")
    return rows[_least(pairs[rows], -picks.score[rows], off_centre[rows])]


def _least(groups: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """(m,) for each group of the sorted rows, the index of the lexicographically smallest row by `keys`; ties go to the first."""
    new = np.r_[True, np.diff(groups) != 0]
    start, group = np.flatnonzero(new), np.cumsum(new) - 1
    best = np.ones(len(groups), dtype=bool)
    for key in (*keys, np.arange(len(groups), dtype=float)):
        key = np.where(best, key, np.inf)
        best &= key == np.minimum.reduceat(key, start)[group]
    return np.flatnonzero(best)


def _squared_distance(points: np.ndarray, centres: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) squared distance of the points (n, 3) to the centre (m, 3) of their label."""
    x, y, z = (point - centre[labels] for point, centre in zip(points.T, centres.T, strict=True))
    return x * x + y * y + z * z


def _comparable_distance(points: np.ndarray, centres: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The distance rounded: two picks are equally far from their mean but for rounding errors, which must not decide."""
    distance: np.ndarray = np.round(np.sqrt(_squared_distance(points, centres, labels)), 6)
    return distance


def group_means(points: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(m, 3) weighted mean of the points (n, 3) of each label 0..m-1."""
    sums = [np.bincount(labels, axis if weights is None else weights * axis) for axis in points.T]
    return np.stack(sums, axis=1) / np.bincount(labels, weights)[:, None]


def geometric_medians(points: np.ndarray, labels: np.ndarray, iterations: int = 20) -> np.ndarray:
    """(m, 3) the point of least summed distance to the points (n, 3) of each label (Weiszfeld 1937)."""
    centres = group_means(points, labels)
    several = np.bincount(labels) > 2  # of one or two points the mean already is that point
    rows = several[labels]
    points, labels, moving = np.asfortranarray(points[rows]), (np.cumsum(several) - 1)[labels[rows]], centres[several]
    for _ in range(iterations):
        # One voxel softens the distances: two or three pickers should average, not snap to one of their picks.
        before, moving = moving, group_means(points, labels, 1 / np.sqrt(_squared_distance(points, moving, labels) + 1.0))
        if np.abs(moving - before).max(initial=0.0) < SETTLED:
            break
    centres[several] = moving
    return centres


def _absorb_close_clusters(centres: np.ndarray, support: np.ndarray, radius: float) -> np.ndarray:
    """(m,) the cluster each cluster ends in: the best supported of those within `radius` takes its neighbours."""
    rank = np.empty(len(centres), dtype=int)
    # Rounded: centres may be equal along an axis but for rounding errors, which must not decide
    rank[np.lexsort((*np.round(centres.T[::-1], 6), -support))] = np.arange(len(centres))
    return suppress_neighbours(centres, radius, rank)


def _nearest(picks: _OrderedPicks, labels: np.ndarray, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(m,) of the given rows, sorted by label, the one nearest each cluster's representative, of equals the best-scored."""
    distance = _comparable_distance(picks.positions[rows], positions, labels[rows])
    return rows[_least(labels[rows], distance, -picks.score[rows], rows)]


def _representatives(picks: Picks, labels: np.ndarray, centres: np.ndarray, representative: int) -> np.ndarray:
    if representative == ROBUST:
        return centres
    if representative == CENTROID:
        return group_means(picks.positions, labels)
    if representative == FIRST:
        return picks.positions[np.unique(labels, return_index=True)[1]]
    raise ValueError(f"representative must be one of {REPRESENTATIVES}, received {representative}")
