"""Aligned particles as what was seen of one volume: some frequencies of it each, with noise.

A particle is compared in its own frame: a small masked volume is turned in Fourier space onto it. Turning the particle instead
would cut the streaks of its missing wedge at the border of its box, an error as large as the difference of two structures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from scipy.sparse import csr_matrix

from ..averaging.average import Particles
from ..averaging.band import Band, in_wedge
from ..averaging.poses import Poses

PADDED = 2  # finer than a box does the spectrum of the volume is sampled, so that straight lines between samples suffice
ROUNDS = 12  # of conjugate gradients
RIDGE = 0.05  # of the mean information about a voxel: what is hardly seen stays near 0


@dataclass(frozen=True)
class Space:
    """Volumes within a soft mask on the coarse grid of a band. mask: (edge,) * 3, 0 to 1."""

    band: Band
    mask: np.ndarray

    @property
    def grid(self) -> int:
        """Edge of the spectrum of a padded volume."""
        return PADDED * self.band.edge

    @cached_property
    def _kernel(self) -> np.ndarray:
        """What straight lines between the samples of the spectrum multiply the volume by."""
        away = np.sinc((np.arange(self.band.edge) - self.band.edge // 2) / self.grid) ** 2
        return (away[:, None, None] * away[None, :, None] * away[None, None, :]).astype(np.float32)

    def spectrum(self, volume: np.ndarray) -> np.ndarray:
        """(grid^3,) complex64 of a volume (edge,) * 3, to be read between its samples; means over the voxels, as packed ones."""
        return self._transform(volume / self._kernel / self.band.edge**3).ravel()

    def adjoint(self, spectrum: np.ndarray) -> np.ndarray:
        """(edge,) * 3 the adjoint of `spectrum`, as matrices of real numbers."""
        padded = scipy.fft.fftn(spectrum.reshape((self.grid,) * 3).conj()).real
        return self._cut(padded) / self._kernel / np.float32(self.band.edge**3)

    def blurred(self, volume: np.ndarray, transfer: np.ndarray) -> np.ndarray:
        """adjoint(transfer * spectrum(volume)) without its phases; transfer: from `even_half`."""
        edge, grid = self.band.edge, self.grid
        spectrum = scipy.fft.rfftn(volume / self._kernel, s=(grid,) * 3) * transfer
        out = scipy.fft.irfftn(spectrum, s=(grid,) * 3)[:edge, :edge, :edge]
        return np.asarray(out * np.float32(grid**3 / edge**6) / self._kernel)

    def even_half(self, transfer: np.ndarray) -> np.ndarray:
        """(grid, grid, grid // 2 + 1) what a real transfer (grid^3,) does to real volumes: the mean of its values at k and -k."""
        whole = transfer.reshape((self.grid,) * 3)
        mirrored = np.roll(np.flip(whole), 1, axis=(0, 1, 2))
        return np.ascontiguousarray((whole + mirrored)[..., : self.grid // 2 + 1] / np.float32(2))

    def _transform(self, volume: np.ndarray) -> np.ndarray:
        edge, grid = self.band.edge, self.grid
        padded = np.zeros((grid,) * 3, dtype=np.float32)
        padded[:edge, :edge, :edge] = volume
        return scipy.fft.fftn(np.roll(padded, (-(edge // 2),) * 3, axis=(0, 1, 2)))

    def _cut(self, padded: np.ndarray) -> np.ndarray:
        edge = self.band.edge
        return np.roll(padded, (edge // 2,) * 3, axis=(0, 1, 2))[:edge, :edge, :edge].astype(np.float32)

    def filtered(self, volume: np.ndarray, transfer: np.ndarray) -> np.ndarray:
        """A volume (edge,) * 3 with its spectrum times `transfer` (edge, edge, edge // 2 + 1)."""
        return scipy.fft.irfftn(scipy.fft.rfftn(volume) * transfer, s=volume.shape)

    def solved(self, seen: np.ndarray, information: np.ndarray, expected: np.ndarray | None = None) -> np.ndarray:
        """The masked volume (edge,) * 3 that explains what was seen best, by conjugate gradients.

        seen: adjoint of the weighted observations.  information: (grid^3,) the sum of the weights at each place of the spectrum.
        expected: (edge, edge, edge // 2 + 1) amplitude of the spectrum that such a volume may have; None: any.
        """
        known = RIDGE * float(information.sum()) / self.band.edge**6 + 1e-30
        transfer = np.full(1, known**-0.5, dtype=np.float32) if expected is None else expected
        mask, weights = self.mask, self.even_half(information)
        shaped = lambda one: mask * self.filtered(one, transfer)  # noqa: E731
        shaped_back = lambda one: self.filtered(mask * one, transfer)  # noqa: E731
        normal = lambda one: shaped_back(self.blurred(shaped(one), weights)) + one  # noqa: E731
        found, left = np.zeros_like(mask), shaped_back(seen)
        direction, size = left, float((left**2).sum())
        least = 1e-6 * size
        for _ in range(ROUNDS):
            if size <= least:
                break
            forward = normal(direction)
            step = size / float((direction * forward).sum())
            found = found + step * direction
            left = left - step * forward
            before, size = size, float((left**2).sum())
            direction = left + (size / before) * direction
        return np.asarray(shaped(found), dtype=np.float32)


@dataclass(frozen=True)
class Observations:
    """values: (n, m) complex64, spectra of the particles about their centres, packed, 0 where not seen.  seen: (n, m) bool.

    places: (n * m, grid^3) sparse, which samples of the spectrum of a volume give what was seen of it.  cells: (m,) from 0,
    frequencies with the same noise.  axes: (n, 3, 3) x, y, z of each particle, as rows in the volume.  transfer: (n, m) float32,
    what the microscope multiplies the spectrum by (CTF); None: 1.  tilted: whether each was seen by a tilt series about its y.
    """

    space: Space
    values: np.ndarray
    seen: np.ndarray
    places: csr_matrix
    cells: np.ndarray
    axes: np.ndarray
    transfer: np.ndarray | None = None
    tilted: bool = True

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: np.ndarray) -> Observations:
        m = self.values.shape[1]
        return Observations(
            self.space,
            self.values[rows],
            self.seen[rows],
            self.places[(rows[:, None] * m + np.arange(m)).ravel()],
            self.cells,
            self.axes[rows],
            None if self.transfer is None else self.transfer[rows],
            self.tilted,
        )

    def of_volume(self, volume: np.ndarray) -> np.ndarray:
        """(n, m) complex64, what would be seen of a volume without noise."""
        return self._transferred((self.places @ self.space.spectrum(volume)).reshape(self.values.shape))

    def adjoint(self, values: np.ndarray) -> np.ndarray:
        """(edge,) * 3 the adjoint of `of_volume`."""
        return self.space.adjoint(self.places.T @ self._transferred(values).ravel())

    def information(self, weights: np.ndarray) -> np.ndarray:
        """(grid^3,) the sum of real weights (n, m) of what was seen at each sample of the spectrum."""
        return np.asarray(self.places.T @ self._transferred(self._transferred(weights)).ravel())

    def _transferred(self, values: np.ndarray) -> np.ndarray:
        return values if self.transfer is None else values * self.transfer


def observe(particles: Particles, poses: Poses, space: Space) -> Observations:
    """Particles as they were seen, at their poses."""
    band = space.band
    seen = np.stack([in_wedge(band.frequencies, (first, last)) for first, last in particles.tilts])
    values = band.shifted(particles.spectra, -poses.shifts) * seen
    axes = poses.rotations.as_matrix().reshape(-1, 3, 3)
    turned = np.einsum("nji,mj->nmi", axes, band.integers) * PADDED
    x, y, z = band.integers.T  # noise by distance from the tilt axis and along it, as back-projection makes it
    cells = np.rint(np.hypot(x, z)).astype(int) * (int(np.abs(y).max()) + 1) + np.abs(y)
    places = samples_around(turned.reshape(-1, 3), seen.ravel(), space.grid)
    return Observations(space, values.astype(np.complex64), seen, places, cells, axes)


def samples_around(points: np.ndarray, kept: np.ndarray, grid: int) -> csr_matrix:
    """(n, grid^3) weights of the eight samples around points (n, 3) x, y, z; rows that are not kept are empty."""
    own = points[kept].astype(np.float32)
    low = np.floor(own).astype(np.int32)
    share = own - low
    indices, weights = np.empty((len(own), 8), dtype=np.int32), np.empty((len(own), 8), dtype=np.float32)
    for corner in range(8):
        aside = np.array([corner & 1, corner >> 1 & 1, corner >> 2])
        x, y, z = ((low + aside) % grid).T
        indices[:, corner] = (z * grid + y) * grid + x
        weights[:, corner] = np.where(aside, share, 1 - share).prod(axis=1)
    starts = np.concatenate([[0], np.cumsum(8 * kept.astype(np.int64))])
    return csr_matrix((weights.ravel(), indices.ravel(), starts), shape=(len(points), grid**3))


def dot(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) real part of <one, other> of complex rows (n, m)."""
    return np.asarray(np.einsum("nm,nm->n", _real(ones), _real(others)))


def _real(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows, dtype=np.complex64).view(np.float32)
