"""Subtomograms of known class at known poses, each from a tilt series of its own; no CTF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from scipy.ndimage import gaussian_filter, shift
from scipy.sparse import csr_matrix, vstack
from scipy.spatial.transform import Rotation

from ..geometry.orientations import turned
from .projection import as_columns, back_rays, rays
from .reconstruction import ramp_filtered

MOST_SHIFT = 1.0  # voxels, of a particle from the centre of its box
VIEWS = 16  # whose median says how far structures are apart
WIDER = 1.5  # the detector over the box: it covers the corners of the box at every tilt


@dataclass(frozen=True)
class Series:
    """The tilt series of boxes. edge: voxels, even.  rate: Å/voxel.  angles: (n,) tilts about y, degrees, evenly spaced."""

    edge: int
    rate: float
    angles: np.ndarray

    @property
    def width(self) -> int:
        return 2 * int(np.ceil(WIDER * self.edge / 2))

    @property
    def margin(self) -> int:
        return (self.width - self.edge) // 2

    @cached_property
    def _forward(self) -> csr_matrix:
        return vstack([rays(angle, self.width, self.width) for angle in self.angles]).tocsr()

    @cached_property
    def _backward(self) -> csr_matrix:
        return back_rays(self.angles, np.arange(self.edge) + self.margin, self.width, self.width)

    def projections(self, volume: np.ndarray) -> np.ndarray:
        """(n, y, x') of a volume (edge, edge, edge)."""
        wide = np.pad(volume, ((self.margin,) * 2, (0, 0), (self.margin,) * 2))
        lines = self._forward @ as_columns(wide)
        return np.ascontiguousarray(lines.reshape(len(self.angles), self.width, self.edge).transpose(0, 2, 1))

    def reconstruction(self, images: np.ndarray) -> np.ndarray:
        """(edge, edge, edge) of images as `projections` gives them."""
        step = np.radians((self.angles[-1] - self.angles[0]) / max(1, len(self.angles) - 1))
        lines = ramp_filtered(images).transpose(0, 2, 1).reshape(-1, self.edge) * np.float32(step)
        volume = (self._backward @ lines).reshape(self.edge, self.width, self.edge).transpose(0, 2, 1)
        return np.ascontiguousarray(volume[:, :, self.margin : self.margin + self.edge], dtype=np.float32)

    def separation(self, difference: np.ndarray, rotation: Rotation, resolution: float) -> float:
        """The norm of the images of a difference of two structures (edge, edge, edge) up to a resolution in Å.

        Over the deviation of the noise of a pixel this is d': who knows both structures and all poses is right in
        Phi(d' / 2) of all cases.
        """
        spectra = scipy.fft.rfft2(self.projections(turned(difference, rotation, 3)))
        y, x = np.fft.fftfreq(self.edge, self.rate), np.fft.rfftfreq(self.width, self.rate)
        kept = spectra * (y[:, None] ** 2 + x[None] ** 2 <= 1 / resolution**2)
        return float(np.linalg.norm(scipy.fft.irfft2(kept, s=(self.edge, self.width))))

    def recorded(self, volume: np.ndarray, rotation: Rotation, noise: float, rng: np.random.Generator) -> np.ndarray:
        """(edge, edge, edge) of a structure that is turned, seen in images with noise of a deviation, and reconstructed."""
        images = self.projections(turned(volume, rotation, 3))
        return self.reconstruction(images + noise * rng.standard_normal(images.shape, dtype=np.float32))


@dataclass(frozen=True)
class Labelled:
    """n subtomograms. labels: (n,) from 0.  rotations: of the structures onto the particles.  given: the same with errors.

    shifts: (n, 3) x, y, z, voxels, from the centre of a box to its particle.  noise: deviation of a pixel of the tilt images.
    """

    labels: np.ndarray
    rotations: Rotation
    given: Rotation
    shifts: np.ndarray
    noise: float


def draw_labelled(
    series: Series,
    structures: Sequence[np.ndarray],
    shares: Sequence[float],
    count: int,
    separation: float,
    resolution: float,
    angle_error: float,
    seed: int,
) -> Labelled:
    """Labels and poses, and the noise at which the first two structures are `separation` (d') apart up to a resolution in Å.

    separation: in the median of the first particles; for one structure that of its whole image.  angle_error: degrees, deviation
    about each axis.
    """
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_quat(rng.standard_normal((count, 4)))
    labels = rng.choice(len(structures), count, p=np.asarray(shares) / np.sum(shares))
    errors = Rotation.from_rotvec(rng.normal(0, np.radians(angle_error), (count, 3)))
    shifts = rng.uniform(-MOST_SHIFT, MOST_SHIFT, (count, 3))
    apart = structures[0] - structures[1] if len(structures) > 1 else structures[0]
    norms = [series.separation(apart, rotation, resolution) for rotation in rotations[: min(count, VIEWS)]]
    return Labelled(labels, rotations, rotations * errors, shifts, float(np.median(norms)) / separation)


def labelled_box(series: Series, structures: Sequence[np.ndarray], drawn: Labelled, row: int, seed: int) -> np.ndarray:
    """(edge,) * 3 subtomogram of one row, bright; the same whatever else is made."""
    volume = shift(structures[drawn.labels[row]], (drawn.rotations[row].inv().apply(drawn.shifts[row]))[::-1], order=3)
    return series.recorded(volume, drawn.rotations[row], drawn.noise, np.random.default_rng([seed, row]))


def without_part(structure: np.ndarray, share: float) -> np.ndarray:
    """A structure (n, n, n) without its compact part that is farthest from its centre and has this share of its mass."""
    grid = np.indices(structure.shape).transpose(1, 2, 3, 0)
    dense = np.argwhere(structure > 0.1 * structure.max())
    tip = dense[np.argmax(((dense - dense.mean(axis=0)) ** 2).sum(axis=1))]
    away = np.sqrt(((grid - tip) ** 2).sum(axis=-1))
    order = np.argsort(away, axis=None, kind="stable")
    mass = np.cumsum(np.maximum(structure, 0).ravel()[order])
    radius = away.ravel()[order[np.searchsorted(mass, share * mass[-1])]]
    return np.asarray(structure * (1 - gaussian_filter((away <= radius).astype(np.float32), 0.7)), dtype=np.float32)
