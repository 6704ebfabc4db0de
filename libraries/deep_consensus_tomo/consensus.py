"""Coordinate consensus: merge the picks of the same particle and count the distinct pickers that saw it.

Source: METHOD.md section 1 (coordinate consensus); the thesis' greedy pass is replaced by complete linkage,
because greedy merging depends on the order of the pickers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .linkage import complete_linkage
from .picks import Picks

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
    order = np.lexsort((np.nan_to_num(picks.score, nan=-np.inf), *picks.positions.T))
    core = complete_linkage(picks.positions[order], radius)
    labels = np.empty(len(picks), dtype=int)
    labels[order] = core
    speakers = _one_pick_per_picker(picks, labels, order)
    centres = geometric_medians(picks.positions[speakers], labels[speakers])
    target = _absorb_close_clusters(centres, np.bincount(labels[speakers]), radius)
    own = target[labels[speakers]] == labels[speakers]  # an absorbed cluster does not move the one that took it
    kept, labels = np.unique(target[labels], return_inverse=True)
    positions = _representatives(picks, labels, centres[kept], representative)
    medoid = _nearest(picks, labels, speakers[own], positions)
    return Clusters(positions, labels, distinct_pickers(labels, picks.picker, len(kept)), medoid)


def distinct_pickers(labels: np.ndarray, picker: np.ndarray, n_clusters: int) -> np.ndarray:
    """(n_clusters,) number of different pickers among the picks of each cluster."""
    pairs = np.unique(np.stack([labels, picker], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=n_clusters)


def _one_pick_per_picker(picks: Picks, labels: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rows that speak for their cluster, by cluster: of each picker its best-scored pick, else the central one."""
    off_centre = np.linalg.norm(picks.positions - group_means(picks.positions, labels)[labels], axis=1)
    rank = np.empty(len(picks), dtype=int)
    rank[order] = np.arange(len(picks))
    preference = np.lexsort((rank, off_centre, -np.nan_to_num(picks.score, nan=-np.inf), picks.picker, labels))
    new = np.ones(len(picks), dtype=bool)
    new[1:] = (np.diff(labels[preference]) != 0) | (np.diff(picks.picker[preference]) != 0)
    return preference[new]


def group_means(points: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(m, 3) weighted mean of the points (n, 3) of each label 0..m-1."""
    weights = np.ones(len(points)) if weights is None else weights
    sums = np.stack([np.bincount(labels, weights * points[:, axis]) for axis in range(3)], axis=1)
    return sums / np.bincount(labels, weights)[:, None]


def geometric_medians(points: np.ndarray, labels: np.ndarray, iterations: int = 20) -> np.ndarray:
    """(m, 3) the point of least summed distance to the points (n, 3) of each label (Weiszfeld 1937)."""
    centres = group_means(points, labels)
    several = np.bincount(labels) > 2  # of one or two points the mean already is that point
    rows = several[labels]
    points, labels, moving = points[rows], (np.cumsum(several) - 1)[labels[rows]], centres[several]
    for _ in range(iterations):
        # One voxel softens the distances: two or three pickers should average, not snap to one of their picks.
        distance = np.sqrt(((points - moving[labels]) ** 2).sum(axis=1) + 1.0)
        moving = group_means(points, labels, 1 / distance)
    centres[several] = moving
    return centres


def _absorb_close_clusters(centres: np.ndarray, support: np.ndarray, radius: float) -> np.ndarray:
    """(m,) the cluster each cluster ends in: the best supported of those within `radius` takes its neighbours."""
    target = np.arange(len(centres))
    pairs = cKDTree(centres).query_pairs(radius, output_type="ndarray")
    neighbours: dict[int, list[int]] = {}
    for a, b in pairs.tolist():
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    taken: set[int] = set()
    for cluster in sorted(neighbours, key=lambda c: (-support[c], *centres[c])):
        if cluster in taken:
            continue
        free = [c for c in neighbours[cluster] if c not in taken]
        target[free] = cluster
        taken.update(free, [cluster])
    return target


def _nearest(picks: Picks, labels: np.ndarray, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(m,) of the given rows the one nearest each cluster's representative, of equals the best-scored."""
    # Of two picks both are as near as the other up to rounding errors, which must not decide
    distance = np.round(np.linalg.norm(picks.positions[rows] - positions[labels[rows]], axis=1), 6)
    score = np.nan_to_num(picks.score[rows], nan=-np.inf)
    by_distance = rows[np.lexsort((*picks.positions[rows].T, -score, distance, labels[rows]))]
    return by_distance[np.unique(labels[by_distance], return_index=True)[1]]


def _representatives(picks: Picks, labels: np.ndarray, centres: np.ndarray, representative: int) -> np.ndarray:
    if representative == ROBUST:
        return centres
    if representative == CENTROID:
        return group_means(picks.positions, labels)
    if representative == FIRST:
        return picks.positions[np.unique(labels, return_index=True)[1]]
    raise ValueError(f"representative must be one of {REPRESENTATIVES}, received {representative}")
