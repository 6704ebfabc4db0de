"""Two normal distributions of one width in one row of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

ROUNDS, CHANGE = 500, 1e-9
LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class Mixture:
    """low, high: the means.  variance: of both.  share: of the numbers that belong to `high`."""

    low: float
    high: float
    variance: float
    share: float

    def log_odds(self, values: np.ndarray) -> np.ndarray:
        """(n,) logarithm of how much more probable `high` is than `low`."""
        distance, middle = self.high - self.low, (self.high + self.low) / 2
        return np.asarray(distance * (values - middle) / self.variance + np.log(self.share / (1 - self.share)))

    def log_likelihood(self, values: np.ndarray) -> float:
        """Of all values together."""
        each = [
            np.log(share) - (values - mean) ** 2 / (2 * self.variance)
            for mean, share in ((self.low, 1 - self.share), (self.high, self.share))
        ]
        return float((np.logaddexp(*each) - 0.5 * np.log(2 * np.pi * self.variance)).sum())


def fit_mixture(values: np.ndarray, begin: np.ndarray | None = None, change: float = CHANGE) -> Mixture:
    """By expectation and maximisation. values: (n,), not all equal.  begin: (n,) bool, those that are `high` at first; without,
    the means begin at the quartiles.  change: of share and mean in a round, at which it ends."""
    if begin is None or begin.all() or not begin.any():
        (low, high), variance, share = np.quantile(values, (0.25, 0.75)), values.var() / 2, 0.5
    else:
        low, high, share = values[~begin].mean(), values[begin].mean(), float(begin.mean())
        variance = np.where(begin, (values - high) ** 2, (values - low) ** 2).mean()
    floor = max(1e-6 * float(values.var()), 1e-30)
    fit = Mixture(float(low), float(high), max(float(variance), floor), share)
    for _ in range(ROUNDS):
        of_high = expit(np.asarray(fit.log_odds(values), dtype=float))
        share = float(np.clip(of_high.mean(), LEAST_SHARE, 1 - LEAST_SHARE))
        means = [float((weights @ values) / max(weights.sum(), 1e-12)) for weights in (1 - of_high, of_high)]
        variance = float(((1 - of_high) @ (values - means[0]) ** 2 + of_high @ (values - means[1]) ** 2) / len(values))
        new = Mixture(means[0], means[1], max(variance, floor), share)
        done = abs(new.share - fit.share) < change and abs(new.high - fit.high) < change * max(1.0, abs(fit.high))
        fit = new
        if done:
            break
    return fit if fit.high >= fit.low else Mixture(fit.high, fit.low, fit.variance, 1 - fit.share)


def evidence_of_two(values: np.ndarray, fit: Mixture) -> float:
    """That two normal distributions describe the numbers better than one: difference of the Bayesian information criteria."""
    n, variance = len(values), max(float(values.var()), 1e-30)
    alone = -0.5 * n * (np.log(2 * np.pi * variance) + 1)
    return float(2 * (fit.log_likelihood(values) - alone) - 2 * np.log(n))


def is_one_normal(values: np.ndarray) -> bool:
    """Whether one normal distribution describes the numbers better than two of one width, by the Bayesian criterion."""
    return evidence_of_two(values, fit_mixture(values)) <= 0
