"""The mask in which structures are compared, on the grid of boxes or images."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tomo_particles.averaging.band import Band
from tomo_particles.averaging.branches import in_box
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
    if abs(data.shape[0] * rate - boxes.edge * boxes.rate) > 2 * max(rate, boxes.rate):
        widths = f"{data.shape[0] * rate:.0f} Å wide, the boxes are {boxes.edge * boxes.rate:.0f} Å"
        raise InputError(f"{parameter('mask')}: '{path}' is {widths}; give a mask of the box of the particles")
    return np.clip(in_box(data / data.max(), rate, boxes), 0, 1)
