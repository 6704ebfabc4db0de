"""Complete linkage on the pairs of points within a radius: clusters in which all points are within the radius of each other.

The two nearest clusters are merged until no two are within the radius (Defays 1977). Complete linkage is reducible (Bruynooghe
1978): two clusters that are each other's nearest may be merged before all others. Therefore all such pairs are merged in one
pass over arrays, and a few dozen passes are enough.
"""

from __future__ import annotations

import heapq

import numpy as np
from scipy.spatial import cKDTree

MOST_PAIRS = 6_000_000  # of half a GB
# Sides of the cells, in radii, in which a crowd is put together: any two points of a cell are within the radius.
CELLS = (1 / 8, 1 / 4, 1 / 2)
SLOW = 0.98  # a pass that leaves more than this share of the pairs: a chain that only merges from one end; one by one is faster
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying by it (Fibonacci hashing) keeps different numbers different


def complete_linkage(points: np.ndarray, radius: float) -> np.ndarray:
    """(n,) cluster of each point: complete linkage, cut where a cluster's diameter would pass `radius`.

    Only pairs within the radius are ever looked at: memory and time follow the number p of such pairs, as p log p at most. Equal
    points count once. In a crowd, of more than MOST_PAIRS, the points of a small cell are put together first: still nothing in a
    cluster is farther apart than the radius, but which of many neighbours are merged is a little coarser.
    """
    if not len(points):
        return np.zeros(0, dtype=int)
    for side in (0.0, *CELLS):
        group, low, high = _groups(points, side * radius)
        if _pairs_expected(low, radius) <= MOST_PAIRS:
            break
    first, second = np.ascontiguousarray(cKDTree((low + high) / 2, leafsize=8).query_pairs(radius, output_type="ndarray").T)
    length = np.sqrt(sum(_farthest(lo, hi, first, second) ** 2 for lo, hi in zip(low.T, high.T, strict=True)))
    near = length <= radius
    return _linked(first[near], second[near], length[near], len(low))[group]


def _groups(points: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) the group 0..m-1 of each point, and the (m, 3) lowest and highest corner of each: of equal points, or of one cell."""
    cells = np.floor(points / side) if side else points
    order = np.lexsort(cells.T)
    new = np.r_[True, (np.diff(cells[order], axis=0) != 0).any(axis=1)]
    start = np.flatnonzero(new)
    group = np.empty(len(points), dtype=int)
    group[order] = np.cumsum(new) - 1
    ordered = points[order]
    return group, np.minimum.reduceat(ordered, start), np.maximum.reduceat(ordered, start)


def _pairs_expected(points: np.ndarray, radius: float) -> float:
    """How many pairs are within the radius, about: as if the points were evenly spread in each cell of its size."""
    count = np.bincount(_groups(points, radius)[0])
    return float(2 * np.pi / 3 * (count.astype(float) ** 2).sum())


def _farthest(low: np.ndarray, high: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(p,) along one axis, how far apart a point of one group and a point of the other can be."""
    return np.maximum(high[first], high[second]) - np.minimum(low[first], low[second])


def _linked(first: np.ndarray, second: np.ndarray, length: np.ndarray, n: int) -> np.ndarray:
    """(n,) cluster of each of n points, of the pairs that are near and how far apart these are."""
    cluster = np.arange(n)  # of each point, called after one of its points
    while len(first):
        before = len(first)
        nearest = _nearest_of_both(first, second, length, n)
        into = np.arange(n)
        into[second[nearest]] = first[nearest]
        first, second, length = _between_merged(first, second, length, into)
        if len(first) > SLOW * before:
            into = _one_by_one(first, second, length, n)[into]
            first = first[:0]
        cluster = into[cluster]
    exists = np.zeros(n, dtype=bool)
    exists[cluster] = True
    return (np.cumsum(exists) - 1)[cluster]


def _nearest_of_both(first: np.ndarray, second: np.ndarray, length: np.ndarray, n: int) -> np.ndarray:
    """(p,) whether the clusters of a pair are each other's nearest; at equal distances both choose the same pair."""
    least = np.full(n, np.inf)
    for end in (first, second):
        np.minimum.at(least, end, length)
    # Distances between picks on whole voxels are often equal. In spatial order such pairs would be merged only from one end.
    rank = (first.astype(np.uint64) * np.uint64(n) + second.astype(np.uint64)) * _MIX
    chosen = np.full(n, np.iinfo(np.uint64).max)
    for end in (first, second):
        ties = length == least[end]
        np.minimum.at(chosen, end[ties], rank[ties])
    return (chosen[first] == rank) & (chosen[second] == rank)


def _between_merged(
    first: np.ndarray, second: np.ndarray, length: np.ndarray, into: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs after each cluster was merged into the cluster `into`, at most two into one; the distance of the farthest parts.

    Pairs of which some parts were not within the radius are left out.
    """
    n = len(into)
    parts = np.bincount(into, minlength=n)
    one, other = into[first], into[second]
    pair = np.minimum(one, other) * n + np.maximum(one, other)
    order = np.argsort(pair)
    pair = pair[order]
    start = np.flatnonzero(np.r_[True, np.diff(pair) != 0])
    count = np.diff(np.r_[start, len(pair)])
    one, other = np.divmod(pair[start], n)
    whole = (one != other) & (count == parts[one] * parts[other])
    return one[whole], other[whole], np.maximum.reduceat(length[order], start)[whole]


def _one_by_one(first: np.ndarray, second: np.ndarray, length: np.ndarray, n: int) -> np.ndarray:
    """(n,) the cluster that each of n clusters ends in, by merging the nearest two clusters repeatedly."""
    triples = list(zip(length.tolist(), first.tolist(), second.tolist(), strict=True))
    near: dict[int, dict[int, float]] = {}
    for d, a, b in triples:
        near.setdefault(a, {})[b] = near.setdefault(b, {})[a] = d
    heapq.heapify(triples)
    into = np.arange(n)
    while triples:
        d, a, b = heapq.heappop(triples)
        if near.get(a, {}).get(b) != d:
            continue  # a cluster of this pair has been merged since
        theirs, mine = near.pop(b), near[a]
        into[b] = a
        near[a] = {c: max(mine[c], theirs[c]) for c in mine.keys() & theirs.keys()}
        for c in (mine.keys() | theirs.keys()) - {a, b}:
            near[c].pop(a, None)
            near[c].pop(b, None)
            if c in near[a]:
                near[c][a] = near[a][c]
                heapq.heappush(triples, (near[a][c], min(a, c), max(a, c)))
    while (into != into[into]).any():
        into = into[into]
    return into
