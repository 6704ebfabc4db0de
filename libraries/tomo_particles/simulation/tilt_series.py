"""A tilt series of a sample: projection, structural noise, contrast transfer, detector noise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import scipy.fft

from ..core.errors import InputError, parameter
from ..fourier.ctf import CTF
from .multislice import Tilted, transmitted
from .projection import as_columns, rays
from .sample import ICE, Sample

MARGIN = 16  # detector pixels simulated beyond either edge: the CTF spreads a point over some pixels
STEEPEST = 80.0  # degrees: beyond it the path through a slab, 1 / cos, becomes very long
TRANSFERRED_NOISE = 0.5  # share of the detector noise's variance that passes the CTF; the rest is white


@dataclass(frozen=True)
class Imaging:
    """How a sample is imaged. Defaults are those of SHREC 2020, except for the signal-to-noise ratio, defined differently there.

    tilts: first, last, step, degrees.  snr: variance of the complexes' signal behind the CTF over that of the detector noise.
    structural_noise: standard deviation per voxel, drawn anew in every tilt.  multislice: propagate the wave through 5 nm slices
    instead of projecting. Raises InputError for impossible values.
    """

    tilts: tuple[float, float, float] = (-60.0, 60.0, 3.0)
    snr: float = 0.1
    structural_noise: float = 0.04
    ctf: CTF = field(default_factory=CTF)
    multislice: bool = False

    def __post_init__(self) -> None:
        first, last, step = self.tilts
        if not -STEEPEST <= first < last <= STEEPEST:
            raise InputError(
                f"{parameter('tilts')}: first and last must rise within -{STEEPEST:g} and {STEEPEST:g} degrees, "
                f"received {first:g} {last:g}"
            )
        if not 0 < step <= last - first:
            raise InputError(
                f"{parameter('tilts')}: the step must be positive and at most the range of "
                f"{last - first:g} degrees, received {step:g}"
            )
        if not (self.snr > 0 and np.isfinite(self.snr)):
            raise InputError(f"{parameter('snr')}: must be positive, received {self.snr}")
        if not 0 <= self.structural_noise < np.inf:
            raise InputError(f"{parameter('structural_noise')}: must be 0 or more, received {self.structural_noise}")

    @property
    def angles(self) -> np.ndarray:
        """(n,) tilts, degrees."""
        first, last, step = self.tilts
        return first + step * np.arange(int(np.floor((last - first) / step + 1e-6)) + 1)


@dataclass(frozen=True)
class TiltSeries:
    """images: (n, y, x) float32, dense is bright.  angles: (n,) degrees.  noise: the detector noise's standard deviation."""

    images: np.ndarray
    angles: np.ndarray
    noise: float


def record(sample: Sample, imaging: Imaging, *, rng: np.random.Generator, threads: int = 1) -> TiltSeries:
    """The tilt series of a sample. The random numbers of a tilt do not depend on the number of threads."""
    exposure = _Exposure(sample, imaging)
    angles = imaging.angles
    streams = rng.spawn(2 * len(angles))
    transfer = _transfer(imaging.ctf, sample.protein.shape[1:], exposure.rate)
    with ThreadPoolExecutor(threads) as pool:
        exposed = list(pool.map(exposure.image, angles, streams[::2]))
        images = np.stack([image for image, _ in exposed])
        sigma = float(np.sqrt(np.mean([variance for _, variance in exposed]) / imaging.snr))

        def detect(image: np.ndarray, stream: np.random.Generator) -> None:
            image += detector_noise(image.shape, sigma, transfer, rng=stream)

        list(pool.map(detect, images, streams[1::2]))
    return TiltSeries(images, angles, sigma)


class _Exposure:
    """A sample prepared for projection at any tilt."""

    def __init__(self, sample: Sample, imaging: Imaging) -> None:
        self.imaging = imaging
        self.rate = sample.truth.sampling_rate
        self.shape = sample.protein.shape
        self.protein = as_columns(sample.protein)
        # The wave needs the whole sample at once; in projections the complexes are added to the rest.
        self.rest = as_columns(sample.density if imaging.multislice else sample.other)
        self.transfer = _transfer(imaging.ctf, (self.shape[1], self.shape[2] + 2 * MARGIN), self.rate)

    def image(self, angle: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """The image (y, x) at a tilt (degrees) before the detector, and the variance of the complexes' part of it."""
        depth, _, width = self.shape
        matrix = rays(angle, depth, width, MARGIN)
        slant = 1 / np.cos(np.radians(angle))
        signal = _filtered((matrix @ self.protein).T, self.transfer)
        if self.imaging.multislice:
            tilted = Tilted(matrix, angle, self.shape, MARGIN)
            image = transmitted(tilted, self.rest, self.imaging.ctf, self.rate, self.imaging.structural_noise, rng)
        else:
            # The sum of independent noise over a ray's voxels is Gaussian: it is drawn once per pixel instead of once per voxel.
            sigma = np.float32(self.imaging.structural_noise * np.sqrt(depth * slant))
            noisy = (matrix @ self.rest).T + sigma * rng.standard_normal(signal.shape, dtype=np.float32)
            image = signal + _filtered(noisy, self.transfer)
        seen = slice(MARGIN, MARGIN + width)
        ice = ICE * depth * slant * self.transfer[0, 0]
        return image[:, seen] + np.float32(ice), float(signal[:, seen].var())


def _transfer(ctf: CTF, shape: tuple[int, ...], rate: float) -> np.ndarray:
    ky, kx = np.fft.fftfreq(shape[0], rate), np.fft.rfftfreq(shape[1], rate)
    return ctf.transfer(np.hypot(ky[:, None], kx))


def _filtered(image: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    return np.asarray(scipy.fft.irfft2(scipy.fft.rfft2(image) * transfer, s=image.shape), dtype=np.float32)


def detector_noise(shape: tuple[int, ...], sigma: float, transfer: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """(y, x) noise of standard deviation `sigma`: one part white, one that has passed the CTF (half spectrum `transfer`)."""
    white, passed = rng.standard_normal((2, *shape), dtype=np.float32)
    passed = _filtered(passed, transfer)
    passed *= sigma * np.sqrt(TRANSFERRED_NOISE) / max(float(passed.std()), 1e-12)
    return np.asarray(sigma * np.float32(np.sqrt(1 - TRANSFERRED_NOISE)) * white + passed, dtype=np.float32)
