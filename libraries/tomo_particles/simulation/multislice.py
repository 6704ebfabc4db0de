"""The electron wave through slices of the tilted sample: phase gratings with free space between them (Kirkland, 2010)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft
from scipy.sparse import csr_matrix

from ..fourier.ctf import CTF, ELECTRON_REST_ENERGY
from .projection import slice_of_samples, sliced

SLICE = 50.0  # Å, as SHREC 2020
VOLTS = 30.0  # V per grey value: ice of 0.15 then has the 4.5 V of its mean inner potential (Vulović et al., 2013)


def interaction_constant(ctf: CTF) -> float:
    """Phase shift in rad/(V Å) of an electron wave by a potential."""
    volts = ctf.voltage * 1e3
    relativistic = (ELECTRON_REST_ENERGY + volts) / (2 * ELECTRON_REST_ENERGY + volts)
    return 2 * np.pi / (ctf.wavelength * volts) * relativistic


class Tilted(NamedTuple):
    """Geometry of one tilt: its `rays`, degrees, the sample's shape (z, y, x), and the detector's margin in pixels."""

    rays: csr_matrix
    angle: float
    shape: tuple[int, ...]
    margin: int


def transmitted(
    tilted: Tilted, sample: np.ndarray, ctf: CTF, rate: float, structural_noise: float, rng: np.random.Generator
) -> np.ndarray:
    """The image (y, x' with its margins) of a sample at a tilt, in the units of a projection times the CTF.

    sample: (z * x, y) grey values over the ice.  rate: Å/voxel.  structural_noise: standard deviation per voxel.
    The nominal defocus is that of the tilt axis; every slice has the defocus of its own height.
    """
    depth, height, width = tilted.shape
    detector = width + 2 * tilted.margin
    slices, count = slice_of_samples(tilted.angle, depth, width, tilted.margin, SLICE / rate)
    cut = sliced(tilted.rays, slices, count)
    path = np.asarray(cut.sum(axis=1), dtype=np.float32).reshape(count, detector, 1)  # sample voxels along a ray in a slice
    gratings = (cut @ sample).reshape(count, detector, height)
    k = np.hypot(np.fft.fftfreq(detector, rate)[:, None], np.fft.fftfreq(height, rate))
    onwards = np.exp(-1j * np.pi * ctf.wavelength * SLICE * k**2).astype(np.complex64)
    weak = interaction_constant(ctf) * VOLTS * rate  # rad per grey value and voxel
    # The absorptive part of the potential gives the amplitude contrast.
    factor = np.complex64(1j * weak * (np.sqrt(1 - ctf.amplitude_contrast**2) + 1j * ctf.amplitude_contrast))
    wave = np.ones((detector, height), dtype=np.complex64)
    for grating, met in zip(gratings, path, strict=True):
        if structural_noise:
            grating += np.float32(structural_noise) * np.sqrt(met) * rng.standard_normal(grating.shape, dtype=np.float32)
        wave *= np.exp(factor * grating)
        wave = scipy.fft.ifft2(scipy.fft.fft2(wave, overwrite_x=True) * onwards, overwrite_x=True)
    # The wave has left the last slice; the lens focuses relative to the plane of the tilt axis, in the middle of all slices.
    back = np.pi * ctf.wavelength * SLICE * (count + 1) / 2 * k**2
    lens = (np.exp(1j * (ctf.phase(k) + back)) * ctf.attenuation(k)).astype(np.complex64)
    image = scipy.fft.ifft2(scipy.fft.fft2(wave) * lens)
    return np.asarray((1 - np.abs(image.T) ** 2) / (2 * weak), dtype=np.float32)
