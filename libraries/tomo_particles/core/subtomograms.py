"""Cut subtomograms out of a tomogram: boxes of voxels around picks, at the common sampling rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .coordinates import rescale_positions, same_sampling_rate

MOST_GREY = 1e15  # a grey value further from 0 is damage, and its square would not fit into float32
NO_NUMBERS = f"not numbers (NaN, infinite or beyond {MOST_GREY:g})"
# A deviation of grey values that holds no signal: this share of the tomogram's own, or of the mean of the box, which is rounded
FLAT, ROUNDED = 1e-6, 2e-7
BESIDE = 4  # voxels more than its edge that a resampled box is made of
LEAST_DIAMETERS, MOST_DIAMETERS = 1.3, 2.6  # edge of a box in diameters of the particle: 1.5 to 2 are good, others far from it


@dataclass(frozen=True)
class Cutter:
    """How boxes are cut: edge (voxels of `sampling_rate` Å), and what is done to their grey values.

    invert: multiply by -1 (proteins are dark in most tomograms; some networks want them bright).
    normalise: zero mean and unit deviation of every box.  factor: multiply by it; `normalise` would undo that.
    flat: deviation of the grey values of the tomogram up to which a box holds no signal, and is normalised to zero.
    """

    box_size: int
    sampling_rate: float
    normalise: bool = False
    invert: bool = False
    factor: float = 1.0
    flat: float = 0.0

    def cut(self, volume: np.ndarray, position: np.ndarray, volume_rate: float) -> np.ndarray:
        """One (box, box, box) float32 box of `volume` (z, y, x) around `position` (x, y, z, voxels of `sampling_rate`).

        The centre is the box's voxel `box // 2`. At the volume's own sampling rate the position is rounded to the
        voxel; at another rate the box is interpolated at the exact position, after a low-pass if it is coarser.
        Outside the tomogram the box is filled with the mean of its part inside, a neutral grey.
        """
        return self.finish(self.raw(volume, position, volume_rate)[0])

    def raw(
        self,
        volume: np.ndarray,
        position: np.ndarray,
        volume_rate: float,
        out: np.ndarray | None = None,
        first: np.ndarray | None = None,
    ) -> tuple[np.ndarray, int]:
        """The box of `cut` with the tomogram's own grey values, and how many of its voxels are no numbers.

        out: (box, box, box) float32, used for it if possible.  first: x, y, z of the first voxel, where the volume is a part of a
        tomogram; positions are those in the whole, because half a voxel is rounded to an even number.
        """
        first = np.zeros(3, dtype=int) if first is None else first
        if same_sampling_rate(volume_rate, self.sampling_rate):
            return counted_crop(volume, np.rint(position).astype(int) - first, self.box_size, out)
        return self._resampled(volume, position, volume_rate, first)

    def finish(self, box: np.ndarray) -> np.ndarray:
        """Contrast and normalisation of a raw box, in place."""
        factor = (1 if self.normalise else self.factor) * (-1 if self.invert else 1)
        if factor != 1:
            box *= factor
        return _normalise(box, self.flat) if self.normalise else box

    def _resampled(
        self, volume: np.ndarray, position: np.ndarray, volume_rate: float, first: np.ndarray
    ) -> tuple[np.ndarray, int]:
        # Half a second, saved where all boxes are at the sampling rate of the tomogram.
        from scipy.ndimage import gaussian_filter, map_coordinates

        step = self.sampling_rate / volume_rate  # volume voxels per voxel of the box
        centre = rescale_positions(position, self.sampling_rate, volume_rate)
        whole = np.rint(centre).astype(int)
        reach = int(np.ceil(self.box_size * step)) + BESIDE
        source, gaps = counted_crop(volume, whole - first, reach)
        if step > 1:  # a low-pass like the average over `step` voxels: a Gaussian of the same variance
            source = gaussian_filter(source, np.sqrt((step**2 - 1) / 12))
        axis = (np.arange(self.box_size) - self.box_size // 2) * step + reach // 2
        grid = np.meshgrid(*(axis + offset for offset in (centre - whole)[::-1]), indexing="ij")
        return map_coordinates(source, grid, order=1, mode="nearest").astype(np.float32), gaps


def reach_of(box_size: int, sampling_rate: float, volume_rate: float) -> int:
    """How many voxels of a volume on each side of its centre a box may need: box_size voxels of `sampling_rate` Å."""
    if same_sampling_rate(volume_rate, sampling_rate):
        return box_size // 2
    return -(-(int(np.ceil(box_size * sampling_rate / volume_rate)) + BESIDE) // 2)


def crop(volume: np.ndarray, centre: np.ndarray, box_size: int) -> np.ndarray:
    """(box, box, box) float32 copy around the integer `centre` (x, y, z); outside the volume, and where it holds no numbers, the
    mean of the rest."""
    return counted_crop(volume, centre, box_size)[0]


def counted_crop(
    volume: np.ndarray, centre: np.ndarray, box_size: int | tuple[int, int, int], out: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """As `crop`, and how many of the voxels are no numbers.

    box_size: voxels along z, y and x, or of all edges.  out: a float32 array of that shape to fill instead of a new one, which is
    twice as fast.
    """
    shape = np.array((box_size,) * 3 if np.ndim(box_size) == 0 else box_size)
    box = np.empty(shape, dtype=np.float32) if out is None else out
    start = np.asarray(centre)[::-1] - shape // 2
    stop = start + shape
    inside = tuple(slice(max(0, a), max(0, min(b, n))) for a, b, n in zip(start, stop, volume.shape, strict=True))
    part = volume[inside]
    if part.shape == box.shape:
        box[...] = part
        return box, fill_gaps(box)
    part = np.array(part, dtype=np.float32)
    gaps = fill_gaps(part)
    box[...] = part.mean(dtype=float) if part.size else 0.0  # exact where all values are equal
    if part.size:
        box[tuple(slice(s.start - a, s.start - a + n) for s, a, n in zip(inside, start, part.shape, strict=True))] = part
    return box, gaps


def fill_gaps(grey: np.ndarray) -> int:
    """Give float32 voxels that are NO_NUMBERS the mean of the others, 0 where there is none; in place.

    Returns how many there were.
    """
    if all_numbers(grey):  # the usual case
        return 0
    finite = are_numbers(grey)
    count = int(grey.size - np.count_nonzero(finite))
    if count:
        grey[~finite] = grey[finite].mean(dtype=float) if count < grey.size else 0
    return count


def all_numbers(grey: np.ndarray) -> bool:
    """Whether no grey value is one of NO_NUMBERS, without an array of answers; NaN is neither above nor below."""
    with np.errstate(invalid="ignore"):
        return not grey.size or bool(grey.min() >= -MOST_GREY and grey.max() <= MOST_GREY)


def are_numbers(grey: np.ndarray) -> np.ndarray:
    """Whether each grey value can be computed with: it is none of NO_NUMBERS."""
    return np.asarray(np.abs(grey) <= MOST_GREY)


def fill_gaps_of_each(boxes: np.ndarray) -> np.ndarray:
    """`fill_gaps` of each of (n, box, box, box) boxes; returns (n,) how many voxels of each were no numbers."""
    if all_numbers(boxes):  # the usual case
        return np.zeros(len(boxes), dtype=int)
    return np.array([fill_gaps(box) for box in boxes])


def fits_inside(positions: np.ndarray, size: tuple[float, float, float], box_size: int) -> np.ndarray:
    """(n,) whether the whole box lies inside a tomogram of `size` x, y, z (same sampling rate as the positions)."""
    start = np.rint(positions) - box_size // 2
    return ((start >= 0) & (start + box_size <= np.asarray(size))).all(axis=1)


def normalised(box: np.ndarray) -> np.ndarray:
    """Zero mean and unit deviation; a flat box becomes zero, to avoid a division by zero."""
    return _normalise(box.copy(), 0.0)


def _normalise(box: np.ndarray, flat: float) -> np.ndarray:
    mean = np.float32(box.mean(dtype=float))  # exact where all values are equal
    box -= mean
    deviation = np.sqrt(np.square(box).mean())
    if deviation > max(flat, ROUNDED * abs(mean)):
        box /= deviation
    else:
        box[...] = 0
    return box


def box_note(box_size: int, rate: float, diameter: float | None) -> str:
    """What to say of a box (voxels of `rate` Å) that is far from 1.5 to 2 diameters (Å) of the particle; '' for nothing."""
    if diameter is None or LEAST_DIAMETERS <= (share := box_size * rate / diameter) <= MOST_DIAMETERS:
        return ""
    low, high = (2 * round(factor * diameter / rate / 2) for factor in (1.5, 2))
    return (
        f"a box of {box_size} voxels of {rate:g} A is {share:.1f} diameters of a particle of {diameter:g} A; 1.5 to 2 diameters "
        f"are {low} to {high} voxels: check the box, the diameter and the sampling rates"
    )
