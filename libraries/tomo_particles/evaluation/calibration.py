"""Scores against truth: how well they rank picks (precision, recall), and whether they can be read as probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall at each threshold, the highest first; arrays (k,), one step for each different score.

    threshold: the score.  precision, recall: of all picks with at least that score.
    """

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    @property
    def average_precision(self) -> float:
        """Sum over the steps of precision x gain in recall: the area under the curve, without interpolation."""
        return float(np.sum(self.precision * np.diff(self.recall, prepend=0.0)))


def precision_recall(score: np.ndarray, true: np.ndarray, particles: int) -> PrecisionRecall:
    """The curve of picks with a score (n,), of which some are true (n,) bool; recall is over all `particles`, found or not.

    Picks of the same score are one step, so that their order does not matter; picks without a score (NaN) come last.
    """
    score = np.nan_to_num(np.asarray(score, dtype=float), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.zeros(0, dtype=int)
    found = np.cumsum(np.asarray(true, dtype=float)[order])[last]
    return PrecisionRecall(ranked[last], found / (last + 1), found / particles if particles else np.zeros(len(last)))


def brier_score(score: np.ndarray, true: np.ndarray) -> float:
    """Mean of (score - truth)^2 for scores (n,) in [0, 1] and truth (n,) bool; 0 is best (Brier 1950)."""
    return float(np.mean((score - np.asarray(true, dtype=float)) ** 2))


@dataclass(frozen=True)
class ReliabilityBins:
    """Picks binned by score; arrays (k,), only bins that hold picks: number, mean score, share of true ones."""

    count: np.ndarray
    score: np.ndarray
    share: np.ndarray


def reliability_bins(score: np.ndarray, true: np.ndarray, bins: int = BINS) -> ReliabilityBins:
    """Bins of equal width over [0, 1]; a score on an edge belongs to the upper bin, 1 to the last."""
    score = np.asarray(score, dtype=float)
    bin_of = np.minimum((score * bins).astype(int), bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    held = count > 0
    sum_of = lambda values: np.bincount(bin_of, weights=values, minlength=bins)[held]  # noqa: E731
    return ReliabilityBins(count[held], sum_of(score) / count[held], sum_of(np.asarray(true, dtype=float)) / count[held])


def expected_calibration_error(score: np.ndarray, true: np.ndarray, bins: int = BINS) -> float:
    """Mean over the picks of |mean score - share of true ones| of their score's bin (Naeini 2015); 0 is best."""
    binned = reliability_bins(score, true, bins)
    return float(np.average(np.abs(binned.score - binned.share), weights=binned.count))


def why_not_probabilities(score: np.ndarray) -> str:
    """Why scores (n,) cannot be read as probabilities, empty if they can."""
    if not len(score):
        return "there is no pick"
    if np.isnan(score).all():
        return "the picks have no scores"
    if np.isnan(score).any():
        return f"{int(np.isnan(score).sum())} of {len(score)} picks have no score"
    if score.min() < 0 or score.max() > 1:
        return f"the scores run from {score.min():.3g} to {score.max():.3g}, outside [0, 1]"
    return ""
