"""A picking against ground truth: one-to-one matches within a radius (METHOD.md section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..evaluation.matching import best_matching, pairs_within


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


def match_picks(picks: np.ndarray, truth: np.ndarray, radius: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest one-to-one matching of picks (n, 3) to truth (m, 3); among equals the one with the least sum of distances.

    radius: in the same units, one for all particles or (m,) one for each. Returns the matched rows of picks, ascending, and of
    truth. A second pick of the same particle is not a hit.
    """
    candidates = pairs_within(picks, truth, radius)
    pairs = best_matching(candidates)
    pairs = pairs[np.argsort(candidates.pick[pairs])]
    return candidates.pick[pairs], candidates.particle[pairs]


def agreement(picks: np.ndarray, truth: np.ndarray, radius: float | np.ndarray) -> Agreement:
    """How well picks (n, 3) recover the particles truth (m, 3)."""
    return Agreement(len(picks), len(match_picks(picks, truth, radius)[0]), len(truth))
