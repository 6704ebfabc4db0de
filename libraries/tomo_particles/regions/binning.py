"""A tomogram at the two samplings that a mask needs: 6 to 11 Å for textures, at least 20 Å for the mask itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from ..core.grey_values import as_good_as_equal, robust_scale
from ..core.subtomograms import are_numbers

COARSE = 20.0  # Å: the least voxel of a mask; regions need no finer one
FINE = 11.0  # Å: the most for textures; the two leaflets of a membrane are 36 Å apart
MIXED = 0.5  # share of the voxels without data from which on a voxel of the mask has none
TOUCHING = np.ones((3, 3, 3), dtype=bool)  # voxels that share a corner are connected


@dataclass(frozen=True)
class BinnedTomogram:
    """fine: (z, y, x) float32, protein positive, in robust deviations from the median of the voxels with data, 0 without data;
    its edges are whole numbers of voxels of the mask.  empty: (z, y, x) bool at the sampling of the mask, no data.
    rate: Å/voxel of `fine`.  step: its voxels along an edge of a voxel of the mask.  gaps: voxels that were no numbers.
    """

    fine: np.ndarray
    empty: np.ndarray
    rate: float
    step: int
    gaps: int

    @property
    def voxel(self) -> float:
        """Edge of a voxel of the mask, Å."""
        return self.rate * self.step

    def coarse(self, values: np.ndarray) -> np.ndarray:
        """Means of values at the fine sampling (z, y, x) over the voxels of the mask."""
        return block_means(values, self.step)


def binning_steps(rate: float) -> tuple[int, int]:
    """Voxels of `rate` Å along an edge of a voxel for textures, and such voxels along an edge of a voxel of the mask.

    The first comes first: the limits of the textures hold at their sampling, while a mask may be a little coarser.
    """
    first = max(1, int(FINE / rate + 1e-6))
    return first, max(1, int(np.ceil(COARSE / (first * rate) - 1e-6)))


def binned(volume: np.ndarray, rate: float, *, bright: bool = False) -> BinnedTomogram:
    """Bin a tomogram (z, y, x; any type, may be memory-mapped; particles dark unless `bright`) of `rate` Å/voxel.

    The blocks begin at the first corner; at the last faces they may be incomplete. A voxel has no data if it is no number, or if
    it has the value of its six neighbours, but for rounding, and is joined to the border by such voxels.
    """
    first, step = binning_steps(rate)
    shape = [-(-edge // (first * step)) * step for edge in volume.shape]
    mean, known = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    gaps, nothing = 0, as_good_as_equal(volume)
    for plane in range(shape[0]):
        start, stop = plane * first, min((plane + 1) * first, len(volume))
        if start >= stop:
            break
        around = slice(max(0, start - 1), min(stop + 1, len(volume)))
        grey = np.array(volume[around], dtype=np.float32)
        inner = slice(start - around.start, stop - around.start)
        numbers = are_numbers(grey)
        data = (numbers & ~_as_neighbours(grey, nothing))[inner]
        gaps += int(np.count_nonzero(~numbers[inner]))
        counts = _block_sums(data, first)
        there = counts > 0
        sums = _block_sums(np.where(data, grey[inner], 0), first)
        rows, columns = there.shape
        mean[plane, :rows, :columns][there] = sums[there] / counts[there]
        known[plane, :rows, :columns] = counts / _block_sums(np.ones_like(data), first)
    inside = np.zeros(shape, dtype=np.float32)
    inside[tuple(slice(-(-edge // first)) for edge in volume.shape)] = 1
    empty = block_means(known, step) <= MIXED * block_means(inside, step)
    empty &= _joined_to_border(empty)
    return _scaled(mean, known > 0, empty, rate * first, step, gaps, 1 if bright else -1)


def _scaled(
    mean: np.ndarray, known: np.ndarray, empty: np.ndarray, rate: float, step: int, gaps: int, sign: int
) -> BinnedTomogram:
    known &= ~enlarged(empty, step)
    if known.any():
        median, deviation = robust_scale(mean[known])
        mean -= np.float32(median)
        mean *= np.float32(sign / (deviation or 1.0))
    mean[~known] = 0
    return BinnedTomogram(mean, empty, rate, step, gaps)


def _as_neighbours(grey: np.ndarray, nothing: float) -> np.ndarray:
    """(z, y, x) bool: the value of the neighbours along each axis, within `nothing`; beyond the faces all are the same."""
    same = np.ones(grey.shape, dtype=bool)
    for axis in range(3):
        equal = np.abs(np.diff(grey, axis=axis)) <= nothing
        before, after = (tuple(end if a == axis else slice(None) for a in range(3)) for end in (slice(None, -1), slice(1, None)))
        same[after] &= equal
        same[before] &= equal
        if not same.any():
            break
    return same


def _joined_to_border(places: np.ndarray) -> np.ndarray:
    labels, _ = label(places, TOUCHING)
    faces = [labels.take(end, axis) for axis in range(3) for end in (0, -1)]
    return np.isin(labels, np.setdiff1d(np.concatenate([face.ravel() for face in faces]), [0]))


def enlarged(volume: np.ndarray, step: int) -> np.ndarray:
    """A volume (z, y, x) in which each voxel became step^3."""
    for axis in range(3):
        volume = np.repeat(volume, step, axis)
    return volume


def block_means(values: np.ndarray, step: int) -> np.ndarray:
    """(z, y, x) float32 means over blocks of step^3 voxels; the edges are multiples of it."""
    z, y, x = (edge // step for edge in values.shape)
    return np.asarray(values.reshape(z, step, y, step, x, step).mean(axis=(1, 3, 5), dtype=np.float32))


def _block_sums(planes: np.ndarray, factor: int) -> np.ndarray:
    """(y, x) sums of some planes (z, y, x) over z and blocks of y and x."""
    flat = planes.sum(axis=0, dtype=np.float64)
    rows, columns = (np.arange(0, edge, factor) for edge in flat.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(flat, rows, axis=0), columns, axis=1))
