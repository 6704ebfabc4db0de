"""A tomogram divided into regions: the class of every voxel of its mask, found one class after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import binary_closing, uniform_filter

from ..core.grey_values import FLAT_NOTE, gaps_note, robust_scale
from .binning import BinnedTomogram, binned, enlarged
from .classes import CARBON, GOLD, ICE, MEMBRANE, NO_DATA, OUTSIDE
from .closed_membranes import hidden_parts
from .gold import find_gold
from .membranes import STEEPEST, membranes, sheet_response
from .region_mask import RegionMask
from .slab import outside_slab
from .texture import MOST_GREY, find_texture

INVERTED = 3.0  # so many times more voxels as bright as gold than as dark: the contrast is inverted, or there is no gold
MOST_GOLD = 0.03  # share of the volume: 8 beads of 10 nm are 0.5 % of 2.5 x 2.5 x 1 µm
# Variance of the finest grain over that of the tomogram: 0.3 to 1.0 in simulated and real tomograms as reconstructed, 0.05 to
# 0.11 after a Gaussian of 15 Å.
LEAST_GRAIN = 0.12
AS_RECONSTRUCTED = "use the tomogram as reconstructed: the mask fits every version of the same extent"


def segment(
    volume: np.ndarray,
    rate: float,
    *,
    bead_diameter: float = 100.0,
    bright: bool = False,
    threads: int = 1,
    notes: list[str] | None = None,
) -> RegionMask:
    """The mask of a tomogram (z, y, x; any type, may be memory-mapped; particles dark unless `bright`) of `rate` Å/voxel.

    bead_diameter: Å. Strong objects are found first, and the finders after them leave their places out. notes: receives what is
    unusual about the tomogram, one line each.
    """
    tomogram = binned(volume, rate, bright=bright)
    labels = np.zeros(tomogram.empty.shape, dtype=np.uint8)
    labels[tomogram.empty] = NO_DATA
    if notes is not None and tomogram.gaps:
        notes.append(gaps_note(tomogram.gaps, volume.size))
    if not tomogram.fine.any():
        if notes is not None:
            notes.append(FLAT_NOTE)
        return RegionMask(labels, tomogram.voxel)
    grey = tomogram.coarse(tomogram.fine)
    known = ~tomogram.empty
    gold = find_gold(grey, known, bead_diameter / tomogram.voxel)
    if notes is not None and np.count_nonzero(
        find_gold(-grey, known, bead_diameter / tomogram.voxel)
    ) > INVERTED * np.count_nonzero(gold):
        notes.append("there are bright spots as strong as gold: the contrast may be inverted")
    outside = outside_slab(np.clip(grey, -MOST_GREY, MOST_GREY), known & ~gold, tomogram.voxel) & known
    response = sheet_response(tomogram, ~known | gold, threads)
    strong = membranes(response, known & ~gold, tomogram.voxel, strong=True)  # it would pass for a texture
    carbon, ice = find_texture(tomogram, known & ~gold & ~outside & ~strong)
    # Grains of a crystal pass for gold, its flat parts for membranes; what lies within a lump belongs to it.
    ice |= (gold | strong) & binary_closing(ice, iterations=max(1, round(bead_diameter / tomogram.voxel)))
    gold &= ~ice
    free = known & ~(gold | outside | carbon | ice)
    membrane = membranes(response, free, tomogram.voxel) | (strong & ~ice & ~gold)
    membrane |= hidden_parts(membrane, free, tomogram.voxel, STEEPEST)
    for number, places in ((MEMBRANE, membrane), (OUTSIDE, outside), (ICE, ice), (CARBON, carbon), (GOLD, gold)):
        labels[places] = number
    if notes is not None:
        notes += _doubts(tomogram, labels)
    return RegionMask(labels, tomogram.voxel)


def _doubts(tomogram: BinnedTomogram, labels: np.ndarray) -> Iterator[str]:
    """Why a mask may be wrong: the limits of the finders are deviations of the noise, and a filter takes the noise away."""
    gold = np.count_nonzero(labels == GOLD) / labels.size
    if gold > MOST_GOLD:
        yield (
            f"gold takes {gold:.1%} of the volume, and beads seldom take {MOST_GOLD:.0%}: particles may be taken for gold; look "
            f"at the mask, and {AS_RECONSTRUCTED}"
        )
    grey = np.clip(tomogram.fine, -MOST_GREY, MOST_GREY)
    _, grain = robust_scale((grey - uniform_filter(grey, 3))[~enlarged(tomogram.empty, tomogram.step)])
    if grain**2 < LEAST_GRAIN:
        yield (
            f"the tomogram looks filtered or denoised (its finest grain is {grain**2:.1%} of its variance): particles may be "
            f"taken for gold, and ice for a place outside the slab; look at the mask, and {AS_RECONSTRUCTED}"
        )
