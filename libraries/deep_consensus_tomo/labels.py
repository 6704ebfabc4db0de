"""Labels of merged picks: positive, doubtful or negative, from the votes and from what the user knows."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

NEGATIVE, DOUBTFUL, POSITIVE = -1, 0, 1


def label_by_votes(support: np.ndarray, number: int) -> np.ndarray:
    """(m,) POSITIVE where at least `number` distinct pickers agree, else DOUBTFUL.

    A pick of few pickers is doubtful, never negative: the other pickers may simply have missed it.
    """
    return np.where(np.asarray(support) >= number, POSITIVE, DOUBTFUL)


def explained_by(positions: np.ndarray, truth: np.ndarray, lies: np.ndarray, radius: float) -> np.ndarray:
    """(m,) POSITIVE where the nearest reference within `radius` is a truth, NEGATIVE where it is a lie, else DOUBTFUL.

    positions (m, 3), truth (t, 3), lies (l, 3): x, y, z, voxels.
    """
    to_truth, to_lie = (_distance(positions, known) for known in (truth, lies))
    nearest = np.minimum(to_truth, to_lie)
    return np.where(nearest > radius, DOUBTFUL, np.where(to_truth <= to_lie, POSITIVE, NEGATIVE))


def _distance(positions: np.ndarray, known: np.ndarray) -> np.ndarray:
    if not len(known) or not len(positions):
        return np.full(len(positions), np.inf)
    return cKDTree(known).query(positions)[0]
