"""Whether a partition follows something that is no structure: contrast, tomogram, or the direction of view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.stats import rankdata

STRONG = 0.3  # from here on a warning


def nuisances_of(log_odds: np.ndarray, contrast: np.ndarray, rotations: Rotation, names: Sequence[str]) -> dict[str, float]:
    """|rank correlation| of log odds (n,) with each nuisance, 0 to 1; for tomograms the root of the share that they explain,
    less that of chance.

    contrast: (n,).  rotations: (n,) of the average onto the particles.  names: (n,) tomogram of each.
    """
    ranks = rankdata(log_odds)
    beam = rotations.inv().apply([0.0, 0.0, 1.0])  # along which the wedge of each particle opens, in the frame of the average
    found = {"contrast": abs(_correlation(ranks, rankdata(contrast)))}
    found["direction of view"] = max(abs(_correlation(ranks, rankdata(np.abs(beam[:, axis])))) for axis in range(3))
    found["tomogram"] = _explained_by_group(ranks, names)
    return {name: round(float(value), 3) for name, value in found.items()}


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0 else 0.0


def _explained_by_group(ranks: np.ndarray, names: Sequence[str]) -> float:
    groups, group = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    n, k = len(ranks), len(groups)
    total = float(np.square(ranks - ranks.mean()).sum())
    if k < 2 or k >= n or total <= 0:
        return 0.0
    means = np.bincount(group, ranks) / np.bincount(group)
    between = float((np.bincount(group) * np.square(means - ranks.mean())).sum()) / total
    return float(np.sqrt(max(0.0, (between - (k - 1) / (n - 1)) / (1 - (k - 1) / (n - 1)))))
