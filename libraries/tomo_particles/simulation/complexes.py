"""Macromolecular complexes at one grey scale and one sampling rate, made from maps or from any density."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter, label

from ..core.coordinates import same_sampling_rate
from ..core.density_files import open_density
from ..core.errors import InputError, parameter

CUBIC_ANGSTROM_PER_DALTON = 1.21  # partial specific volume of protein, 0.73 cm3/g (Harpaz et al., Structure 2, 1994)
MASK_LEVEL = 0.1  # of the strongest density: where a particle begins; the volumes are then near those of SHREC's table 1
TAIL = 2  # voxels kept around the mask, so that the density fades out inside its box
MAX_ELONGATION = 2.0  # longest over shortest edge of a map: a tomogram given by mistake is flatter
SMALLEST_PART = 0.1  # of the biggest connected part of a mask; smaller ones are the map's noise
# kDa. SHREC 2020, table 1; 4v94 is the TRiC that stands for its 4d8q, 4v4r a 70S ribosome.
KNOWN_WEIGHTS = {
    "1s3x": 42.75,
    "3qm1": 62.62,
    "3gl1": 84.61,
    "3h84": 158.08,
    "2cg9": 188.73,
    "3d2f": 236.11,
    "1u6g": 238.82,
    "3cf3": 541.74,
    "1bxn": 559.96,
    "1qvr": 593.36,
    "4cr2": 1309.28,
    "4d8q": 1952.74,
    "4v94": 1952.74,
    "4v4r": 2500.0,
}


@dataclass(frozen=True)
class Complex:
    """A complex as it is placed into samples.

    density: (z, y, x) float32, a cube of odd edge whose centre voxel is the particle's centre of mass (to half a voxel) and in
    which it can be turned freely; contrast over the solvent, whose mean inside the mask is 1.  level: density at the mask's
    edge.  sampling_rate: Å/voxel.  molecular_weight: kDa.
    """

    name: str
    density: np.ndarray
    level: float
    sampling_rate: float
    molecular_weight: float

    @cached_property
    def mask(self) -> np.ndarray:
        """Where the particle is: bool, the shape of the density."""
        return np.asarray(self.density >= self.level)

    @property
    def voxels(self) -> int:
        """Number of voxels of the mask."""
        return int(self.mask.sum())

    @cached_property
    def diameter(self) -> float:
        """Å, of the solid ball that has the mask's radius of gyration: sqrt(20/3) of that radius.

        For a globular particle this is its size. For a rod it is much less than its length, so that two rods can be nearer to
        each other than their length.
        """
        voxels = np.argwhere(self.mask) * self.sampling_rate
        return float(np.sqrt(20 / 3 * voxels.var(axis=0).sum()))


def _reach(mask: np.ndarray) -> float:
    away = np.argwhere(mask) - np.array(mask.shape) // 2
    return float(np.sqrt((away**2).sum(axis=1).max()))


def complex_of(
    name: str, density: np.ndarray, sampling_rate: float, wanted_rate: float, molecular_weight: float | None = None
) -> Complex:
    """A complex of a density (z, y, x) of any grey scale on a background near 0, at `wanted_rate` Å/voxel.

    The weight (kDa), where not given, follows from the volume: the integrated density divided by the density of the core.
    Raises ValueError if the density has no particle, or too few voxels at the wanted rate.
    """
    centred = _centred(_without_noise(np.asarray(density, dtype=np.float32)), sampling_rate, wanted_rate)
    mask = centred >= MASK_LEVEL * centred.max()
    if centred.max() <= 0 or mask.sum() < 8:
        raise ValueError(f"less than 8 voxels of {wanted_rate} Å are left of it")
    centred = _boxed(centred, mask)
    mask = centred >= MASK_LEVEL * centred.max()
    scale = float(centred[mask].mean())
    if molecular_weight is None:
        core = float(np.percentile(centred[mask], 99))
        molecular_weight = float(centred.sum() / core * wanted_rate**3 / CUBIC_ANGSTROM_PER_DALTON / 1000)
    return Complex(name, centred / scale, float(MASK_LEVEL * centred.max() / scale), wanted_rate, molecular_weight)


def _without_noise(density: np.ndarray) -> np.ndarray:
    """The density of the biggest connected parts and of what surrounds them, 0 elsewhere."""
    if not np.isfinite(density).all() or density.max() <= 0:
        raise ValueError("it holds no positive density, or numbers that are not finite")
    parts, count = label(density >= MASK_LEVEL * density.max())
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept = (sizes >= SMALLEST_PART * sizes.max())[parts]
    around = gaussian_filter(kept.astype(np.float32), TAIL / 2) > 0.01
    return np.where(around, np.maximum(density, 0), 0).astype(np.float32)


def _centred(density: np.ndarray, rate: float, wanted: float) -> np.ndarray:
    """Resampled so that the centre of mass falls on the centre voxel of a cube (to half a voxel if the rate stays)."""
    grid = np.argwhere(density > 0)
    weights = density[tuple(grid.T)].astype(float)
    centre = (grid * weights[:, None]).sum(axis=0) / weights.sum()
    away = float(np.sqrt(((grid - centre) ** 2).sum(axis=1).max()))
    if same_sampling_rate(rate, wanted):
        step, order, centre = 1.0, 0, np.rint(centre)
    else:
        step, order = wanted / rate, 3
        margin = TAIL + int(np.ceil(2 * step))  # whole maps are big, and mostly empty
        low, high = grid.min(axis=0), grid.max(axis=0) + 1
        density = np.pad(density[tuple(map(slice, low, high))], margin)
        centre = centre - low + margin
        if step > 1:  # to avoid aliasing of detail finer than the new voxels
            density = gaussian_filter(density, 0.4 * step)
    half = int(np.ceil(away / step)) + TAIL
    offset = centre - step * half
    resampled = affine_transform(density, np.diag(np.full(3, step)), offset=offset, output_shape=(2 * half + 1,) * 3, order=order)
    return np.maximum(resampled, 0).astype(np.float32)


def _boxed(density: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The smallest odd cube about the centre voxel in which the mask, with its tail, can be turned."""
    half = int(np.ceil(_reach(mask))) + TAIL
    grown = np.pad(density, half)
    centre = np.array(grown.shape) // 2
    return grown[tuple(slice(c - half, c + half + 1) for c in centre)].copy()


