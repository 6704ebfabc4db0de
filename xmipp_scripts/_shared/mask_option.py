"""The option --mask of the programs that use masks of regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tomo_particles.core.tomograms import Tomogram
    from tomo_particles.regions.region_mask import RegionMask

MASK_HELP = " [--mask <...>] : masks of good and bad regions: the folder that xmipp_mask_tomo wrote, or files <tomogram>_mask.mrc"


def mask_of(masks: dict[str, str], tomogram: Tomogram) -> RegionMask | None:
    """The mask of a tomogram; None if none are given."""
    from tomo_particles.core.tomograms import tomogram_id
    from tomo_particles.regions.mask_files import read_mask

    path = masks.get(tomogram_id(tomogram.path))
    return read_mask(path, tomogram.size, tomogram.sampling_rate, "--mask") if path else None
