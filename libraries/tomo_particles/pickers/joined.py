"""Picks of a network and of template matching together: which of them are of one particle, and one score from both maps.

The groups (found by both, by template matching alone, by the network alone) are those of Moebel et al., Nature Methods 18, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

BOTH, TEMPLATE, NETWORK = "both", "tm", "dl"
RIDGE = 1.0
ROUNDS = 50
SUREST = 1e-3  # probabilities are clipped to this distance from 0 and 1


def paired(network: np.ndarray, template: np.ndarray, radius: float) -> np.ndarray:
    """(k, 2) rows of network picks (n, 3) and of template picks (m, 3) that are each other's nearest within the radius."""
    if not len(network) or not len(template):
        return np.zeros((0, 2), dtype=int)
    away, to_template = cKDTree(template).query(network)
    to_network = cKDTree(network).query(template)[1]
    rows = np.flatnonzero((away <= radius) & (to_network[to_template] == np.arange(len(network))))
    return np.stack([rows, to_template[rows]], axis=1)


def near_value(volume: np.ndarray, places: np.ndarray, *, largest: bool) -> np.ndarray:
    """(n,) the mean, or the largest value, of the 27 voxels around each place (n, 3) x, y, z of a map (z, y, x).

    Voxels that are not finite do not count; NaN where none does.
    """
    edges = np.array(volume.shape)
    middle = np.clip(np.rint(np.asarray(places, dtype=float).reshape(-1, 3)[:, ::-1]).astype(int), 0, edges - 1)
    grid = np.stack(np.meshgrid(*([-1, 0, 1],) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    voxels = middle[:, None] + grid
    inside = ((voxels >= 0) & (voxels < edges)).all(axis=-1)
    values = np.asarray(volume[tuple(np.clip(voxels, 0, edges - 1).transpose(2, 0, 1))], dtype=float)
    known = inside & np.isfinite(values)
    if largest:
        found = np.where(known, values, -np.inf).max(axis=1, initial=-np.inf)
    else:
        found = np.where(known, values, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known.any(axis=1), found, np.nan)


@dataclass(frozen=True)
class JointScore:
    """The probability of a particle from the network's probability and from the template's score (robust deviations).

    mean, spread: (2,) of the features, log-odds of the first and the second; weights: (3,) of 1 and of both, standardised.
    """

    mean: tuple[float, float]
    spread: tuple[float, float]
    weights: tuple[float, float, float]

    def of(self, network: np.ndarray, template: np.ndarray) -> np.ndarray:
        """(n,) probabilities; where the template has no score (NaN), that of its mean counts."""
        return np.asarray(1 / (1 + np.exp(-self._design(network, template) @ np.array(self.weights))))

    def _design(self, network: np.ndarray, template: np.ndarray) -> np.ndarray:
        z = (_features(network, template) - self.mean) / self.spread
        return np.concatenate([np.ones((len(z), 1)), np.where(np.isfinite(z), z, 0)], axis=1)

    @staticmethod
    def fitted(network: np.ndarray, template: np.ndarray, true: np.ndarray) -> JointScore:
        """Logistic regression with a ridge on picks (n,) that are known to be particles or not. Raises ValueError where all are
        of one kind."""
        true = np.asarray(true, dtype=float)
        if not len(true) or np.ptp(true) == 0:
            raise ValueError("all picks are of one kind")
        features = _features(network, template)
        known = [column[np.isfinite(column)] for column in features.T]
        mean = tuple(float(column.mean()) if len(column) else 0.0 for column in known)
        spread = tuple(float(column.std()) or 1.0 if len(column) else 1.0 for column in known)
        score = JointScore((mean[0], mean[1]), (spread[0], spread[1]), (0.0, 0.0, 0.0))
        design, weights, penalty = score._design(network, template), np.zeros(3), np.diag([1e-3, RIDGE, RIDGE])
        for _ in range(ROUNDS):  # Newton's method; the ridge makes it converge
            p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
            slope = design.T @ (true - p) - penalty @ weights
            step = np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]) + penalty, slope)
            weights = weights + np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-8:
                break
        return JointScore(score.mean, score.spread, (float(weights[0]), float(weights[1]), float(weights[2])))


def _features(network: np.ndarray, template: np.ndarray) -> np.ndarray:
    p = np.clip(network, SUREST, 1 - SUREST)
    return np.stack([np.log(p / (1 - p)), np.asarray(template, dtype=float)], axis=1)