def read_map(path: str | os.PathLike, sampling_rate: float, option: str = parameter("maps")) -> Complex:
    """The complex of an MRC density map, named after its file, at `sampling_rate` Å/voxel.

    Raises InputError as `open_density`, and for a file that is not a roughly cubic volume, or has no voxel size or no density.
    """
    with open_density(path, option) as opened:
        data, rates = np.array(opened.data, dtype=np.float32), np.array(opened.voxel)
    if data.ndim != 3 or min(data.shape) < 4 or max(data.shape) > MAX_ELONGATION * min(data.shape):
        shape = " x ".join(map(str, data.shape[::-1]))
        raise InputError(f"{option}: '{path}' is not a map of one particle in a cubic box (it holds {shape}); give a density map")
    if not (np.isfinite(rates).all() and rates[0] > 0 and np.allclose(rates, rates[0], rtol=1e-3)):
        raise InputError(
            f"{option}: '{path}' has no voxel size in its header that is the same along x, y and z; "
            "set it in Å, for instance with mrcfile"
        )
    name = Path(path).stem
    try:
        return complex_of(name, data, float(rates[0]), sampling_rate, KNOWN_WEIGHTS.get(name.lower().split("_")[0]))
    except ValueError as error:
        raise InputError(f"{option}: '{path}' cannot be placed: {error}; give a density map with the particle bright") from error
