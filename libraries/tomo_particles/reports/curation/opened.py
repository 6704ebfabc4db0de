"""The tomogram that the window shows: one at a time, memory-mapped."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from ...core.coordinates import rescale_positions
from ...core.grey_values import without_gaps
from ...core.subtomograms import Cutter
from ...core.tomograms import Tomogram, open_tomogram
from ...runs.results import RunResults

CONTEXT = 2  # edge of what is shown around a pick, boxes
THICKNESS = 8  # a slice is the mean of this fraction of the box
SMOOTHING = 16  # standard deviation of the smoothing is this fraction of the box


class OpenedTomogram:
    """Slices of the tomograms of a run, of one tomogram at a time; positions are in voxels of the common grid."""

    def __init__(self, run: RunResults) -> None:
        self._run = run
        self._stack = ExitStack()
        self._tomo_id = ""
        self._tomogram: Tomogram | None = None

    def close(self) -> None:
        """Close the file."""
        self._stack.close()
        self._tomo_id, self._tomogram = "", None

    def of(self, tomo_id: str) -> Tomogram:
        """Open a tomogram, unless it is open. Raises InputError where it is gone or cannot be read."""
        if self._tomogram is None or self._tomo_id != tomo_id:
            self.close()
            file = next(tomogram for tomogram in self._run.tomograms if tomogram.tomo_id == tomo_id)
            self._tomogram = self._stack.enter_context(open_tomogram(file.path, file.sampling_rate))
            self._tomo_id = tomo_id
        return self._tomogram

    def around(self, tomo_id: str, position: np.ndarray) -> dict[str, np.ndarray]:
        """The three orthogonal slices through a place, by their axes: "x, y", "x, z" and "y, z"; the second axis is the rows.

        NaN: outside the tomogram.
        """
        from scipy.ndimage import gaussian_filter

        tomogram, size = self.of(tomo_id), self._run.box_size
        cutter = Cutter(CONTEXT * size, self._run.sampling_rate, normalise=True)
        box = cutter.cut(tomogram.data, position, tomogram.sampling_rate)
        half, middle = max(1, size // THICKNESS), CONTEXT * size // 2
        near = slice(middle - half, middle + half + 1)
        images = {"x, y": box[near].mean(axis=0), "x, z": box[:, near].mean(axis=1), "y, z": box[:, :, near].mean(axis=2)}
        extent = np.array(tomogram.size) * tomogram.sampling_rate / self._run.sampling_rate
        offsets = np.arange(CONTEXT * size) - middle
        x, y, z = ((at + offsets < 0) | (at + offsets > end - 1) for at, end in zip(np.rint(position), extent, strict=True))
        outside = {"x, y": y[:, None] | x, "x, z": z[:, None] | x, "y, z": z[:, None] | y}
        return {axes: np.where(outside[axes], np.nan, gaussian_filter(image, size / SMOOTHING)) for axes, image in images.items()}

    def at_depth(self, tomo_id: str, z: float) -> np.ndarray:
        """The slice (y, x) of the tomogram at a depth, in its own voxels, of the thickness of those of a pick."""
        from scipy.ndimage import gaussian_filter

        tomogram = self.of(tomo_id)
        scale = self._run.sampling_rate / tomogram.sampling_rate
        half = max(1, round(self._run.box_size * scale / THICKNESS))
        centre = round(self.in_voxels(tomo_id, np.array([[0.0, 0.0, z]]))[0, 2])
        image = without_gaps(tomogram.data[max(0, centre - half) : centre + half + 1])[0].mean(axis=0)
        return gaussian_filter(np.asarray(image, dtype=np.float32), self._run.box_size * scale / SMOOTHING)

    def in_voxels(self, tomo_id: str, positions: np.ndarray) -> np.ndarray:
        """(n, 3) positions in voxels of the tomogram itself."""
        return rescale_positions(positions, self._run.sampling_rate, self.of(tomo_id).sampling_rate)

    def on_grid(self, tomo_id: str, positions: np.ndarray) -> np.ndarray:
        """The opposite of `in_voxels`."""
        return rescale_positions(positions, self.of(tomo_id).sampling_rate, self._run.sampling_rate)
