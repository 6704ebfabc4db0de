"""Two normal distributions of one width in one row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

ROUNDS, CHANGE = 500, 1e-9
FEW_ROUNDS, LITTLE = 100, 1e-4
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


def fit_mixture(values: np.ndarray, begin: np.ndarray | None = None) -> Mixture:
    """By expectation and maximisation. values: (n,), not all equal.  begin: (n,) bool, those that are `high` at first; without,
    the means begin at the quartiles."""
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
        done = abs(new.share - fit.share) < CHANGE and abs(new.high - fit.high) < CHANGE * max(1.0, abs(fit.high))
        fit = new
        if done:
            break
    return fit if fit.high >= fit.low else Mixture(fit.high, fit.low, fit.variance, 1 - fit.share)


def fit_mixtures(rows: Sequence[np.ndarray]) -> list[Mixture]:
    """The same of many rows of numbers at once, each from its quartiles; less exact: rows end together after FEW_ROUNDS."""
    sizes = np.array([len(row) for row in rows])
    values, held = np.zeros((len(rows), int(sizes.max(initial=1)))), np.arange(int(sizes.max(initial=1))) < sizes[:, None]
    values[held] = np.concatenate(rows)
    low, high = np.array([np.quantile(row, (0.25, 0.75)) for row in rows]).T
    spread = np.array([row.var() for row in rows])
    floor, variance, share = np.maximum(1e-6 * spread, 1e-30), np.maximum(spread / 2, 1e-30), np.full(len(rows), 0.5)
    for _ in range(FEW_ROUNDS):
        distance, middle = high - low, (high + low) / 2
        odds = (distance / variance)[:, None] * (values - middle[:, None]) + np.log(share / (1 - share))[:, None]
        of_high = expit(odds) * held
        amount = of_high.sum(axis=1)
        new = np.clip(amount / sizes, LEAST_SHARE, 1 - LEAST_SHARE)
        total = np.einsum("rv,rv->r", of_high, values)
        high, low = total / np.maximum(amount, 1e-12), (values.sum(axis=1) - total) / np.maximum(sizes - amount, 1e-12)
        away = of_high * (values - high[:, None]) ** 2 + (held - of_high) * (values - low[:, None]) ** 2
        variance = np.maximum(away.sum(axis=1) / sizes, floor)
        done, share = float(np.abs(new - share).max()) < LITTLE, new
        if done:
            break
    return [
        Mixture(*map(float, (a, b, v, s))) if b >= a else Mixture(*map(float, (b, a, v, 1 - s)))
        for a, b, v, s in zip(low, high, variance, share, strict=True)
    ]


def evidence_of_two(values: np.ndarray, fit: Mixture) -> float:
    """That two normal distributions describe the numbers better than one: difference of the Bayesian information criteria."""
    n, variance = len(values), max(float(values.var()), 1e-30)
    alone = -0.5 * n * (np.log(2 * np.pi * variance) + 1)
    return float(2 * (fit.log_likelihood(values) - alone) - 2 * np.log(n))


def is_one_normal(values: np.ndarray) -> bool:
    """Whether one normal distribution describes the numbers better than two of one width, by the Bayesian criterion."""
    return evidence_of_two(values, fit_mixture(values)) <= 0
