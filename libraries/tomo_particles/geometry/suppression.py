"""Non-maximum suppression: points are taken by decreasing quality, and each is kept unless a kept point is within a radius."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def suppress_neighbours(points: np.ndarray, radius: float, rank: np.ndarray) -> np.ndarray:
    """(n,) for each of the points (n, 3) the index of the kept point that represents it: itself if it is kept, else the best kept
    point within the radius.

    rank: (n,) 0..n-1, 0 the best. A few passes over arrays give the same result as taking one point after the other.
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
    """(n,) which of n points are kept, given all pairs of points within the radius, the better point of each pair in `first`."""
    undecided = np.ones(n, dtype=bool)
    kept = np.zeros(n, dtype=bool)
    while undecided.any():  # keep at once all points that have no better undecided neighbour
        free = undecided.copy()
        free[later] = False
        kept |= free
        undecided &= ~free
        undecided[later[free[first]]] = False
        waiting = undecided[first] & undecided[later]
        first, later = first[waiting], later[waiting]
    return kept
