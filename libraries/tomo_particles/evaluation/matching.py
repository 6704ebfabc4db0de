"""Matching of picks and particles: by distance, or by the voxel of the pick (SHREC 2020); then at most one pick per particle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from ..core.coordinates import inside_volume


@dataclass(frozen=True)
class CandidatePairs:
    """Every pair of a pick and a particle that it may be matched with. A pick may be in several pairs, and so may a particle.

    pick, particle: (k,) rows of the picks and of the particles.  distance: (k,) between the centres, voxels.
    n_picks, n_particles: how many there are, those without any pair included.
    """

    pick: np.ndarray
    particle: np.ndarray
    distance: np.ndarray
    n_picks: int
    n_particles: int

    def between(self, picks: np.ndarray, particles: np.ndarray) -> CandidatePairs:
        """The pairs of the chosen picks (n,) bool with the chosen particles (m,) bool; the row numbers stay the same."""
        kept = picks[self.pick] & particles[self.particle]
        return CandidatePairs(self.pick[kept], self.particle[kept], self.distance[kept], self.n_picks, self.n_particles)

    @staticmethod
    def joined(parts: list[CandidatePairs]) -> CandidatePairs:
        """The pairs of several tomograms, with the picks and particles of all numbered in one sequence."""
        before_picks = np.cumsum([0, *(part.n_picks for part in parts)])
        before_particles = np.cumsum([0, *(part.n_particles for part in parts)])
        pick = [part.pick + shift for part, shift in zip(parts, before_picks[:-1], strict=True)]
        particle = [part.particle + shift for part, shift in zip(parts, before_particles[:-1], strict=True)]
        return CandidatePairs(
            np.concatenate(pick),
            np.concatenate(particle),
            np.concatenate([part.distance for part in parts]),
            int(before_picks[-1]),
            int(before_particles[-1]),
        )


def pairs_within(picks: np.ndarray, truth: np.ndarray, radius: float | np.ndarray) -> CandidatePairs:
    """The distance rule: a pick hits each particle whose centre is at most the radius of this particle away.

    picks: (n, 3), truth: (m, 3), in the same units; radius: one for all, or (m,) one for each particle.
    """
    none = np.zeros(0, dtype=int)
    if not len(picks) or not len(truth):
        return CandidatePairs(none, none, np.zeros(0), len(picks), len(truth))
    radii = np.broadcast_to(np.asarray(radius, dtype=float), len(truth))
    tree = cKDTree(picks)
    pick, particle, distance = [none], [none], [np.zeros(0)]
    for value in np.unique(radii):  # one search per radius: a large radius must not slow down the search for the small ones
        own = np.flatnonzero(radii == value)
        near = tree.sparse_distance_matrix(cKDTree(truth[own]), value, output_type="coo_matrix")
        pick.append(near.row)
        particle.append(own[near.col])
        distance.append(near.data)
    return CandidatePairs(np.concatenate(pick), np.concatenate(particle), np.concatenate(distance), len(picks), len(truth))


def pairs_in_volume(picks: np.ndarray, truth: np.ndarray, volume: np.ndarray) -> CandidatePairs:
    """SHREC's rule: a pick hits the particle whose number the voxel at its rounded position holds.

    picks: (n, 3), truth: (m, 3) x, y, z in voxels of volume (z, y, x), which holds 0 or the 1-based row in truth.
    Picks outside the volume hit nothing. Raises ValueError for a number that has no row.
    """
    inside = inside_volume(picks, volume.shape[::-1])
    x, y, z = np.minimum(np.rint(picks[inside]).astype(int), np.array(volume.shape[::-1]) - 1).T
    number = np.asarray(volume[z, y, x]).astype(int)
    if (number < 0).any() or (number > len(truth)).any():
        raise ValueError(f"number {number[np.argmax(np.abs(number))]} of the volume is no row of the {len(truth)} particles")
    pick = np.flatnonzero(inside)[number > 0]
    particle = number[number > 0] - 1
    return CandidatePairs(pick, particle, np.linalg.norm(picks[pick] - truth[particle], axis=1), len(picks), len(truth))


@dataclass(frozen=True)
class Matches:
    """The result for every pick; arrays (n,).

    particle: row of the particle that the pick hits, -1 if it hits none.  counts: whether the pick is the one that counts for
    this particle; the other hits are surplus.  distance: to the centre of the particle, voxels; NaN without a particle.
    """

    particle: np.ndarray
    counts: np.ndarray
    distance: np.ndarray


def best_matching(candidates: CandidatePairs) -> np.ndarray:
    """The one-to-one matching of picks to particles with the most pairs; among equals the one with the least sum of distances.

    Returns the indices of its pairs in `candidates`.
    """
    if not len(candidates.pick):
        return np.zeros(0, dtype=int)
    picks, row = np.unique(candidates.pick, return_inverse=True)
    particles, column = np.unique(candidates.particle, return_inverse=True)
    n, m = len(picks), len(particles)
    # Each pick may stay unmatched, in a column of its own. This costs more than any sum of distances, so that as many picks
    # as possible are matched. One is added to every cost because a sparse matrix would read a distance of 0 as no pair.
    alone = (candidates.distance.max() + 1) * (min(n, m) + 1)
    cost = csr_matrix(
        (
            np.concatenate([candidates.distance + 1, np.full(n, alone + 1)]),
            (np.concatenate([row, np.arange(n)]), np.concatenate([column, m + np.arange(n)])),
        ),
        shape=(n, m + n),
    )
    chosen = min_weight_full_bipartite_matching(cost)[1]
    return np.flatnonzero(chosen[row] == column)


def matches_of(candidates: CandidatePairs) -> Matches:
    """The picks of the best matching count; each other pick that hits a particle is a surplus hit of the nearest one."""
    particle = np.full(candidates.n_picks, -1)
    distance = np.full(candidates.n_picks, np.nan)
    counts = np.zeros(candidates.n_picks, dtype=bool)
    farthest_first = np.argsort(-candidates.distance, kind="stable")
    particle[candidates.pick[farthest_first]] = candidates.particle[farthest_first]  # the nearest is written last and stays
    distance[candidates.pick[farthest_first]] = candidates.distance[farthest_first]
    matched = best_matching(candidates)
    particle[candidates.pick[matched]] = candidates.particle[matched]
    distance[candidates.pick[matched]] = candidates.distance[matched]
    counts[candidates.pick[matched]] = True
    return Matches(particle, counts, distance)


def counts_by_score(candidates: CandidatePairs, score: np.ndarray) -> np.ndarray:
    """(n,) bool: true positives if picks are accepted by decreasing score (n,); valid at every threshold.

    At every threshold the number of marked picks equals the size of the largest one-to-one matching of the accepted picks.
    A pick is marked if one more particle is found with it (augmenting paths, in the order of the scores).
    """
    order = np.argsort(candidates.pick, kind="stable")
    ends = np.searchsorted(candidates.pick[order], np.arange(candidates.n_picks + 1))
    targets = candidates.particle[order].tolist()
    owner = [-1] * candidates.n_particles
    counts = np.zeros(candidates.n_picks, dtype=bool)

    def takes(pick: int) -> bool:
        """Find a particle for the pick; earlier picks may move to other particles. Breadth first, because a path may be long."""
        came_from: dict[int, tuple[int, int]] = {}  # particle: (pick that wants it, particle that this pick would leave)
        queue = [(pick, -1)]
        for wanting, leaving in queue:
            for target in targets[ends[wanting] : ends[wanting + 1]]:
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
