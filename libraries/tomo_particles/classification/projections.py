"""Projections at known poses as what was seen of one volume: each is a slice through its spectrum, times the CTF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.fft

from ..averaging.band import Band
from ..fourier.ctf import CTF
from .observations import PADDED, Observations, Space, samples_around
from .residuals import Residuals

AT_ONCE = 1000  # images that are transformed at once
WIENER = 0.1  # beside the square of the CTF, in the filter that undoes it


def plane_of(band: Band) -> np.ndarray:
    """(m, 2) x, y of the frequencies of an image, cycles a box: those of the band with z = 0."""
    return band.integers[band.integers[:, 2] == 0, :2]


def packed_images(images: np.ndarray, band: Band) -> np.ndarray:
    """(n, m) complex64 spectra of square images (n, box, box) about the pixel box // 2, in the unit of a packed volume.

    A projection is the sum along the view, a packed spectrum the mean over voxels: hence the division by the third power.
    """
    x, y = plane_of(band).T
    spectra = scipy.fft.rfft2(np.asarray(images, dtype=np.float32), axes=(-2, -1))
    return (spectra[:, y % band.box, x] * (_sign(band) / np.float32(band.box**3))).astype(np.complex64)


def images_of(packed: np.ndarray, band: Band) -> np.ndarray:
    """(n, edge, edge) float32 images of packed spectra (n, m) on the coarse grid of a band; their mean is 0."""
    edge, (x, y) = band.edge, plane_of(band).T
    half = np.zeros((len(packed), edge, edge // 2 + 1), dtype=np.complex64)
    values = packed * (_sign(band) * np.float32(edge**2))
    half[:, y % edge, x] = values
    column = x == 0  # of the half spectrum it holds both k and -k
    half[:, -y[column] % edge, 0] = values[:, column].conj()
    return scipy.fft.irfft2(half, s=(edge, edge), axes=(-2, -1))


def resized(images: np.ndarray, edge: int) -> np.ndarray:
    """Images (n, box, box) scaled down to `edge` pixels, both even, by cropping their spectra; the centre pixel stays that."""
    box = images.shape[-1]
    kept = np.r_[0 : edge // 2, box - edge // 2 : box]
    parts = []
    for first in range(0, len(images), AT_ONCE):
        spectra = scipy.fft.rfft2(np.asarray(images[first : first + AT_ONCE], dtype=np.float32), axes=(-2, -1))
        cropped = spectra[:, kept, : edge // 2 + 1] * np.float32((edge / box) ** 2)
        parts.append(scipy.fft.irfft2(cropped, s=(edge, edge), axes=(-2, -1)))
    return np.concatenate(parts)


@lru_cache(maxsize=32)
def _sign(band: Band) -> np.ndarray:
    return np.where(plane_of(band).sum(axis=1) % 2, -1, 1).astype(np.float32)


@dataclass(frozen=True)
class Projections:
    """images: (n, box, box), bright, box even.  rate: Å/pixel.  axes: (n, 3, 3) from `axes_of`.

    shifts: (n, 2) x, y, Å, by which content is moved to be centred.  ctfs: of each image, with the mean defocus, or empty.
    astigmatism: (n, 2) half the difference of the extremes of the defocus, µm, and the direction of the largest, degrees.
    flipped: whether the phases were corrected.
    """

    images: np.ndarray
    rate: float
    axes: np.ndarray
    shifts: np.ndarray
    ctfs: Sequence[CTF] = ()
    astigmatism: np.ndarray | None = None
    flipped: bool = False

    def __len__(self) -> int:
        return len(self.images)

    @property
    def edge(self) -> int:
        return int(self.images.shape[-1])

    def __getitem__(self, rows: np.ndarray) -> Projections:
        ctfs = [self.ctfs[row] for row in rows] if len(self.ctfs) else ()
        astigmatism = None if self.astigmatism is None else self.astigmatism[rows]
        return replace(
            self, images=self.images[rows], axes=self.axes[rows], shifts=self.shifts[rows], ctfs=ctfs, astigmatism=astigmatism
        )

    def band(self, resolution: float) -> Band:
        """Of the images, up to a resolution in Å."""
        return Band(self.edge, self.rate, resolution)

    def spectra(self, band: Band) -> np.ndarray:
        """(n, m) complex64 packed, centred."""
        angles = (self.shifts @ plane_of(band).T * (-2 * np.pi / band.extent)).astype(np.float32)
        parts = [slice(first, first + AT_ONCE) for first in range(0, len(self), AT_ONCE)]
        packed = np.concatenate([packed_images(self.images[part], band) for part in parts])
        return (packed * (np.cos(angles) + 1j * np.sin(angles))).astype(np.complex64)

    def transfer(self, band: Band) -> np.ndarray | None:
        """(n, m) float32 the CTF of each image; None without."""
        if not len(self.ctfs):
            return None
        plane = plane_of(band) / band.extent
        k, direction = np.hypot(*plane.T), np.arctan2(plane[:, 1], plane[:, 0])
        uneven = np.zeros((len(self), 2)) if self.astigmatism is None else self.astigmatism
        found = np.empty((len(self), len(plane)), dtype=np.float32)
        for row, (ctf, (half, azimuth)) in enumerate(zip(self.ctfs, uneven, strict=True)):
            found[row] = ctf.transfer(k, ctf.defocus + half * np.cos(2 * (direction - np.radians(azimuth))))
        return np.abs(found) if self.flipped else found

    def observed(self, space: Space) -> Observations:
        """What was seen of a volume in a space."""
        plane = plane_of(space.band)
        points = (np.einsum("mi,nij->nmj", plane, self.axes[:, :2]) * PADDED).reshape(-1, 3)
        places = samples_around(points, np.ones(len(points), dtype=bool), space.grid)
        values = self.spectra(space.band)
        cells = np.rint(np.hypot(*plane.T)).astype(int)
        seen = np.ones(values.shape, dtype=bool)
        return Observations(space, values, seen, places, cells, self.axes, self.transfer(space.band), tilted=False)

    def corrected(self, band: Band) -> np.ndarray:
        """(n, edge, edge) images up to a resolution, centred, with the CTF undone."""
        return images_of(corrected(self.spectra(band), self.transfer(band)), band)


def corrected(values: np.ndarray, transfer: np.ndarray | None) -> np.ndarray:
    """Spectra (n, m) with the CTF undone where it is not near 0."""
    return values if transfer is None else values * (transfer / (transfer**2 + np.float32(WIENER)))


def residual_images(residuals: Residuals) -> np.ndarray:
    """(n, edge, edge) what the average does not explain of each projection, in units of the noise, with the CTF undone."""
    return images_of(corrected(residuals.values, residuals.of.transfer), residuals.of.space.band)
