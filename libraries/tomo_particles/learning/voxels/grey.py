"""Grey values of a tomogram as a voxel-wise network sees them: the same in training and in prediction.

One scale per tomogram, from its voxels that hold data and are in no bad region: (value - median) / (1.4826 MAD), protein
positive, cut at +-10. A scale per patch would depend on what the patch holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import affine_transform

from ...core.coordinates import rescale_size
from ...core.grey_values import SAMPLE_STEP, robust_scale, without_gaps
from ...core.subtomograms import are_numbers
from ...regions.region_mask import RegionMask

MOST = 10.0  # deviations: gold beads and dirt are cut here
SAME_RATE = 0.01  # a tomogram whose sampling rate is that near (relative) to the model's is not rescaled
EQUAL = 3  # voxels in a row: a place without data
FOLD = 2  # voxels to a side of the block that becomes the channels of a folded input


@dataclass(frozen=True)
class SeenTomogram:
    """A tomogram as networks see it.

    data: (z, y, x), of any type, may be memory-mapped.  sampling_rate: Å/voxel of `data`.  centre, deviation: robust, of the
    good voxels with data.  whole: the same of all voxels with data, by which a tomogram is known again whatever its mask.
    bright: whether protein is brighter than its surroundings.  mask: its regions, where they are known.
    """

    tomo_id: str
    data: np.ndarray
    sampling_rate: float
    centre: float
    deviation: float
    bright: bool = False
    whole: tuple[float, float] = (0.0, 1.0)
    mask: RegionMask | None = field(default=None, repr=False)

    def crop(self, start: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Grey values (z, y, x) float32 of the block that begins at voxel `start` (z, y, x), and from which of them a network may
        learn, bool: from those that hold data and are in no bad region.

        Outside of the tomogram it is reflected, and holds no data. Voxels without data have the median of the tomogram.
        """
        indices = [_reflected(first, length, edge) for first, length, edge in zip(start, shape, self.data.shape, strict=True)]
        lows = [max(0, int(index.min()) - EQUAL + 1) for index in indices]  # some voxels more, to compare neighbours
        highs = [int(index.max()) + EQUAL for index in indices]
        block = np.asarray(self.data[tuple(map(slice, lows, highs))], dtype=np.float32)
        known = has_data(block)
        at = np.ix_(*(index - low for index, low in zip(indices, lows, strict=True)))
        block, known = block[at], known[at]
        sign = 1.0 if self.bright else -1.0
        grey = np.where(known, (block - np.float32(self.centre)) * np.float32(sign / self.deviation), np.float32(0))
        inside = [
            (first + np.arange(length) >= 0) & (first + np.arange(length) < edge)
            for first, length, edge in zip(start, shape, self.data.shape, strict=True)
        ]
        known &= inside[0][:, None, None] & inside[1][:, None] & inside[2]
        if self.mask is not None:
            known &= ~self.mask.is_bad_on(indices, self.sampling_rate)
        return np.clip(grey, -MOST, MOST), known


def seen_tomogram(
    tomo_id: str,
    data: np.ndarray,
    sampling_rate: float,
    *,
    rate: float | None = None,
    bright: bool = False,
    mask: RegionMask | None = None,
) -> SeenTomogram | None:
    """A tomogram (z, y, x) with its scale; None where it holds nothing to see: constant, or no voxel is a number.

    rate: Å/voxel that the network works at; the tomogram is rescaled to it, unless it has it up to SAME_RATE. The scale is that
    of the rescaled one, whose noise is another. Where every voxel is in a bad region, it is that of all.
    """
    if rate is not None and abs(sampling_rate / rate - 1) > SAME_RATE:
        data, sampling_rate = _rescaled(data, sampling_rate, rate), rate
    values, places = _sample_with_data(data)
    whole = _scale(values)
    if whole is None:
        return None
    good = values if mask is None else values[~mask.is_bad_at(places, sampling_rate)]
    centre, deviation = _scale(good) or whole
    return SeenTomogram(tomo_id, data, sampling_rate, centre, deviation, bright, whole, mask)


def _scale(values: np.ndarray) -> tuple[float, float] | None:
    """Centre and deviation of values; None where there is none, or all are equal."""
    if not len(values):
        return None
    centre, deviation = robust_scale(values)
    deviation = deviation or float(values.std())
    return (centre, deviation) if deviation > 0 else None


