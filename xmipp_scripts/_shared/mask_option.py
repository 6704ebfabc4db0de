"""The option --mask of the programs that use masks of regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .program import print_notes

if TYPE_CHECKING:
    import numpy as np

    from tomo_particles.core.tomograms import Tomogram
    from tomo_particles.regions.region_mask import RegionMask

MASK_HELP = " [--mask <...>] : masks of good and bad regions: the folder that xmipp_mask_tomo wrote, or files <tomogram>_mask.mrc"


def mask_of(masks: dict[str, str], tomogram: Tomogram, tomo_id: str = "") -> RegionMask | None:
    """The mask of a tomogram; None if none are given. tomo_id: where it is not the name of the file."""
    from tomo_particles.core.tomograms import tomogram_id
    from tomo_particles.regions.mask_files import read_mask

    path = masks.get(tomo_id or tomogram_id(tomogram.path))
    return read_mask(path, tomogram.size, tomogram.sampling_rate, "--mask") if path else None


def bad_voxels_of(mask: RegionMask | None, tomogram: Tomogram) -> np.ndarray | None:
    """(z, y, x) bool: where nothing is picked; None without a mask. A tomogram in which that is everywhere is named."""
    if mask is None:
        return None
    bad = mask.bad_voxels(tomogram.data.shape, tomogram.sampling_rate)
    if bad.all():
        print_notes([f"'{tomogram.path}': every voxel is in a bad region of its mask"])
    return bad


def nothing_picked(remedies: str, masked: bool) -> str:
    """The note of a picker that picked nothing."""
    return f"nothing was picked: {'look at the masks of --mask first, then ' if masked else ''}{remedies}"
