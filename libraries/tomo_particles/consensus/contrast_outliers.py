"""Contrast of picks: gold beads, ice crystals and dirt stand out from the tomogram far more than any protein does.

A box is normalised before a network sees it, so how strong its contrast was must be measured before.
"""

from __future__ import annotations

import numpy as np

from ..core.subtomograms import crop

SMOOTHING = 3  # voxels: one noisy voxel is not an object
SAMPLE_STEP = 4  # every 4th voxel of each axis says enough about a tomogram's grey values
MAX_DEVIATIONS = 6.0  # robust deviations from the agreed picks' contrast: far beyond the spread of one kind of particle
MIN_AGREED = 10  # agreed picks in a tomogram, below which nothing can be called an outlier
MAD_TO_DEVIATION = 1.4826  # of a normal distribution


def robust_scale(values: np.ndarray) -> tuple[float, float]:
    """Median and robust standard deviation (from the median absolute deviation) of finite values."""
    median = float(np.median(values))
    return median, MAD_TO_DEVIATION * float(np.median(np.abs(values - median)))


def grey_scale(volume: np.ndarray) -> tuple[float, float]:
    """Robust mean and deviation of the grey values of a (z, y, x) tomogram, from a regular sample of its voxels."""
    sample = np.asarray(volume[::SAMPLE_STEP, ::SAMPLE_STEP, ::SAMPLE_STEP], dtype=np.float32)
    median, deviation = robust_scale(sample)
    return median, deviation or float(sample.std()) or 1.0


def extremes(volume: np.ndarray, position: np.ndarray, reach: int, scale: tuple[float, float]) -> tuple[float, float]:
    """Lowest and highest smoothed grey value within `reach` voxels of a pick, in deviations of the tomogram.

    volume: (z, y, x); position: x, y, z, voxels of it; scale: from `grey_scale`.
    """
    margin = SMOOTHING // 2
    smooth = crop(volume, np.rint(position).astype(int), 2 * (reach + margin))
    smooth -= scale[0]  # first: sums of three small numbers keep their digits
    for _ in range(3):  # the mean of a cube is that of its three axes in turn; the shape turns by one axis each time
        smooth = (smooth[:-2] + smooth[1:-1] + smooth[2:]).transpose(1, 2, 0)
    return float(smooth.min()) / scale[1] / SMOOTHING**3, float(smooth.max()) / scale[1] / SMOOTHING**3


def contrast_outliers(tomo_ids: np.ndarray, low: np.ndarray, high: np.ndarray, agreed: np.ndarray) -> np.ndarray:
    """(n,) whether a pick's contrast is out of proportion to that of the agreed picks of its tomogram.

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
