"""The mask in which structures are compared, on the grid of boxes or images."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

from tomo_particles.averaging.band import Band
from tomo_particles.averaging.search import mask_of
from tomo_particles.core.density_files import open_density
from tomo_particles.core.errors import InputError, parameter


class Framed(Protocol):
    """Boxes or images of `edge` voxels of `rate` Å."""

    @property
    def edge(self) -> int: ...

    @property
    def rate(self) -> float: ...

    def band(self, resolution: float) -> Band:
        """Of these, up to a resolution in Å."""


def mask_on(path: str | None, diameter: float, boxes: Framed) -> np.ndarray:
    """(edge,) * 3, 0 to 1; without a file the ball about a particle of `diameter` Å. Raises InputError for what is no mask."""
    if path is None:
        return mask_of(boxes.band(2 * boxes.rate), diameter, boxes.edge)
    with open_density(path, parameter("mask")) as density:
        data, rate = np.array(density.data, dtype=np.float32), float(density.voxel[0] or boxes.rate)
    if data.ndim != 3 or not np.isfinite(data).all() or data.max() <= 0:
        raise InputError(f"{parameter('mask')}: '{path}' is no volume with values above 0; give a mask that is 1 inside")
    if len(set(data.shape)) > 1:
        shape = " x ".join(map(str, data.shape))
        raise InputError(f"{parameter('mask')}: '{path}' is no cube ({shape} voxels); give a mask of the box of the particles")
    if abs(data.shape[0] * rate - boxes.edge * boxes.rate) > 2 * max(rate, boxes.rate):
        widths = f"{data.shape[0] * rate:.0f} Å wide, the boxes are {boxes.edge * boxes.rate:.0f} Å"
        raise InputError(f"{parameter('mask')}: '{path}' is {widths}; give a mask of the box of the particles")
    return _resampled(np.clip(data / data.max(), 0, 1), boxes.rate / rate, boxes.edge)


def _resampled(mask: np.ndarray, scale: float, edge: int) -> np.ndarray:
    """A mask on a grid of voxels `scale` times as large, centre voxel on centre voxel.

    In real space: a sharp low-pass would make a ball half as high in its centre, and ripples beside its border.
    """
    smooth = gaussian_filter(mask, scale / 2) if scale > 1 else mask
    offset = mask.shape[0] // 2 - scale * (edge // 2)
    return np.asarray(affine_transform(smooth, np.eye(3) * scale, offset, (edge,) * 3, order=1, output=np.float32))
