"""Whether a partition follows something that is no structure: contrast, tomogram, or the direction of view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.stats import rankdata

STRONG = 0.3  # from here on a warning


def nuisances_of(
    log_odds: np.ndarray, numbers: Mapping[str, np.ndarray], rotations: Rotation, groups: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """|rank correlation| of log odds (n,) with each nuisance, 0 to 1; for groups the root of the share that they explain, less
    that of chance.

    numbers: (n,) of each, as contrast or defocus.  rotations: (n,) of the average onto the particles.  groups: (n,) names, as of
    the tomogram or the micrograph.
    """
    ranks = rankdata(log_odds)
    beam = rotations.inv().apply([0.0, 0.0, 1.0])  # the direction of view, and along which a wedge opens, in the average's frame
    found = {name: abs(_correlation(ranks, rankdata(values))) for name, values in numbers.items()}
    found["direction of view"] = max(abs(_correlation(ranks, rankdata(np.abs(beam[:, axis])))) for axis in range(3))
    found |= {name: _explained_by_group(ranks, names) for name, names in groups.items()}
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
