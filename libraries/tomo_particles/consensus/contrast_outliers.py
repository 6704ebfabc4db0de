"""Contrast of picks: gold beads, ice crystals and dirt stand out from the tomogram far more than any protein does.

The boxes of a network are normalised. Therefore the contrast is measured before.
"""

from __future__ import annotations

import numpy as np

from ..core.grey_values import robust_scale

MAX_DEVIATIONS = 6.0  # robust deviations from the agreed picks' contrast: far beyond the spread of one kind of particle
# and by their own contrast once more: the deviation of a few picks varies, and neighbours differ. In simulated tomograms (signal
# to noise 0.02 to 0.2) all 252 gold beads do.
LEAST_EXCESS = 1.0
MIN_AGREED = 10  # with fewer agreed picks in a tomogram, no pick is an outlier


def contrast_outliers(tomo_ids: np.ndarray, low: np.ndarray, high: np.ndarray, agreed: np.ndarray) -> np.ndarray:
    """(n,) whether the contrast of a pick is far more than that of the agreed picks of its tomogram.

    It is so if its darkest or its brightest place exceeds theirs by MAX_DEVIATIONS, and by LEAST_EXCESS times the median
    contrast of their dark or bright places, whichever is more.

    low, high: (n,) from `extremes`; agreed: (n,) bool, the picks on which enough pickers agree.
    """
    outlying = np.zeros(len(tomo_ids), dtype=bool)
    for tomo_id in np.unique(tomo_ids):
        own = np.asarray(tomo_ids) == tomo_id
        if (own & agreed).sum() < MIN_AGREED:
            continue
        scales = [(value, *robust_scale(value[own & agreed])) for value in (-np.asarray(low), np.asarray(high))]
        contrast = max(0.0, *(median for _, median, _ in scales))
        for value, median, deviation in scales:
            outlying |= own & (value > median + max(MAX_DEVIATIONS * max(deviation, 1e-6), LEAST_EXCESS * contrast))
    return outlying
