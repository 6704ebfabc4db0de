"""Contrast of picks: gold beads, ice crystals and dirt stand out from the tomogram far more than any protein does.

The boxes of a network are normalised. Therefore the contrast is measured before.
"""

from __future__ import annotations

import numpy as np

from ..core.grey_values import robust_scale

MAX_DEVIATIONS = 6.0  # robust deviations from the agreed picks' contrast: far beyond the spread of one kind of particle
MIN_AGREED = 10  # with fewer agreed picks in a tomogram, no pick is an outlier


def contrast_outliers(tomo_ids: np.ndarray, low: np.ndarray, high: np.ndarray, agreed: np.ndarray) -> np.ndarray:
    """(n,) whether the contrast of a pick differs too much from that of the agreed picks of its tomogram.

    low, high: (n,) from `extremes`; agreed: (n,) bool, the picks on which enough pickers agree.
    """
    outlying = np.zeros(len(tomo_ids), dtype=bool)
    for tomo_id in np.unique(tomo_ids):
        own = np.asarray(tomo_ids) == tomo_id
        if (own & agreed).sum() < MIN_AGREED:
            continue
        for value in (-np.asarray(low), np.asarray(high)):
            median, deviation = robust_scale(value[own & agreed])
            outlying |= own & (value > median + MAX_DEVIATIONS * max(deviation, 1e-6))
    return outlying
