"""A picking against ground truth: one-to-one matches within a radius (METHOD.md section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Agreement:
    """Counts of a picking: picks reported, true positives, true particles."""

    reported: int
    hits: int
    particles: int

    @property
    def precision(self) -> float:
        return self.hits / self.reported if self.reported else 0.0

    @property
    def recall(self) -> float:
        return self.hits / self.particles if self.particles else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.reported + self.particles
        return 2 * self.hits / total if total else 0.0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(self.reported + other.reported, self.hits + other.hits, self.particles + other.particles)


def match(picks: np.ndarray, truth: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Largest one-to-one matching of picks (n, 3) to truth (m, 3) within `radius` (same units), nearest first among equals.

    Returns the matched rows of picks and of truth. A second pick of the same particle is not a hit.
    """
    from scipy.optimize import linear_sum_assignment

    none = np.zeros(0, dtype=int)
    if not len(picks) or not len(truth):
        return none, none
    near = cKDTree(picks).sparse_distance_matrix(cKDTree(truth), radius, output_type="coo_matrix")
    # Assign group by group of picks and particles that can reach each other, so that the cost matrices stay small.
    n = len(picks)
    links = coo_matrix((np.ones(near.nnz), (near.row, near.col + n)), shape=(n + len(truth),) * 2)
    group = connected_components(links, directed=False)[1]
    matched: list[tuple[int, int]] = []
    for g in np.unique(group[near.row]):
        edges = group[near.row] == g
        rows, row_index = np.unique(near.row[edges], return_inverse=True)
        cols, col_index = np.unique(near.col[edges], return_inverse=True)
        # A miss costs more than any distance can save, so the number of hits comes first.
        cost = np.full((len(rows), len(cols)), 1e3 * radius * (len(rows) + len(cols)))
        cost[row_index, col_index] = near.data[edges]
        for r, c in zip(*linear_sum_assignment(cost), strict=True):
            if cost[r, c] <= radius:
                matched.append((rows[r], cols[c]))
    pairs = np.array(sorted(matched), dtype=int).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def agreement(picks: np.ndarray, truth: np.ndarray, radius: float) -> Agreement:
    """How well picks (n, 3) recover the particles truth (m, 3)."""
    return Agreement(len(picks), len(match(picks, truth, radius)[0]), len(truth))
