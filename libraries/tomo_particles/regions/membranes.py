"""Membranes: two leaflets some 36 Å apart, over a long way. Their signal is joined along planes of every direction.

Oriented filters (Martinez-Sanchez et al., J. Struct. Biol. 186, 2014, join it by tensor voting). Each filter is a Gaussian about
one frequency, so that its response is computed at the sampling of the mask, from a part of the spectrum.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.fft
from scipy.ndimage import binary_dilation

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


def find_membranes(tomogram: BinnedTomogram, excluded: np.ndarray, threads: int = 1) -> np.ndarray:
    """(z, y, x) bool at the sampling of the mask. excluded: bool, what has another class already."""
    known = ~binary_dilation(excluded, iterations=max(1, round(ALONG / tomogram.voxel)))
    if not known.any():
        return np.zeros_like(excluded)
    response = deviations(np.log(sheet_energy(tomogram, excluded, threads) + 1e-12), known)
    places = components_longer(grown(response, SEED, GROWN, known), LENGTH / tomogram.voxel)
    return np.asarray(binary_dilation(places, TOUCHING) & ~excluded)  # half a membrane, 30 Å, on either side of its middle


def sheet_energy(tomogram: BinnedTomogram, excluded: np.ndarray, threads: int = 1) -> np.ndarray:
    """(z, y, x) float32 at the sampling of the mask: the highest amplitude of all filters, of places not excluded."""
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

    best = np.zeros(shape, dtype=np.float32)
    normals = directions(DIRECTIONS)
    with ThreadPoolExecutor(threads) as pool:  # some at a time: each holds a volume
        for start in range(0, len(normals), threads):
            for found in pool.map(amplitude, normals[start : start + threads]):
                np.maximum(best, found, out=best)
    return best


def directions(count: int) -> np.ndarray:
    """(n, 3) z, y, x: even directions on half a sphere (Fibonacci spiral), without those of the missing wedge about z."""
    index = np.arange(count) + 0.5
    height = index / count
    turn, flat = np.pi * (1 + np.sqrt(5)) * index, np.sqrt(1 - height**2)
    found = np.stack([height, flat * np.sin(turn), flat * np.cos(turn)], axis=1)
    return found[np.abs(found[:, 2]) >= np.tan(np.radians(STEEPEST)) * found[:, 0]]
