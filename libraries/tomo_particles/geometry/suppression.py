"""Points that stay apart: each point, the best first, is kept unless one that is kept lies within a radius of it."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def taken_by(points: np.ndarray, radius: float, rank: np.ndarray) -> np.ndarray:
    """(n,) for each of the points (n, 3) itself, if it is kept, else the best of the kept points within the radius of it.

    rank: (n,) 0..n-1, 0 the best. Decides in a few passes over arrays what taking one point after the other would.
    """
    n = len(points)
    if not n:
        return np.zeros(0, dtype=int)
    one, other = cKDTree(points, leafsize=8).query_pairs(radius, output_type="ndarray").T
    better = rank[one] < rank[other]
    first, later = np.where(better, one, other), np.where(better, other, one)
    kept = _kept(first, later, n)
    best = rank.copy()
    drops = kept[first]
    np.minimum.at(best, later[drops], rank[first[drops]])
    by_rank = np.empty(n, dtype=int)
    by_rank[rank] = np.arange(n)
    return by_rank[best]


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
