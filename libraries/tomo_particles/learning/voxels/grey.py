"""Grey values of a tomogram as a voxel-wise network sees them: the same in training and in prediction.

One scale per tomogram, from its voxels that hold data: (value - median) / (1.4826 MAD), protein positive, cut at +-10. A scale
per patch would depend on what the patch holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

from ...core.coordinates import rescale_size
from ...core.grey_values import SAMPLE_STEP, robust_scale

MOST = 10.0  # deviations: gold beads and dirt are cut here
SAME_RATE = 0.01  # a tomogram whose sampling rate is that near (relative) to the model's is not rescaled
FOLD = 2  # voxels to a side of the block that becomes the channels of a folded input


@dataclass(frozen=True)
class SeenTomogram:
    """A tomogram as networks see it.

    data: (z, y, x), of any type, may be memory-mapped.  sampling_rate: Å/voxel of `data`.  centre, deviation: robust, of the
    voxels with data.  bright: whether protein is brighter than its surroundings.
    """

    tomo_id: str
    data: np.ndarray
    sampling_rate: float
    centre: float
    deviation: float
    bright: bool = False

    def crop(self, start: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Grey values (z, y, x) float32 of the block that begins at voxel `start` (z, y, x), and which of them hold data, bool.

        Outside of the tomogram it is reflected, and holds no data. Voxels without data have the median of the tomogram.
        """
        indices = [_reflected(first, length, edge) for first, length, edge in zip(start, shape, self.data.shape, strict=True)]
        lows = [int(index.min()) for index in indices]
        highs = [int(index.max()) + 2 for index in indices]  # one voxel more, to compare neighbours
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
        return np.clip(grey, -MOST, MOST), known & inside[0][:, None, None] & inside[1][:, None] & inside[2]


def seen_tomogram(
    tomo_id: str, data: np.ndarray, sampling_rate: float, *, rate: float | None = None, bright: bool = False
) -> SeenTomogram | None:
    """A tomogram (z, y, x) with its scale; None where it holds nothing to see: constant, or no voxel is a number.

    rate: Å/voxel that the network works at; the tomogram is rescaled to it, unless it has it up to SAME_RATE.
    """
    values = _sample_with_data(data)
    if not len(values):
        return None
    centre, deviation = robust_scale(values)
    deviation = deviation or float(values.std())
    if not deviation > 0:
        return None
    seen = SeenTomogram(tomo_id, data, sampling_rate, centre, deviation, bright)
    if rate is None or abs(sampling_rate / rate - 1) <= SAME_RATE:
        return seen
    return replace(seen, data=_rescaled(data, sampling_rate, rate, centre), sampling_rate=rate)


def has_data(block: np.ndarray) -> np.ndarray:
    """(z, y, x) bool: which voxels hold data: numbers that differ from their neighbours.

    Places that a reconstruction did not reach have one value, such as 0. A voxel that equals the next one along all three axes
    lies in such a place.
    """
    same = np.ones(block.shape, dtype=bool)
    for axis in range(3):
        along = np.moveaxis(block, axis, 0)
        equal = along[1:] == along[:-1]  # never of voxels that are no numbers
        same &= np.moveaxis(np.concatenate([equal, equal[-1:]]), 0, axis)  # the last voxel is compared with the one before
    return np.isfinite(block) & ~same


def _sample_with_data(data: np.ndarray) -> np.ndarray:
    """(n,) float32 values of a regular sample of the voxels, of those that hold data."""
    step = SAMPLE_STEP
    corner = np.asarray(data[:-1:step, :-1:step, :-1:step], dtype=np.float32)
    beside = (data[1::step, :-1:step, :-1:step], data[:-1:step, 1::step, :-1:step], data[:-1:step, :-1:step, 1::step])
    same = np.ones(corner.shape, dtype=bool)
    for other in beside:
        same &= corner == np.asarray(other, dtype=np.float32)
    return corner[np.isfinite(corner) & ~same]


def _reflected(first: int, length: int, edge: int) -> np.ndarray:
    """(length,) indices of `length` voxels from `first` on along an axis of `edge` voxels, reflected at both faces."""
    if edge == 1:
        return np.zeros(length, dtype=int)
    place = np.mod(int(first) + np.arange(length), 2 * (edge - 1))
    return np.minimum(place, 2 * (edge - 1) - place)


def _rescaled(data: np.ndarray, sampling_rate: float, rate: float, fill: float) -> np.ndarray:
    """The tomogram in voxels of `rate`, keeping the physical point of each (`core.coordinates`), float32."""
    ratio = rate / sampling_rate
    z, y, x = data.shape
    size = [max(2, int(np.ceil(length - 1e-6))) for length in rescale_size((z, y, x), sampling_rate, rate)]
    grey = np.asarray(data, dtype=np.float32)
    grey = np.where(np.isfinite(grey), grey, np.float32(fill))
    if ratio > 1:  # finer detail than the new voxels would become noise
        grey = gaussian_filter(grey, 0.5 * np.sqrt(ratio**2 - 1))
    return np.asarray(
        affine_transform(grey, np.diag([ratio] * 3), 0.5 * ratio - 0.5, output_shape=tuple(size), order=1, mode="nearest")
    )


def folded(grey: np.ndarray) -> np.ndarray:
    """(z, y, x) voxels, even edges, as (z/2, y/2, x/2, 8): each block of 2x2x2 voxels is one place with 8 channels."""
    z, y, x = (length // FOLD for length in grey.shape)
    blocks = grey.reshape(z, FOLD, y, FOLD, x, FOLD).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(blocks.reshape(z, y, x, FOLD**3))
