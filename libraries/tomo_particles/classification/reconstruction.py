"""Maps of classes at the full resolution of their projections: slices laid into a spectrum, divided by what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..fourier.shell_correlation import half_shells, shell_correlation
from .observations import PADDED, Space, samples_around
from .projections import Projections, plane_of

AT_ONCE = 500  # particles
LITTLE = 1e-3  # of the mean information, beside it before a correlation is known
LEAST_FSC, MOST_FSC = 1e-3, 0.999


@dataclass(frozen=True)
class Slices:
    """spectrum: (grid^3,) sum of weighted slices times the CTF.  information: (grid^3,) sum of weighted squares of the CTF."""

    space: Space
    spectrum: np.ndarray
    information: np.ndarray

    def __add__(self, other: Slices) -> Slices:
        return Slices(self.space, self.spectrum + other.spectrum, self.information + other.information)

    def volume(self, ridge: np.ndarray | None = None) -> np.ndarray:
        """(edge,) * 3. ridge: (grid^3,) beside the information, of the size of noise over signal; None: very little."""
        edge, grid = self.space.band.edge, self.space.grid
        beside = LITTLE * float(self.information.mean()) + 1e-30 if ridge is None else ridge
        return self.space.adjoint(self.spectrum / (self.information + beside)) * np.float32(edge**6 / grid**3)


@dataclass(frozen=True)
class ClassMap:
    """whole: (edge,) * 3 of all particles of a class.  halves: of each half.  fsc: (shells,) of the halves under a mask."""

    whole: np.ndarray
    halves: tuple[np.ndarray, np.ndarray]
    fsc: np.ndarray


def class_maps(
    particles: Projections,
    weights: np.ndarray,
    alone: np.ndarray,
    half: np.ndarray,
    mask: np.ndarray,
    symmetry: Rotation,
) -> tuple[list[ClassMap], float]:
    """The map of each class, and the share of all frequencies of which anything was seen.

    weights: (n, k) how much each particle belongs to each class.  alone: (n, k) the same for the half maps, which may come from
    halves that were classified each by itself.  half: (n,) 0 or 1.  mask: (edge,) * 3, soft.
    """
    parts = [alone * (half == number)[:, None] for number in (0, 1)]
    sums = slices_of(particles, np.concatenate([weights, *parts], axis=1), symmetry)
    k, (shells, counts) = weights.shape[1], half_shells(particles.edge)
    maps = []
    for whole, *halves in zip(sums[:k], sums[k : 2 * k], sums[2 * k :], strict=True):
        one, other = (np.fft.rfftn(mask * part.volume()) for part in halves)
        fsc = np.nan_to_num(shell_correlation(one, other, shells, counts))
        ridge = _ridge(halves, fsc)
        maps.append(ClassMap(whole.volume(ridge), (halves[0].volume(ridge), halves[1].volume(ridge)), fsc))
    return maps, covered(sums[0] if k == 1 else sums[0] + sums[1])


def covered(seen: Slices) -> float:
    """Share of the frequencies up to Nyquist of which anything was seen."""
    information = seen.information[_shells(seen.space) < seen.space.band.edge // 2]
    return float((information > LITTLE * information.mean()).mean())


def slices_of(particles: Projections, weights: np.ndarray, symmetry: Rotation) -> list[Slices]:
    """All particles in every copy of the symmetry, for each column of weights (n, k)."""
    space = Space(particles.band(2 * particles.rate), np.ones((particles.edge,) * 3, dtype=np.float32))
    plane, k = plane_of(space.band), weights.shape[1]
    spectrum = np.zeros((space.grid**3, k), dtype=np.complex64)
    information = np.zeros((space.grid**3, k), dtype=np.float32)
    for first in range(0, len(particles), AT_ONCE):
        some = particles[np.arange(first, min(first + AT_ONCE, len(particles)))]
        own = np.repeat(weights[first : first + AT_ONCE].astype(np.float32), len(plane), axis=0)
        values, transfer = some.spectra(space.band).ravel(), some.transfer(space.band)
        known = np.ones(len(own), dtype=np.float32) if transfer is None else transfer.ravel()
        for copy in symmetry.as_matrix().reshape(-1, 3, 3):
            points = np.einsum("mi,nij->nmj", plane, (some.axes @ copy.T)[:, :2]).reshape(-1, 3) * PADDED
            places = samples_around(points, np.ones(len(points), dtype=bool), space.grid)
            spectrum += places.T @ (own * (values * known)[:, None])
            information += places.T @ (own * (known**2)[:, None])
    grid = space.grid
    return [Slices(space, _both(one, grid), _both(other, grid)) for one, other in zip(spectrum.T, information.T, strict=True)]


def _both(values: np.ndarray, grid: int) -> np.ndarray:
    """The sum of what was seen at k and at -k, which of a real volume is the same."""
    whole = values.reshape((grid,) * 3)
    return (whole + np.roll(np.flip(whole), 1, axis=(0, 1, 2)).conj()).ravel()


def _shells(space: Space) -> np.ndarray:
    k = np.fft.fftfreq(space.grid, 1 / space.grid) / PADDED
    return np.rint(np.sqrt(k[:, None, None] ** 2 + k[None, :, None] ** 2 + k[None, None, :] ** 2)).astype(int).ravel()


def _ridge(parts: list[Slices], fsc: np.ndarray) -> np.ndarray:
    """(grid^3,) of each shell the mean information of a half times noise over signal, by the correlation of the halves."""
    shells = np.minimum(_shells(parts[0].space), len(fsc) - 1)
    known = np.clip(fsc, LEAST_FSC, MOST_FSC)
    mean = np.bincount(shells, (parts[0].information + parts[1].information) / 2) / np.bincount(shells)
    return (mean * (1 - known) / known + 1e-30)[shells].astype(np.float32)  # above 0 also where nothing was seen
