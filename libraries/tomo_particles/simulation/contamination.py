"""What spoils a part of a tomogram: the carbon film at the edge of a hole, and crystals of ice or dirt."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from .distractors import Stamp, distances

CARBON, CONTAMINANT = "carbon", "contaminant"  # their species in the ground truth
CARBON_THICKNESS = 200.0  # Å, of a thin holey film
# Grey value over the ice: the mean inner potential of amorphous carbon is about 9 V, that of ice 4.5 V, at 30 V per grey value.
CARBON_CONTRAST = 0.15
# Standard deviation of the density from voxel to voxel of 10 Å: twice the shot noise of about 90 atoms in a cubic nanometre
# (0.3 / 9.5), because evaporated films are porous. The film is then as grainy beside the ice as it is in real tomograms.
CARBON_GRAIN = 0.06
HOLE_RADII = (6000.0, 10000.0)  # Å: the edge of a hole of about 1.5 micrometres
CONTAMINANT_RADII = (150.0, 300.0)  # Å, of each of the lumps of a contaminant
LUMPS = 4
CONTAMINANT_CONTRAST = (2.0, 3.0)  # times a protein's: crystals scatter electrons out of the image
CRYSTALLITE = 40.0  # Å, size of the grains inside
CONTAMINANT_GRAIN = 0.5  # standard deviation of the grains' density, relative to its mean


def carbon_film(
    sampling_rate: float, size: tuple[int, int, int], share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A film parallel to x and y beyond the edge of a round hole. It covers `share` of the field of `size` x, y, z voxels.

    Returns values (z, y, x) float32 and a mask of the whole volume.
    """
    x, y, z = size
    toward, radius = rng.uniform(0, 2 * np.pi), rng.uniform(*HOLE_RADII) / sampling_rate
    rows, columns = np.mgrid[:y, :x]
    # The centre of the hole is a radius away from the middle of the field; where its edge runs follows from the share.
    from_hole = np.hypot(columns - x / 2 + radius * np.cos(toward), rows - y / 2 + radius * np.sin(toward))
    film = from_hole > np.quantile(from_hole, 1 - share)
    thickness = min(z, max(1, round(CARBON_THICKNESS / sampling_rate)))
    bottom = rng.integers(0, z - thickness + 1)
    mask = np.zeros((z, y, x), dtype=bool)
    mask[bottom : bottom + thickness] = film
    values = np.zeros(mask.shape, dtype=np.float32)
    grain = CARBON_GRAIN * (10 / sampling_rate) ** 1.5
    values[mask] = CARBON_CONTRAST + grain * rng.standard_normal(np.count_nonzero(mask), dtype=np.float32)
    return values, mask


def contaminant(
    sampling_rate: float, size: tuple[int, int, int], protein_contrast: float, rng: np.random.Generator
) -> Stamp | None:
    """A lumpy crystal of ice, or dirt; None if `size` x, y, z voxels is too small for it."""
    most = min(CONTAMINANT_RADII[1] / sampling_rate, min(size) / 3)
    least = CONTAMINANT_RADII[0] / sampling_rate
    if most < least:
        return None
    radii = rng.uniform(least, most, LUMPS)
    half = int(np.ceil(1.5 * radii.max())) + 1
    mask = np.zeros((2 * half + 1,) * 3, dtype=bool)
    for radius in radii:
        off = rng.uniform(-0.5, 0.5, 3) * radii.max() * [0.5, 1, 1]  # z, y, x: thin samples are flat
        mask |= distances(half, centre=off) <= radius
    grains = gaussian_filter(rng.standard_normal(mask.shape, dtype=np.float32), CRYSTALLITE / 2 / sampling_rate)
    values = rng.uniform(*CONTAMINANT_CONTRAST) * protein_contrast * (1 + CONTAMINANT_GRAIN * grains / grains.std())
    return np.where(mask, values, 0).astype(np.float32), mask
