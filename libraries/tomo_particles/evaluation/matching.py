"""Which pick hits which particle: by distance, or by the voxel it lies in (SHREC 2020); then at most one pick per particle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from ..core.coordinates import outside_volume


@dataclass(frozen=True)
class CandidatePairs:
    """Every pair of a pick and a particle that the pick hits; several picks may reach a particle and the other way round.

    pick, particle: (k,) rows of the picks and of the particles.  distance: (k,) between the centres, voxels.
    n_picks, n_particles: how many there are, those without any pair included.
    """

    pick: np.ndarray
    particle: np.ndarray
    distance: np.ndarray
    n_picks: int
    n_particles: int

    def between(self, picks: np.ndarray, particles: np.ndarray) -> CandidatePairs:
        """The pairs of the chosen picks (n,) bool with the chosen particles (m,) bool; rows keep their numbers."""
        kept = picks[self.pick] & particles[self.particle]
        return CandidatePairs(self.pick[kept], self.particle[kept], self.distance[kept], self.n_picks, self.n_particles)

    @staticmethod
    def joined(parts: list[CandidatePairs]) -> CandidatePairs:
        """The pairs of several tomograms, whose picks and particles are numbered through."""
        before_picks = np.cumsum([0, *(part.n_picks for part in parts)])
        before_particles = np.cumsum([0, *(part.n_particles for part in parts)])
        pick = [part.pick + shift for part, shift in zip(parts, before_picks[:-1], strict=True)]
        particle = [part.particle + shift for part, shift in zip(parts, before_particles[:-1], strict=True)]
        return CandidatePairs(np.concatenate(pick), np.concatenate(particle), np.concatenate([part.distance for part in parts]),
                     int(before_picks[-1]), int(before_particles[-1]))


def pairs_within(picks: np.ndarray, truth: np.ndarray, radius: float | np.ndarray) -> CandidatePairs:
    """The distance rule: a pick reaches the particles that have it within their radius.

    picks: (n, 3), truth: (m, 3), in the same units; radius: one for all, or (m,) one for each particle.
    """
    none = np.zeros(0, dtype=int)
    if not len(picks) or not len(truth):
        return CandidatePairs(none, none, np.zeros(0), len(picks), len(truth))
    radii = np.broadcast_to(np.asarray(radius, dtype=float), len(truth))
    tree = cKDTree(picks)
    pick, particle, distance = [none], [none], [np.zeros(0)]
    for value in np.unique(radii):  # one search per radius: large particles do not slow down the search for small ones
        own = np.flatnonzero(radii == value)
        near = tree.sparse_distance_matrix(cKDTree(truth[own]), value, output_type="coo_matrix")
        pick.append(near.row)
        particle.append(own[near.col])
        distance.append(near.data)
    return CandidatePairs(np.concatenate(pick), np.concatenate(particle), np.concatenate(distance), len(picks), len(truth))


def pairs_in_volume(picks: np.ndarray, truth: np.ndarray, volume: np.ndarray) -> CandidatePairs:
    """SHREC's rule: a pick reaches the particle whose number stands in the voxel under its rounded position.

    picks: (n, 3), truth: (m, 3) x, y, z in voxels of volume (z, y, x), which holds 0 or the 1-based row in truth.
    Picks outside the volume reach nothing. Raises ValueError for a number that has no row.
    """
    inside = ~outside_volume(picks, np.array(volume.shape[::-1]))
    x, y, z = np.minimum(np.rint(picks[inside]).astype(int), np.array(volume.shape[::-1]) - 1).T
    number = np.asarray(volume[z, y, x]).astype(int)
    if (number < 0).any() or (number > len(truth)).any():
        raise ValueError(f"number {number[np.argmax(np.abs(number))]} of the volume is no row of the {len(truth)} particles")
    pick = np.flatnonzero(inside)[number > 0]
    particle = number[number > 0] - 1
    return CandidatePairs(pick, particle, np.linalg.norm(picks[pick] - truth[particle], axis=1), len(picks), len(truth))


@dataclass(frozen=True)
class Matching:
    """What became of every pick; arrays (n,).

    particle: row of the particle it hits, -1 where none.  counts: whether it is the particle's one pick; a hit that does not
    count is a surplus hit.  distance: to that particle's centre, voxels, NaN where none.
    """

    particle: np.ndarray
    counts: np.ndarray
    distance: np.ndarray


def best_matching(pairs: CandidatePairs) -> np.ndarray:
    """Largest one-to-one matching of picks to particles, and of the largest the one with the least sum of distances.

    Returns the indices of its pairs in `pairs`.
    """
    if not len(pairs.pick):
        return np.zeros(0, dtype=int)
    picks, row = np.unique(pairs.pick, return_inverse=True)
    particles, column = np.unique(pairs.particle, return_inverse=True)
    n, m = len(picks), len(particles)
    # Every pick may stay alone, in a column of its own, at a cost that no sum of distances reaches: hits come first. One is
    # added to every cost, which changes no order, because a sparse matrix takes a distance of zero for no pair.
    alone = (pairs.distance.max() + 1) * (min(n, m) + 1)
    cost = csr_matrix((np.concatenate([pairs.distance + 1, np.full(n, alone + 1)]),
                       (np.concatenate([row, np.arange(n)]), np.concatenate([column, m + np.arange(n)]))), shape=(n, m + n))
    chosen = min_weight_full_bipartite_matching(cost)[1]
    return np.flatnonzero(chosen[row] == column)


def matching_of(pairs: CandidatePairs) -> Matching:
    """The best matching counts; a pick left over is a surplus hit of the nearest particle that it reaches."""
    particle = np.full(pairs.n_picks, -1)
    distance = np.full(pairs.n_picks, np.nan)
    counts = np.zeros(pairs.n_picks, dtype=bool)
    farthest_first = np.argsort(-pairs.distance, kind="stable")
    particle[pairs.pick[farthest_first]] = pairs.particle[farthest_first]  # the last one written, the nearest, stays
    distance[pairs.pick[farthest_first]] = pairs.distance[farthest_first]
    matched = best_matching(pairs)
    particle[pairs.pick[matched]] = pairs.particle[matched]
    distance[pairs.pick[matched]] = pairs.distance[matched]
    counts[pairs.pick[matched]] = True
    return Matching(particle, counts, distance)


def counts_by_score(pairs: CandidatePairs, score: np.ndarray) -> np.ndarray:
    """(n,) the picks that count if the better scored ones come first, whatever score (n,) the list is cut at.

    Among the picks down to any score those marked are as many as the largest one-to-one matching of these picks has pairs:
    a pick counts if it lets one more particle be found (augmenting paths, taken in the order of the scores).
    """
    order = np.argsort(pairs.pick, kind="stable")
    ends = np.searchsorted(pairs.pick[order], np.arange(pairs.n_picks + 1))
    targets = pairs.particle[order].tolist()
    owner = [-1] * pairs.n_particles
    counts = np.zeros(pairs.n_picks, dtype=bool)

    def takes(pick: int) -> bool:
        """Find the pick a particle, moving earlier picks to others; breadth first, for a path may be long."""
        came_from: dict[int, tuple[int, int]] = {}  # particle: (pick that wants it, particle that this pick would leave)
        queue = [(pick, -1)]
        for wanting, leaving in queue:
            for target in targets[ends[wanting]:ends[wanting + 1]]:
                if target in came_from:
                    continue
                came_from[target] = (wanting, leaving)
                if owner[target] >= 0:
                    queue.append((owner[target], target))
                    continue
                while target >= 0:
                    taker, left = came_from[target]
                    owner[target] = taker
                    target = left
                return True
        return False

    for pick in np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable").tolist():
        counts[pick] = ends[pick] < ends[pick + 1] and takes(pick)
    return counts
