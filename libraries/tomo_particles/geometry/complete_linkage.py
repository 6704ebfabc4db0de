"""Complete linkage on the pairs of points within a radius: clusters in which all points are within the radius of each other.

The two nearest clusters are merged until no two are within the radius (Defays 1977). Complete linkage is reducible (Bruynooghe
1978): two clusters that are each other's nearest may be merged before all others. Therefore all such pairs are merged in one
pass over arrays, and a few dozen passes are enough.
"""

from __future__ import annotations

import heapq

import numpy as np
from scipy.spatial import cKDTree

SLOW = 0.98  # if a pass leaves more than this share of the pairs, a chain merges only from one end: one by one is then faster
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that products with it (Fibonacci hashing) of different numbers differ


def complete_linkage(points: np.ndarray, radius: float) -> np.ndarray:
    """(n,) cluster of each point: complete linkage, cut where a cluster's diameter would pass `radius`.

    Only the p pairs within the radius are used: memory and time grow at most as p log p.
    """
    n = len(points)
    if not n:
        return np.zeros(0, dtype=int)
    first, second = np.ascontiguousarray(cKDTree(points, leafsize=8).query_pairs(radius, output_type="ndarray").T)
    length = np.sqrt(sum((axis[first] - axis[second]) ** 2 for axis in points.T))
    cluster = np.arange(n)  # of each point; a cluster is named by the index of one of its points
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


def _between_merged(first: np.ndarray, second: np.ndarray, length: np.ndarray,
                    into: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
