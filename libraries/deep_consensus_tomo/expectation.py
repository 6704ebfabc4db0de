"""What a threshold on probabilities promises: how many of the accepted picks are particles, and how many it leaves behind.

A pick of probability p is a particle p times in one, so that sums of probabilities are expected numbers of particles. This is
as true as the probabilities are; it says nothing of particles that no picker saw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST_PICKS = 20  # merged picks, below which scores are what was fitted to them, and no shares of true picks


@dataclass(frozen=True)
class Expectation:
    """Arrays (k,), one value a threshold. accepted: number of picks.  particles: how many of them are expected to be particles.

    precision: particles / accepted, NaN where nothing is accepted.  recall: particles / all expected particles among the picks.
    """

    threshold: np.ndarray
    accepted: np.ndarray
    particles: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    @property
    def f1(self) -> np.ndarray:
        """(k,) harmonic mean of expected precision and recall, 0 where nothing is accepted."""
        precision = np.nan_to_num(self.precision)
        both = precision + self.recall
        return np.where(both > 0, 2 * precision * self.recall / np.maximum(both, 1e-12), 0.0)

    @property
    def best(self) -> int:
        """Index of the threshold with the highest expected F1; the middle of the plateau where several are as good."""
        top = np.flatnonzero(self.f1 >= self.f1.max() - 1e-9)
        return int(top[len(top) // 2])


def expect(probability: np.ndarray, thresholds: np.ndarray) -> Expectation:
    """What each of `thresholds` (k,) promises for picks of `probability` (n,) in [0, 1]; >= the threshold is accepted."""
    ranked = np.sort(np.asarray(probability, dtype=float))
    sums = np.append(0.0, np.cumsum(ranked))
    first = np.searchsorted(ranked, thresholds, side="left")
    accepted, particles = len(ranked) - first, sums[-1] - sums[first]
    precision = np.where(accepted > 0, particles / np.maximum(accepted, 1), np.nan)
    return Expectation(
        np.asarray(thresholds, dtype=float),
        accepted,
        particles,
        precision,
        particles / sums[-1] if sums[-1] > 0 else np.ones(len(first)),
    )
