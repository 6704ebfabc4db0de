"""Wedge-weighted averages of packed spectra: each frequency is divided by how often it was seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import affine_transform, spline_filter
from scipy.spatial.transform import Rotation

from .band import Band, in_wedge
from .poses import Poses

CHUNK = 32  # picks worked on at once, whatever the number of threads: sums keep their order
CHUNK_VOXELS = 2**24  # fewer where boxes are so large that they would hold more voxels: memory stays below a GB a thread
LEAST_WEIGHT = 0.05  # of the largest weight, added where few picks see a frequency


@dataclass(frozen=True)
class Particles:
    """The picks of a set in one band. spectra: (n, m) complex64 about the pick, 0 where the tilt series does not see.

    tilts: (n, 2) first and last tilt about y, degrees.  weights: (n,) of each in an average.
    """

    band: Band
    spectra: np.ndarray
    tilts: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.spectra)

    def __getitem__(self, index: np.ndarray | slice) -> Particles:
        return Particles(self.band, self.spectra[index], self.tilts[index], self.weights[index])


@dataclass(frozen=True)
class Sum:
    """The sum of weighted spectra in the frame of the reference, and how often each frequency was seen: both (m,)."""

    band: Band
    values: np.ndarray
    coverage: np.ndarray

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.band, self.values + other.values, self.coverage + other.coverage)

    def average(self) -> np.ndarray:
        """(m,) packed spectrum."""
        least = LEAST_WEIGHT * float(self.coverage.max() or 1.0)
        return np.asarray(self.values / (self.coverage + least)).astype(np.complex64)

    def symmetrised(self, symmetry: Rotation) -> Sum:
        """The mean of the sum over all copies of the reference's frame under a symmetry (`symmetry_group`)."""
        matrices = symmetry.as_matrix().reshape(-1, 3, 3)
        if len(matrices) == 1:
            return self
        parts = []
        for part in (self.values, self.coverage):
            coefficients = spline_filter(self.band.volume(part.astype(np.complex64)), output=np.float32)
            parts.append(np.mean([self.band.pack(resampled(coefficients, m, np.zeros(3))) for m in matrices], axis=0))
        # How often a frequency was seen is interpolated too: rounding may leave it a little below 0
        return Sum(self.band, parts[0], np.maximum(parts[1].real, 0))


def resampled(coefficients: np.ndarray, rotation: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """A volume read at R y + shift for every voxel y about the centre voxel: what the particle is in the reference's frame.

    coefficients: (n, n, n) from scipy's `spline_filter`; rotation: R, 3 x 3, of x, y, z; shift: x, y, z, voxels.
    """
    matrix = rotation[::-1, ::-1]
    centre = np.full(3, coefficients.shape[0] // 2)
    return affine_transform(coefficients, matrix, centre + shift[::-1] - matrix @ centre, prefilter=False, output=np.float32)


@dataclass(frozen=True)
class Turned:
    """Picks in the frame of the reference. spectra: (n, m) packed.  seen: (n, m) bool, what of them the tilt series saw."""

    spectra: np.ndarray
    seen: np.ndarray


def turned_back(particles: Particles, poses: Poses) -> Turned:
    """Each pick turned and moved back by its pose."""
    band = particles.band
    matrices = poses.rotations.as_matrix().reshape(-1, 3, 3)
    volumes = band.volume(band.shifted(particles.spectra, -poses.shifts))
    turned = np.empty_like(volumes)
    seen = np.empty(particles.spectra.shape, dtype=bool)
    for row, (volume, matrix, tilts) in enumerate(zip(volumes, matrices, particles.tilts, strict=True)):
        turned[row] = resampled(spline_filter(volume, output=np.float32), matrix, np.zeros(3))
        seen[row] = in_wedge(band.frequencies @ matrix.T.astype(np.float32), (tilts[0], tilts[1]))
    return Turned(band.pack(turned) * seen, seen)


def all_turned_back(particles: Particles, poses: Poses, threads: int = 1) -> Turned:
    """The same for a whole set, in threads."""

    def some(rows: slice) -> Turned:
        return turned_back(particles[rows], poses[rows])

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(some, chunks(len(particles), particles.band.edge)))
    return Turned(np.concatenate([one.spectra for one in parts]), np.concatenate([one.seen for one in parts]))


def chunks(count: int, edge: int) -> list[slice]:
    """Of at most CHUNK rows each; edge: of the volumes that a row becomes, voxels."""
    most = max(1, min(CHUNK, CHUNK_VOXELS // edge**3))
    return [slice(first, min(first + most, count)) for first in range(0, count, most)]


def sum_of(turned: Turned, particles: Particles) -> Sum:
    """The weighted sum of picks in the frame of the reference."""
    parts = [
        (particles.weights[rows] @ turned.spectra[rows], particles.weights[rows] @ turned.seen[rows])
        for rows in chunks(len(particles), particles.band.edge)
    ]
    return Sum(particles.band, np.sum([one for one, _ in parts], axis=0), np.sum([other for _, other in parts], axis=0))


def summed(particles: Particles, poses: Poses, threads: int = 1) -> Sum:
    """The weighted sum of picks, each turned and moved back by its pose."""

    def part(rows: slice) -> Sum:
        return sum_of(turned_back(particles[rows], poses[rows]), particles[rows])

    with ThreadPoolExecutor(threads) as pool:
        first, *others = pool.map(part, chunks(len(particles), particles.band.edge))
    return sum(others, first)