def has_data(block: np.ndarray) -> np.ndarray:
    """(z, y, x) bool: which voxels hold data: numbers that differ from their neighbours.

    Places that a reconstruction did not reach have one value, such as 0. A voxel that lies in three equal ones along each of the
    three axes is in such a place. Two equal ones are not enough: a tomogram may have been enlarged by repeating its voxels.
    """
    same = np.ones(block.shape, dtype=bool)
    for axis in range(3):
        same &= np.moveaxis(_in_three_equal(np.moveaxis(block, axis, 0)), 0, axis)
    return are_numbers(block) & ~same


def _in_three_equal(block: np.ndarray) -> np.ndarray:
    """Whether each voxel is one of three equal neighbours along the first axis; of two, where there are only two."""
    equal = block[1:] == block[:-1]  # never of voxels that are no numbers
    runs = equal[1:] & equal[:-1] if len(block) >= EQUAL else equal
    same = np.zeros(block.shape, dtype=bool)
    for shift in range(len(block) - len(runs) + 1):
        same[shift : shift + len(runs)] |= runs
    return same


def _sample_with_data(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) float32 values of a regular sample of the voxels, of those that hold data, and their places (n, 3) x, y, z."""
    reach = EQUAL - 1
    if min(data.shape) <= 2 * reach:
        block = np.asarray(data, dtype=np.float32)
        known = has_data(block)
        return block[known], np.argwhere(known)[:, ::-1]

    def sample(axis: int, shift: int) -> np.ndarray:
        moved = [shift * (k == axis) for k in range(3)]
        parts = (slice(reach + by, edge - reach + by, SAMPLE_STEP) for by, edge in zip(moved, data.shape, strict=True))
        return np.asarray(data[tuple(parts)], dtype=np.float32)

    values = sample(0, 0)
    same = np.ones(values.shape, dtype=bool)
    for axis in range(3):
        row = [sample(axis, shift) for shift in range(-reach, reach + 1)]
        same &= _in_three_equal(np.stack(row))[reach]
    known = are_numbers(values) & ~same
    return values[known], reach + SAMPLE_STEP * np.argwhere(known)[:, ::-1]


def _reflected(first: int, length: int, edge: int) -> np.ndarray:
    """(length,) indices of `length` voxels from `first` on along an axis of `edge` voxels, reflected at both faces."""
    if edge == 1:
        return np.zeros(length, dtype=int)
    place = np.mod(int(first) + np.arange(length), 2 * (edge - 1))
    return np.minimum(place, 2 * (edge - 1) - place)


def _rescaled(data: np.ndarray, sampling_rate: float, rate: float) -> np.ndarray:
    """The tomogram in voxels of `rate`, keeping the physical point of each (`core.coordinates`), float32.

    Whole voxels are averaged as binning does; what is left of the ratio is interpolated.
    """
    z, y, x = data.shape
    size = [max(2, int(np.ceil(length - 1e-6))) for length in rescale_size((z, y, x), sampling_rate, rate)]
    grey, _ = without_gaps(data)
    factor = max(1, int(rate / sampling_rate + 1e-6))
    if factor > 1:
        if any(edge % factor for edge in grey.shape):  # numpy copies all of it in any case
            grey = np.pad(grey, [(0, -edge % factor) for edge in grey.shape], mode="edge")
        z, y, x = (edge // factor for edge in grey.shape)
        grey = grey.reshape(z, factor, y, factor, x, factor).mean(axis=(1, 3, 5))
    ratio = rate / (sampling_rate * factor)
    places = np.diag([ratio] * 3)
    return np.asarray(affine_transform(grey, places, 0.5 * ratio - 0.5, output_shape=tuple(size), order=1, mode="nearest"))


def folded(grey: np.ndarray) -> np.ndarray:
    """(z, y, x) voxels, even edges, as (z/2, y/2, x/2, 8): each block of 2x2x2 voxels is one place with 8 channels."""
    z, y, x = (length // FOLD for length in grey.shape)
    blocks = grey.reshape(z, FOLD, y, FOLD, x, FOLD).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(blocks.reshape(z, y, x, FOLD**3))
