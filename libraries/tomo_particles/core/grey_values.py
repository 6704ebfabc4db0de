"""Grey values of a tomogram: their robust mean and deviation, their limits, and those around a pick."""

from __future__ import annotations

import numpy as np

from .errors import NoNumbersError
from .subtomograms import crop, fill_gaps

SMOOTHING = 3  # voxels: one noisy voxel is not an object
SAMPLE_STEP = 4  # every 4th voxel of each axis says enough about a tomogram's grey values
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
# Grey values are cut at MAX_GREY times what COMMON of them stay within: five deviations of noise. Where most of a tomogram is
# empty a deviation says nothing about the particles in it, this does. Gold beads and dirt, rarer than that, lose their weight.
COMMON, MAX_GREY = 0.99, 2.0
CONTRAST_PERCENTILES = (0.5, 99.5)  # outliers such as gold beads would eat the grey scale


def robust_scale(values: np.ndarray) -> tuple[float, float]:
    """Median and robust standard deviation (from the median absolute deviation) of finite values."""
    median = float(np.median(values))
    return median, MAD_TO_DEVIATION * float(np.median(np.abs(values - median)))


def sample_of(volume: np.ndarray) -> np.ndarray:
    """(n,) float32 grey values at a regular sample of the voxels of a (z, y, x) tomogram, those that are numbers.

    Raises NoNumbersError where none is.
    """
    sample = np.asarray(volume[::SAMPLE_STEP, ::SAMPLE_STEP, ::SAMPLE_STEP], dtype=np.float32).ravel()
    finite = np.isfinite(sample)
    if finite.all():
        return sample
    if not finite.any():
        raise NoNumbersError("no voxel is a number")
    return sample[finite]


def without_gaps(grey: np.ndarray) -> tuple[np.ndarray, int]:
    """A float32 copy of grey values of any type in which voxels that are no numbers have the mean of the others, and how many."""
    copy = np.array(grey, dtype=np.float32)
    return copy, fill_gaps(copy)


def gaps_note(count: int, voxels: int) -> str:
    """What to tell of a tomogram in which so many voxels of all are no numbers."""
    return f"{count} of {voxels} voxels are not numbers (NaN or infinite); they count as voxels without data"


def grey_scale(volume: np.ndarray) -> tuple[float, float]:
    """Robust mean and deviation of the grey values of a (z, y, x) tomogram, from a regular sample of its voxels."""
    sample = sample_of(volume)
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


def grey_limits(volume: np.ndarray) -> tuple[float, float]:
    """Median of a (z, y, x) tomogram and how far from it grey values may be, from a regular sample of its voxels."""
    sample = sample_of(volume)
    centre = float(np.median(sample))
    away = np.abs(sample - centre)
    return centre, MAX_GREY * float(np.quantile(away, COMMON)) or float(away.max()) or 1.0
