"""Grey values of a tomogram: their robust mean and deviation, their limits, and those around a pick."""

from __future__ import annotations

import numpy as np

from .errors import GreyValuesError
from .subtomograms import MOST_GREY, NO_NUMBERS, are_numbers, counted_crop, fill_gaps

SMOOTHING = 3  # voxels: one noisy voxel is not an object
SAMPLE_STEP = 4  # every 4th voxel along each axis: a sufficient sample of the grey values
MOST_SAMPLED = 1_000_000  # of a large tomogram fewer: a million give the deviation to a thousandth
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
# Grey values are cut at MAX_GREY times the limit that the share COMMON of them stays within: five deviations of noise. Unlike
# the deviation, this limit also works in tomograms that are mostly empty. It limits the effect of gold beads and dirt, which are
# rarer than that.
COMMON, MAX_GREY = 0.99, 2.0
LEAST_DEVIATION = 1 / MOST_GREY
# Of what is common, differences that show nothing but rounding. A larger share would hold data for nothing where more than 1 % of
# a tomogram is a padding far from its data.
EMPTY = 1e-6
MUCH_LESS = 1e-3  # of what is common: a median deviation that says that most of a tomogram is empty
FLAT_NOTE = "almost all voxels have the same value: there is little or nothing to see in it"
CONTRAST_PERCENTILES = (0.5, 99.5)  # outliers such as gold beads would take most of the grey scale


def robust_scale(values: np.ndarray) -> tuple[float, float]:
    """Median and robust standard deviation (from the median absolute deviation) of finite values."""
    median = float(np.median(values))
    return median, MAD_TO_DEVIATION * float(np.median(np.abs(values - median)))


def sample_of(volume: np.ndarray) -> np.ndarray:
    """(n,) float32 grey values at a regular sample of the voxels of a (z, y, x) tomogram, those that are numbers.

    Raises GreyValuesError where none is, and where they deviate so little that their squares do not fit into float32.
    """
    sample = _regular(volume)
    usable = are_numbers(sample)
    if not usable.all():
        if not usable.any():
            raise GreyValuesError(volume)
        sample = sample[usable]
    require_deviation(float(sample.std(dtype=float)), volume)
    return sample


def as_good_as_equal(volume: np.ndarray) -> float:
    """Difference up to which grey values of a (z, y, x) tomogram show nothing: rounding, where there are no data."""
    sample = _regular(volume)
    sample = sample[are_numbers(sample)]
    return _nothing(np.abs(sample - np.median(sample))) if sample.size else 0.0


def _regular(volume: np.ndarray) -> np.ndarray:
    step = max(SAMPLE_STEP, int(np.ceil(np.cbrt(volume.size / MOST_SAMPLED))))
    return np.asarray(volume[::step, ::step, ::step], dtype=np.float32).ravel()


def _nothing(away: np.ndarray) -> float:
    return EMPTY * float(np.quantile(away, COMMON))


def require_deviation(deviation: float, volume: object = None) -> None:
    """Raise GreyValuesError for a deviation of grey values that is too small to compute with; 0 is allowed."""
    if 0 < deviation < LEAST_DEVIATION:
        raise GreyValuesError(volume, f"has grey values that deviate by {deviation:.2g} alone; multiply them by a large factor")


def without_gaps(grey: np.ndarray) -> tuple[np.ndarray, int]:
    """A float32 copy of grey values of any type in which voxels that are no numbers have the mean of the others, and how many."""
    copy = np.array(grey, dtype=np.float32)
    return copy, fill_gaps(copy)


def gaps_note(count: int, voxels: int) -> str:
    """What to tell of a tomogram in which so many voxels of all are no numbers."""
    return f"{count} of {voxels} voxels are {NO_NUMBERS}; they count as voxels without data"


def is_flat(volume: np.ndarray, grey: float) -> bool:
    """Whether a (z, y, x) tomogram has this one grey value at a regular sample of its voxels."""
    return bool((sample_of(volume) == np.float32(grey)).all())


def grey_scale(volume: np.ndarray) -> tuple[float, float]:
    """Robust mean and deviation of the grey values of a (z, y, x) tomogram, from a regular sample of its voxels.

    Where most of it is empty, of the rest. Raises GreyValuesError as `sample_of`.
    """
    sample = sample_of(volume)
    median, deviation = robust_scale(sample)
    away = np.abs(sample - median)
    nearest = MUCH_LESS * float(np.quantile(away, COMMON))
    if deviation < nearest:
        of_rest = robust_scale(sample[away > nearest])
        if of_rest[1] > nearest:  # else the rest is a padding of one value, far from the data
            median, deviation = of_rest
    return median, deviation or float(sample.std(dtype=float)) or 1.0


def extremes(volume: np.ndarray, position: np.ndarray, reach: int, scale: tuple[float, float]) -> tuple[float, float]:
    """Lowest and highest smoothed grey value within `reach` voxels of a pick, in deviations of the tomogram.

    volume: (z, y, x); position: x, y, z, voxels of it; scale: from `grey_scale`.
    """
    box, gaps = counted_crop(volume, np.rint(position).astype(int), 2 * (reach + SMOOTHING // 2))
    if gaps and not box.any():  # no number at all
        return 0.0, 0.0
    low, high = extremes_within(box[None], reach, scale)[0]
    return float(low), float(high)


def extremes_within(boxes: np.ndarray, reach: int, scale: tuple[float, float]) -> np.ndarray:
    """(n, 2) lowest and highest smoothed grey value of each box, as `extremes` of its centre voxel edge // 2.

    boxes: (n, edge, edge, edge) float32, edge at least 2 * (reach + 1).
    """
    away, middle = reach + SMOOTHING // 2, boxes.shape[-1] // 2
    inner = slice(middle - away, middle + away)
    smooth = boxes[:, inner, inner, inner] - np.float32(scale[0])  # before summing, for the precision of float32
    for axis in (1, 2, 3):  # the sum over a cube is taken along one axis after the other
        before, here, behind = (smooth[(slice(None),) * axis + (slice(k, k - 2 or None),)] for k in range(3))
        smooth = before + here
        smooth += behind
    limits = [smooth.min(axis=(1, 2, 3)), smooth.max(axis=(1, 2, 3))]
    return np.stack(limits, axis=1).astype(float) / scale[1] / SMOOTHING**3


def grey_limits(volume: np.ndarray) -> tuple[float, float]:
    """Median of a (z, y, x) tomogram and the largest allowed distance from it, from a regular sample of its voxels."""
    sample = sample_of(volume)
    centre = float(np.median(sample))
    away = np.abs(sample - centre)
    return centre, MAX_GREY * float(np.quantile(away, COMMON)) or float(away.max()) or 1.0
