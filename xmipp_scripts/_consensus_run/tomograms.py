"""The tomograms of a run, checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tomo_particles.core.errors import InputError

from .._shared.averaging_options import check_diameter
from .._shared.masks import masks_by_tomogram
from .config import PipelineConfig


@dataclass(frozen=True)
class TomogramInfo:
    """One tomogram of the run: id, file, own sampling rate (Å/voxel) and size x, y, z in voxels of its own.

    mask: file of its mask of regions, None where there is none.
    """

    tomo_id: str
    path: str
    sampling_rate: float
    size: tuple[int, int, int]
    mask: str | None = None

    @cached_property
    def grey_scale(self) -> tuple[float, float]:
        """Median and deviation of its grey values: measured once, when the first boxes are cut."""
        from tomo_particles.core.grey_values import grey_scale
        from tomo_particles.core.tomograms import open_tomogram

        with open_tomogram(self.path, self.sampling_rate) as opened:
            return grey_scale(opened.data)


def read_tomograms(config: PipelineConfig, notes: list[str]) -> list[TomogramInfo]:
    """The tomograms of the run, checked. Raises InputError for one that cannot be used.

    notes: receives what is unusual about them, one line each.
    """
    from tomo_particles.core.coordinates import rescale_size
    from tomo_particles.core.tomograms import each_tomogram, tomogram_id
    from tomo_particles.regions.mask_files import read_mask

    tomograms: list[TomogramInfo] = []
    masks = masks_by_tomogram(config.mask, [tomogram_id(path) for path in config.tomograms], "--mask")
    for opened in each_tomogram(config.tomograms, config.tomogram_sampling_rate, "--tomograms", notes):
        path = str(opened.path)
        tomogram = TomogramInfo(tomogram_id(path), path, opened.sampling_rate, opened.size, masks.get(tomogram_id(path)))
        if tomogram.mask:
            read_mask(tomogram.mask, tomogram.size, tomogram.sampling_rate, "--mask")  # one that does not fit is refused now
        if any(tomogram.tomo_id == other.tomo_id for other in tomograms):
            raise InputError(f"--tomograms: two tomograms are named '{tomogram.tomo_id}'; their file names must differ")
        size = rescale_size(tomogram.size, tomogram.sampling_rate, config.sampling_rate or tomogram.sampling_rate)
        if min(size) < config.box_size:
            raise InputError(
                f"--boxsize: a box of {config.box_size} voxels does not fit in '{path}' "
                f"({' x '.join(f'{s:.0f}' for s in size)} voxels); lower it"
            )
        if config.diameter is not None:
            check_diameter(config.diameter, tomogram.size, tomogram.sampling_rate, path, "--diameter")
        tomograms.append(tomogram)
    return tomograms
