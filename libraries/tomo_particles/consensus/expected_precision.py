"""Expected precision and recall at a threshold on the probabilities.

The sum of the probabilities of some picks is the expected number of particles among them, if the probabilities are right.
Particles that no picker found are not counted. Precision and recall have intervals. If nothing supports the scores, precision and
recall are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .verdict import Verdict

FEWEST_PICKS = 20  # with fewer merged picks the scores are only a fit, not calibrated probabilities
NORMAL_QUANTILE = 1.96  # for intervals of 95 %
# All probabilities of a run have the errors of the same fit. Their mean is therefore as uncertain as that of fewer independent
# picks: the number of picks divided by this. Chosen on seeds 1 and 2 of benchmarks/honesty.py.
SHARED_ERRORS = 4.0


@dataclass(frozen=True)
class Expectation:
    """Arrays (k,), one value per threshold. accepted: number of picks.  particles: expected number of particles among them.

    precision: particles / accepted, NaN if nothing is accepted.  recall: particles / all expected particles among the picks. Both
    are NaN if the verdict does not allow a statement.  precision_low, precision_high, recall_low, recall_high: ends of 95 %
    intervals, NaN if nothing is accepted.
    """

    threshold: np.ndarray
    accepted: np.ndarray
    particles: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    precision_low: np.ndarray
    precision_high: np.ndarray
    recall_low: np.ndarray
    recall_high: np.ndarray

    @property
    def f1(self) -> np.ndarray:
        """(k,) harmonic mean of expected precision and recall, 0 if nothing is accepted or they are unknown."""
        precision, recall = np.nan_to_num(self.precision), np.nan_to_num(self.recall)
        both = precision + recall
        return np.where(both > 0, 2 * precision * recall / np.maximum(both, 1e-12), 0.0)

    @property
    def best(self) -> int:
        """Index of the threshold with the highest expected F1; if several are equal, the middle one."""
        top = np.flatnonzero(self.f1 >= self.f1.max() - 1e-9)
        return int(top[len(top) // 2])

    def at(self, index: int) -> dict[str, float | None]:
        """Precision, recall and the ends of their intervals at one threshold, rounded; None for unknown numbers. Empty if
        nothing is accepted."""
        if not self.accepted[index]:
            return {}
        names = ("precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high")
        values = {name: float(getattr(self, name)[index]) for name in names}
        return {name: None if np.isnan(value) else round(value, 3) for name, value in values.items()}


def expected_precision_recall(probability: np.ndarray, thresholds: np.ndarray, verdict: Verdict | None = None) -> Expectation:
    """Expected precision and recall at `thresholds` (k,) for picks of `probability` (n,) in [0, 1]; >= a threshold is accepted.

    verdict: that of the run. Particles and precision are multiplied by its `trust`, the lower end of precision by its `confirmed`
    too. If it does not allow a statement, precision and recall are NaN, between 0 and 1.
    """
    ranked = np.sort(np.asarray(probability, dtype=float))
    sums = np.append(0.0, np.cumsum(ranked))
    first = np.searchsorted(ranked, thresholds, side="left")
    accepted, particles = len(ranked) - first, sums[-1] - sums[first]
    precision = np.where(accepted > 0, particles / np.maximum(accepted, 1), np.nan)
    recall = particles / sums[-1] if sums[-1] > 0 else np.ones(len(first))
    precision_low, precision_high = wilson(precision, accepted / SHARED_ERRORS)
    if verdict:
        particles, precision = particles * verdict.trust, precision * verdict.trust
        precision_low = wilson(precision, accepted / SHARED_ERRORS)[0] * verdict.confirmed
    recall_low, recall_high = wilson(recall, np.full(len(first), sums[-1] / SHARED_ERRORS))
    if verdict and not verdict.promises:
        precision = recall = np.full(len(first), np.nan)
        precision_low = recall_low = np.zeros(len(first))
        precision_high = recall_high = np.ones(len(first))
    return Expectation(
        np.asarray(thresholds, dtype=float),
        accepted,
        particles,
        precision,
        recall,
        precision_low,
        precision_high,
        recall_low,
        recall_high,
    )


def wilson(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % interval of a fraction (k,) found in n (k,) trials; n need not be an integer, and 0 gives (0, 1).

    Score interval of Wilson, J. Am. Stat. Assoc. 22, 209 (1927). NaN stays NaN.
    """
    z2, n = NORMAL_QUANTILE**2, np.maximum(np.asarray(n, dtype=float), 1e-9)
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_QUANTILE / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def in_words(promise: Mapping[str, float | None], of: str) -> str:
    """One number of `Expectation.at` with its interval: "0.91 (0.85 to 0.95)", or "unknown (0.00 to 0.90)"."""
    share, low, high = promise[of], promise.get(f"{of}_low"), promise.get(f"{of}_high")
    shown = "unknown" if share is None else f"{share:.2f}"
    return shown if low is None or high is None else f"{shown} ({low:.2f} to {high:.2f})"


def promise_text(promise: Mapping[str, float | None]) -> str:
    """The result of `Expectation.at` as one line."""
    return f"precision {in_words(promise, 'precision')}, recall {in_words(promise, 'recall')} (of what any picker saw)"
