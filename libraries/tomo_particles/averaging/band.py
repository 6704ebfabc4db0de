"""The spectrum of a box up to one resolution, packed: the same few numbers on the fine grid of a box and on a coarse one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy.fft

FINER = 3  # voxels of the coarse grid a resolution: a turned volume still interpolates well


@dataclass(frozen=True)
class Band:
    """Frequencies up to 1/resolution (Å) of cubic boxes of `box` voxels (even) of `rate` Å, one of each pair k, -k, without 0.

    Packed spectra are (..., m) complex64, means over the voxels instead of sums, with phases about the box's centre voxel,
    box // 2. Finer than the sampling is as fine as the sampling.
    """

    box: int
    rate: float
    resolution: float

    @property
    def extent(self) -> float:
        """Edge of the box, Å."""
        return self.box * self.rate

    @cached_property
    def integers(self) -> np.ndarray:
        """(m, 3) x, y, z of the frequencies, cycles a box."""
        radius = min(self.extent / self.resolution + 1e-6, self.box / 2 - 0.5)
        edge = int(radius)
        z, y, x = np.meshgrid(np.arange(-edge, edge + 1), np.arange(-edge, edge + 1), np.arange(edge + 1), indexing="ij")
        half = (x > 0) | (y > 0) | ((y == 0) & (z > 0))
        kept = half & (x**2 + y**2 + z**2 <= radius**2)
        kept &= (x > 0) | (y > 0) | (z > 0)
        return np.stack([x[kept], y[kept], z[kept]], axis=1)

    @cached_property
    def frequencies(self) -> np.ndarray:
        """(m, 3) x, y, z, 1/Å, float32."""
        return (self.integers / self.extent).astype(np.float32)

    @cached_property
    def shells(self) -> np.ndarray:
        """(m,) number of the shell of each frequency, whose width is 1/extent."""
        return np.rint(np.sqrt((self.integers**2).sum(axis=1))).astype(int)

    @cached_property
    def edge(self) -> int:
        """Voxels of the coarse grid, even; its voxel 0 stands where that of the box does."""
        radius = int(np.abs(self.integers).max())
        coarse = max(FINER * self.extent / self.resolution, 2 * radius + 2, 8)
        return min(self.box, 2 * int(np.ceil(coarse / 2)))

    @property
    def voxel(self) -> float:
        """Of the coarse grid, Å."""
        return self.extent / self.edge

    def pack(self, volumes: np.ndarray) -> np.ndarray:
        """(..., m) packed spectra of volumes (..., n, n, n) of the box's extent; n even, from `edge` on."""
        n = volumes.shape[-1]
        rows, _, sign = self._places(n)
        spectra = scipy.fft.rfftn(np.asarray(volumes, dtype=np.float32), axes=(-3, -2, -1))
        return np.ascontiguousarray(spectra.reshape(*volumes.shape[:-3], -1)[..., rows] * (sign / np.float32(n**3)))

    def volume(self, packed: np.ndarray, edge: int | None = None) -> np.ndarray:
        """(..., n, n, n) float32 volumes of packed spectra, n = `edge`, by default that of the coarse grid; their mean is 0."""
        n = edge or self.edge
        rows, mirror, sign = self._places(n)
        full = np.zeros((*packed.shape[:-1], n * n * (n // 2 + 1)), dtype=np.complex64)
        values = packed * (sign * np.float32(n**3))
        full[..., rows] = values
        plane = self.integers[:, 0] == 0  # of the half spectrum the plane x = 0 holds both k and -k
        full[..., mirror] = values[..., plane].conj()
        return scipy.fft.irfftn(full.reshape(*packed.shape[:-1], n, n, n // 2 + 1), s=(n, n, n), axes=(-3, -2, -1))

    def shifted(self, packed: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """Spectra (..., m) of what is moved by `shifts` (..., 3) x, y, z, Å."""
        angles = np.float32(-2 * np.pi) * (np.asarray(shifts, dtype=np.float32) @ self.frequencies.T)
        return np.ascontiguousarray(packed * (np.cos(angles) + 1j * np.sin(angles)), dtype=np.complex64)

    def half_spectrum(self, values: np.ndarray) -> np.ndarray:
        """(n, n, n // 2 + 1) real values (m,) of the frequencies where `scipy.fft.rfftn` of a whole box has them, else 0."""
        n = self.box
        rows, mirror, _ = self._places(n)
        full = np.zeros(n * n * (n // 2 + 1), dtype=np.asarray(values).dtype)
        full[rows] = values
        full[mirror] = values[self.integers[:, 0] == 0]
        return full.reshape(n, n, n // 2 + 1)

    def centred_spectrum(self, values: np.ndarray) -> np.ndarray:
        """(n, n, n) float32 real values (m,) of the frequencies k and -k, frequency 0 at the centre voxel of a whole box."""
        full = np.zeros((self.box,) * 3, dtype=np.float32)
        for sign in (1, -1):
            x, y, z = (sign * self.integers + self.box // 2).T
            full[z, y, x] = values
        return full

    def _places(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _places(self, n)


@lru_cache(maxsize=32)
def _places(band: Band, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the frequencies stand in a flat half spectrum of n^3, where -k of those with x = 0 does, and the centre's sign."""
    x, y, z = band.integers.T
    flat = lambda z, y, x: ((z % n) * n + y % n) * (n // 2 + 1) + x  # noqa: E731
    plane = x == 0
    sign = np.where(band.integers.sum(axis=1) % 2, -1, 1).astype(np.float32)
    return flat(z, y, x), flat(-z[plane], -y[plane], x[plane]), sign


def in_wedge(frequencies: np.ndarray, tilts: tuple[float, float]) -> np.ndarray:
    """(...) bool, whether a tilt series about y from the first to the last angle (degrees) sees frequencies (..., 3) x, y, z.

    The same as `filters.wedge_mask`, at any frequency.
    """
    x, z = frequencies[..., 0], frequencies[..., 2]
    low, high = sorted(np.tan(np.radians(tilts)))
    along = np.where(x < 0, -z, z)
    beside = np.abs(x)
    # A frequency turned onto the edge of the wedge is rounded to either side: 1e-6 of it counts as inside
    slack = 1e-6 * (beside + np.abs(z))
    seen = (along >= low * beside - slack) & (along <= high * beside + slack)
    return np.asarray(seen | (beside <= slack) if max(map(abs, tilts)) >= 90 else seen)
