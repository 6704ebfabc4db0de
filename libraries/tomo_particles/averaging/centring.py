"""Where a particle lies in its average: the centroid of its body."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_fill_holes, gaussian_filter, label

SMOOTHING = 1.0  # voxels
REACH = 0.55  # diameters from the centre, and a voxel more, within which the body lies
LEVEL = 0.15  # of the way from the surroundings to the densest part


def body_centre(volume: np.ndarray, diameter: float) -> np.ndarray:
    """x, y, z, voxels, from the centre voxel to the centroid of the particle in an average (n, n, n), bright, not whitened.

    diameter: voxels. The body is the largest connected part above LEVEL within a ball, its holes filled. 0 where there is none.
    """
    smooth = gaussian_filter(np.asarray(volume, dtype=np.float32), SMOOTHING)
    centre = smooth.shape[0] // 2
    away = np.sqrt(((np.indices(smooth.shape) - centre) ** 2).sum(axis=0))
    ball = away <= REACH * diameter + 1
    outside, inside = smooth[~ball], smooth[ball]
    base = float(np.median(outside)) if outside.size else float(smooth.min())
    dense = float(np.percentile(inside, 99))
    parts, count = label((smooth > base + LEVEL * (dense - base)) & ball)
    if not count or dense <= base:
        return np.zeros(3)
    largest = binary_fill_holes(parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:])))
    return np.argwhere(largest).mean(axis=0)[::-1] - centre
