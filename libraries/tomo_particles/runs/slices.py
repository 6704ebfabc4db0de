"""Central slices of the picks of a run for pictures, cut from the tomograms, so that a run need not keep its boxes."""

from __future__ import annotations

import numpy as np

from ..core.subtomograms import Cutter
from ..core.tomograms import open_tomogram
from .results import TomogramFile


def central_slices(tomogram: TomogramFile, positions: np.ndarray, box_size: int, sampling_rate: float) -> list[np.ndarray]:
    """The (y, x) mean of the central quarter of the box of each pick, smoothed by a 32nd of the box.

    positions: (n, 3) x, y, z, voxels of `sampling_rate` (Å/voxel), as box_size.  Raises InputError where the tomogram is gone.
    """
    cutter = Cutter(box_size, sampling_rate, normalise=True)
    with open_tomogram(tomogram.path, tomogram.sampling_rate) as opened:
        return [_central(cutter.cut(opened.data, position, opened.sampling_rate)) for position in positions]


def _central(box: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    middle, half = box.shape[0] // 2, max(1, box.shape[0] // 8)
    return gaussian_filter(box[middle - half : middle + half].mean(axis=0), box.shape[0] / 32)
