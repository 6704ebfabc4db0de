"""Membranes: two leaflets some 36 Å apart, over a long way. Their signal is joined along planes of every direction.

Oriented filters (Martinez-Sanchez et al., J. Struct. Biol. 186, 2014, join it by tensor voting). Each filter is a Gaussian about
one frequency, so that its response is computed at the sampling of the mask, from a part of the spectrum.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.ndimage import binary_dilation, maximum_filter

from .binning import TOUCHING, BinnedTomogram, enlarged
from .places import components_longer, deviations, grown

LEAFLETS = 36.0  # Å: spacing; the contrast transfer of usual defoci is strongest about there
FINEST = 0.35  # frequency over the sampling, at most: coarse tomograms show the membrane as one line
BAND = 110.0  # Å: inverse standard deviation of the frequencies of a filter across the membrane
ALONG = 45.0  # Å: standard deviation of the patch of membrane that a filter joins
DIRECTIONS = 120  # of normals on half a sphere, 12 degrees apart
STEEPEST = 25.0  # degrees between z and a normal, seen along y: nearer to z the wedge of 60 degrees holds no signal
SEED, GROWN = 4.0, 2.5  # robust deviations
LENGTH = 600.0  # Å
FOOT, WEAKER = 5, 3.0  # voxels; amplitude of a sheet over that of its foot
# Strong sheets, before the textures are known: skins of crystals and faces of a film have up to 5.6 deviations, flatness 4.8.
STRONG_SEED, STRONG_GROWN, FLAT = 7.0, 6.0, 5.0


@dataclass(frozen=True)
class SheetResponse:
    """(z, y, x) float32 at the sampling of the mask. energy: logarithm of the highest amplitude of all filters.
    flatness: that amplitude over the mean of all; a texture without direction has 2.5, a sheet 4 or more."""

    energy: np.ndarray
    flatness: np.ndarray


def membranes(response: SheetResponse, known: np.ndarray, voxel: float, strong: bool = False) -> np.ndarray:
    """(z, y, x) bool: long sheets among the known places, half a membrane around their middle included.

    voxel: edge, Å.  strong: only what can be nothing else, be there crystals and carbon among the places or not.
    """
    apart = ~binary_dilation(~known, iterations=max(1, round(ALONG / voxel)))  # a filter reaches so far into other objects
    if not apart.any():
        return np.zeros_like(known)
    energy = deviations(response.energy, apart)
    if strong:
        places = grown(energy, STRONG_SEED, STRONG_GROWN, apart & (response.flatness >= FLAT))
    else:
        places = grown(energy, SEED, GROWN, apart)
    # The foot of a strong sheet reaches far: what is much weaker than the sheet beside it is not a part of it.
    places &= response.energy > maximum_filter(response.energy, FOOT) - np.log(WEAKER)
    places = components_longer(places, LENGTH / voxel)
    return np.asarray(binary_dilation(places, TOUCHING) & known)


def sheet_response(tomogram: BinnedTomogram, excluded: np.ndarray, threads: int = 1) -> SheetResponse:
    """How much each place is a part of a sheet. excluded: (z, y, x) bool, objects that are so strong that they would hide it."""
    grey = np.clip(tomogram.fine, -4, 4)
    grey[enlarged(excluded, tomogram.step)] = 0
    shape = excluded.shape
    margin = int(np.ceil(2 * ALONG / tomogram.voxel))
    small = [scipy.fft.next_fast_len(edge + margin) for edge in shape]
    spectrum = scipy.fft.fftn(grey.astype(np.complex64), [edge * tomogram.step for edge in small], workers=threads)
    frequency = min(1 / LEAFLETS, FINEST / tomogram.rate)

    def amplitude(normal: np.ndarray) -> np.ndarray:
        middle = [round(frequency * n * edge * tomogram.voxel) for n, edge in zip(normal, small, strict=True)]
        index = [at + scipy.fft.fftfreq(edge, 1 / edge).astype(int) for at, edge in zip(middle, small, strict=True)]
        part = spectrum[np.ix_(*(i % edge for i, edge in zip(index, spectrum.shape, strict=True)))]
        k = np.ix_(*((i / (edge * tomogram.voxel)).astype(np.float32) for i, edge in zip(index, small, strict=True)))
        across = sum(axis * np.float32(n) for axis, n in zip(k, normal, strict=True))
        square = sum(axis * axis for axis in k) - across * across
        across -= frequency
        part *= np.exp(-0.5 * (across * BAND) ** 2 - 2 * (np.pi * ALONG) ** 2 * square)
        return np.abs(scipy.fft.ifftn(part, overwrite_x=True, workers=1)[tuple(map(slice, shape))])

    best, total = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    normals = directions(DIRECTIONS)
    with ThreadPoolExecutor(threads) as pool:  # some at a time: each holds a volume
        for start in range(0, len(normals), threads):
            for found in pool.map(amplitude, normals[start : start + threads]):
                np.maximum(best, found, out=best)
                total += found
    flatness = np.divide(best * len(normals), total, out=np.zeros_like(best), where=total > 0)
    return SheetResponse(np.log(best + 1e-12), flatness)


def directions(count: int) -> np.ndarray:
    """(n, 3) z, y, x: even directions on half a sphere (Fibonacci spiral), without those of the missing wedge about z."""
    index = np.arange(count) + 0.5
    height = index / count
    turn, flat = np.pi * (1 + np.sqrt(5)) * index, np.sqrt(1 - height**2)
    found = np.stack([height, flat * np.sin(turn), flat * np.cos(turn)], axis=1)
    return found[np.abs(found[:, 2]) >= np.tan(np.radians(STEEPEST)) * found[:, 0]]
