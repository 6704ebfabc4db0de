"""Central slices of the picks of a run for pictures, cut from the tomograms, so that a run need not keep its boxes."""

from __future__ import annotations

import numpy as np

from ..core.coordinates import same_sampling_rate
from ..core.subtomograms import Cutter, counted_crop, normalised
from ..core.tomograms import open_tomogram
from .results import TomogramFile


def central_slices(tomogram: TomogramFile, positions: np.ndarray, box_size: int, sampling_rate: float) -> list[np.ndarray]:
    """The (y, x) mean of the central quarter of the box of each pick, of zero mean and unit deviation, smoothed by a 32nd of the
    box.

    positions: (n, 3) x, y, z, voxels of `sampling_rate` (Å/voxel), as box_size.  Raises InputError where the tomogram is gone.
    """
    from scipy.ndimage import gaussian_filter

    half = max(1, box_size // 8)
    with open_tomogram(tomogram.path, tomogram.sampling_rate) as opened:
        if same_sampling_rate(opened.sampling_rate, sampling_rate):  # a quarter of the planes has to be read
            flat = (2 * half, box_size, box_size)
            quarters = (counted_crop(opened.data, np.rint(place).astype(int), flat)[0] for place in positions)
        else:
            cutter, middle = Cutter(box_size, sampling_rate), slice(box_size // 2 - half, box_size // 2 + half)
            quarters = (cutter.cut(opened.data, place, opened.sampling_rate)[middle] for place in positions)
        return [gaussian_filter(normalised(quarter.mean(axis=0)), box_size / 32) for quarter in quarters]
