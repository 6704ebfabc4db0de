"""What a run knows of one tomogram."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class TomogramInfo:
    """One tomogram of the run: id, file, own sampling rate (Å/voxel) and size x, y, z in voxels of its own."""

    tomo_id: str
    path: str
    sampling_rate: float
    size: tuple[int, int, int]
    mask: str | None = None  # file of its mask of regions

    @cached_property
    def grey_scale(self) -> tuple[float, float]:
        """Median and deviation of its grey values: measured once, when the first boxes are cut."""
        from tomo_particles.core.grey_values import grey_scale
        from tomo_particles.core.tomograms import open_tomogram

        with open_tomogram(self.path, self.sampling_rate) as opened:
            return grey_scale(opened.data)
