"""Classes of particles against the truth: which class is which, accuracy, adjusted Rand index, calibration."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from .calibration import expected_calibration_error


def matched_classes(found: np.ndarray, true: np.ndarray) -> dict[int, int]:
    """Which true class each class found is, so that most particles (n,) are right; one each."""
    names, own = np.unique(found, return_inverse=True)
    others, other = np.unique(true, return_inverse=True)
    table = np.zeros((len(names), len(others)), dtype=int)
    np.add.at(table, (own, other), 1)
    rows, columns = linear_sum_assignment(-table)
    return {int(names[row]): int(others[column]) for row, column in zip(rows, columns, strict=True)}


def right(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(n,) bool, whether each particle is in its class, by `matched_classes`."""
    names = matched_classes(found, true)
    return np.array([names.get(int(one)) == int(other) for one, other in zip(found, true, strict=True)], dtype=bool)


def balanced_accuracy(found: np.ndarray, true: np.ndarray) -> float:
    """Mean over the true classes of the share that is right."""
    good = right(found, true)
    return float(np.mean([good[true == one].mean() for one in np.unique(true)]))


def adjusted_rand_index(found: np.ndarray, true: np.ndarray) -> float:
    """1 for the same partition, 0 for chance (Hubert & Arabie, J. Classif. 2, 1985)."""
    own, other = np.unique(found, return_inverse=True)[1], np.unique(true, return_inverse=True)[1]
    table = np.zeros((own.max() + 1, other.max() + 1))
    np.add.at(table, (own, other), 1)
    pairs = lambda counts: float((counts * (counts - 1) / 2).sum())  # noqa: E731
    together, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    n = len(found)
    chance = rows * columns / (n * (n - 1) / 2)
    most = (rows + columns) / 2
    return 1.0 if most == chance else (together - chance) / (most - chance)


def calibration_error(probability: np.ndarray, good: np.ndarray) -> float:
    """Expected calibration error of the probability (n,) of each particle to be of its class; good: (n,) bool."""
    return float(expected_calibration_error(probability, good))
