"""Non-maximum suppression: a point is kept unless a better kept point lies within a radius of it."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

BLOCK = 50_000  # points compared with each other at once: bounds the memory for their pairs


def suppress_neighbours(points: np.ndarray, radius: float, rank: np.ndarray | None = None,
                        number: int | None = None) -> np.ndarray:
    """(n,) for each of the points (n, 3) the index of the kept point that represents it: itself if it is kept, else the best of
    the kept points within `radius`.

    rank: (n,) 0..n-1, 0 the best; without it the points come the best first. number: stop when so many are kept; points that
    are then undecided have -1, and some more than `number` may be kept.
    """
    n = len(points)
    by_rank = np.arange(n) if rank is None else np.argsort(rank)
    ranked = points[by_rank]
    represented_by = np.full(n, -1)  # ranks, in the order of the ranks
    n_kept = 0
    for start in range(0, n, BLOCK):
        rows = start + np.flatnonzero(represented_by[start:start + BLOCK] < 0)
        represented_by[rows] = rows[_within_block(ranked[rows], radius)]
        kept = rows[represented_by[rows] == rows]
        n_kept += len(kept)
        if number is not None and n_kept >= number:
            break
        later = start + BLOCK + np.flatnonzero(represented_by[start + BLOCK:] < 0)
        if len(later) and len(kept):
            near = cKDTree(ranked[kept]).sparse_distance_matrix(cKDTree(ranked[later]), radius, output_type="ndarray")
            best = np.full(len(later), n)
            np.minimum.at(best, near["j"], kept[near["i"]])
            represented_by[later] = np.where(best < n, best, -1)
    found = np.full(n, -1)
    decided = represented_by >= 0
    found[by_rank[decided]] = by_rank[represented_by[decided]]
    return found


def far_from(tree: cKDTree | None, points: np.ndarray, distance: float, threads: int = 1) -> np.ndarray:
    """(n,) bool, whether each of the points (n, 3) is at least `distance` away from every point of the tree; None: no points."""
    if tree is None or not len(points):
        return np.ones(len(points), dtype=bool)
    return np.isinf(tree.query(points, distance_upper_bound=distance, workers=threads)[0])


def _within_block(points: np.ndarray, radius: float) -> np.ndarray:
    """(n,) for points (n, 3) that come the best first, the index of the kept point that represents each of them."""
    best = np.arange(len(points))
    if not len(points):
        return best
    first, later = cKDTree(points, leafsize=8).query_pairs(radius, output_type="ndarray").T  # in each pair first < later
    kept = _kept(first, later, len(points))
    drops = kept[first]
    np.minimum.at(best, later[drops], first[drops])
    return best


def _kept(first: np.ndarray, later: np.ndarray, n: int) -> np.ndarray:
    """(n,) which of n points are kept, given all pairs of near ones, in each the better one first."""
    undecided = np.ones(n, dtype=bool)
    kept = np.zeros(n, dtype=bool)
    while undecided.any():  # all points at once that no better undecided one can drop
        free = undecided.copy()
        free[later] = False
        kept |= free
        undecided &= ~free
        undecided[later[free[first]]] = False
        waiting = undecided[first] & undecided[later]
        first, later = first[waiting], later[waiting]
    return kept
