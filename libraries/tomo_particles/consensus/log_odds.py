"""Log-odds to be a particle, fitted to labels that are not sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

SURENESS = 1e-3  # probabilities are clipped to this distance from 0 and 1
RIDGE, RIDGE_OF_ONE = 1.0, 0.1  # strength of the ridge penalty: for many features, for a single feature
PRIOR_LABEL_RATES = (1.0, -2.0)  # prior log-odds of the mean label of particles, and of the ratio of that of others to it
MOST_OF_THE_REST = 0.8  # upper limit of the mean label of others, as a fraction of the mean label of particles


@dataclass(frozen=True)
class Odds:
    """Log-odds that are linear in F features: weights[0] + weights[1:] @ (features - mean) / spread; mean and spread (F,)."""

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray

    def of(self, features: np.ndarray) -> np.ndarray:
        """(m,) log-odds of picks with these features (m, F)."""
        return self._design(features) @ self.weights

    def _design(self, features: np.ndarray) -> np.ndarray:
        return np.concatenate([np.ones((len(features), 1)), (features - self.mean) / self.spread], axis=1)


@dataclass(frozen=True)
class TabulatedOdds:
    """Log-odds (k,) at increasing values (k,) of one feature, and between them on straight lines."""

    values: np.ndarray
    odds: np.ndarray

    def of(self, features: np.ndarray) -> np.ndarray:
        """(m,) log-odds of picks with this feature (m, 1)."""
        return np.asarray(np.interp(features[:, 0], self.values, self.odds))


def label_rates_of(label: np.ndarray, probability: np.ndarray) -> tuple[float, float]:
    """Mean label (m,) of particles and of others, weighted by `probability` (m,) of being a particle.

    One certain particle and one certain other are added, so that the two means differ even if all picks are of one kind.
    """
    top = float((1 + (probability * label).sum()) / (1 + probability.sum()))
    rest = float(((1 - probability) * label).sum() / (1 + (1 - probability).sum()))
    return top, min(rest, MOST_OF_THE_REST * top)


def fit_odds(features: np.ndarray, label: np.ndarray, ridge: float, label_rates: tuple[float, float] | None = None) -> Odds:
    """Log-odds to be a particle: logistic regression on features (m, F) with uncertain labels (m,) in [0, 1].

    The expected label is `label_rates[0]` for a particle and `label_rates[1]` for others; both are fitted if they are not given.
    If the labels come from votes, the data are positive-unlabelled, and label_rates[0] is the label frequency of Elkan and Noto
    (KDD 2008).
    """
    n_features = features.shape[1]
    mean, spread = np.zeros(n_features), np.ones(n_features)
    if label_rates is None:
        mean, deviation = features.mean(axis=0), features.std(axis=0)
        spread = np.where(deviation > 0, deviation, 1)
    design = np.concatenate([np.ones((len(features), 1)), (features - mean) / spread], axis=1)
    penalty = np.r_[1e-3, np.full(n_features, ridge)]
    size = design.shape[1]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights, free = values[:size], values[size:]
        top, ratio = expit(free) if label_rates is None else (label_rates[0], label_rates[1] / label_rates[0])
        p = expit(design @ weights)
        expected = np.clip(top * (ratio + (1 - ratio) * p), 1e-6, 1 - 1e-6)
        cost = -(label * np.log(expected) + (1 - label) * np.log(1 - expected)).sum() + 0.5 * (penalty * weights**2).sum()
        slope = (1 - label) / (1 - expected) - label / expected
        gradient = design.T @ (slope * top * (1 - ratio) * p * (1 - p)) + penalty * weights
        if label_rates is not None:
            return cost, gradient
        excess = free - np.array(PRIOR_LABEL_RATES)
        of_top = (slope * expected).sum() * (1 - top)
        of_ratio = (slope * (1 - p)).sum() * top * ratio * (1 - ratio)
        return cost + 0.5 * (excess**2).sum(), np.concatenate([gradient, excess + np.array([of_top, of_ratio])])

    start = np.zeros(size) if label_rates is not None else np.r_[0.0, np.full(size - 1, 2.0), PRIOR_LABEL_RATES]
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x[:size]
    return Odds(mean, spread, weights)


def expit(x: np.ndarray) -> np.ndarray:
    """Logistic function: the probability of log-odds."""
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))


def logit_of(probability: np.ndarray) -> np.ndarray:
    """Log-odds of a probability, clipped to [SURENESS, 1 - SURENESS]."""
    p = np.clip(probability, SURENESS, 1 - SURENESS)
    return np.log(p / (1 - p))
