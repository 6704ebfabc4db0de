"""Whether a partition follows something that is no structure: contrast, tomogram, the direction of view or of the tilt axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

STRONG = 0.3  # from here on a warning


def nuisances_of(
    log_odds: np.ndarray,
    numbers: Mapping[str, np.ndarray],
    directions: Mapping[str, np.ndarray],
    groups: Mapping[str, Sequence[str]],
) -> dict[str, float]:
    """How far log odds (n,) follow each nuisance, 0 to 1: |rank correlation| with numbers; for directions and groups the root of
    the share that they explain, less that of chance.

    numbers: (n,) of each, as contrast or defocus.  directions: (n, 3) unit vectors in the frame of the average, as from
    `directions_of`.  groups: (n,) names, as of the tomogram or the micrograph.
    """
    ranks = rankdata(log_odds)
    found = {name: abs(_correlation(ranks, rankdata(values))) for name, values in numbers.items()}
    found |= {name: _explained_by_direction(ranks, own) for name, own in directions.items()}
    found |= {name: _explained_by_group(ranks, names) for name, names in groups.items()}
    return {name: round(float(value), 3) for name, value in found.items()}


def directions_of(axes: np.ndarray, *, tilted: bool) -> dict[str, np.ndarray]:
    """What particles were seen along, in the frame of the average. axes: (n, 3, 3) x, y, z of each particle, as rows.

    tilted: whether y is the axis of a tilt series, as of subtomograms, and not only that of an image.
    """
    return {"direction of view": axes[:, 2]} | ({"direction of the tilt axis": axes[:, 1]} if tilted else {})


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0 else 0.0


def _explained_by_direction(ranks: np.ndarray, directions: np.ndarray) -> float:
    """By an ellipsoid about the origin: a direction and its opposite show the same."""
    x, y, z = directions.T
    forms = np.stack([np.ones(len(ranks)), x * x, y * y, x * y, x * z, y * z], axis=1)
    left = ranks - forms @ np.linalg.lstsq(forms, ranks, rcond=None)[0]
    total = float(np.square(ranks - ranks.mean()).sum())
    chance = (forms.shape[1] - 1) / max(len(ranks) - 1, 1)
    if total <= 0 or chance >= 1:
        return 0.0
    return float(np.sqrt(max(0.0, (1 - float(left @ left) / total - chance) / (1 - chance))))


def _explained_by_group(ranks: np.ndarray, names: Sequence[str]) -> float:
    groups, group = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    n, k = len(ranks), len(groups)
    total = float(np.square(ranks - ranks.mean()).sum())
    if k < 2 or k >= n or total <= 0:
        return 0.0
    means = np.bincount(group, ranks) / np.bincount(group)
    between = float((np.bincount(group) * np.square(means - ranks.mean())).sum()) / total
    return float(np.sqrt(max(0.0, (between - (k - 1) / (n - 1)) / (1 - (k - 1) / (n - 1)))))
