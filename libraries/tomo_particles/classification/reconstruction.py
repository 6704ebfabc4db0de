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
    """spectrum: (grid^3,) sum of weighted slices times the CTF.  information: (grid^3,) sum of the weighted squares of the CTF."""

    space: Space
    spectrum: np.ndarray
    information: np.ndarray

    def __add__(self, other: Slices) -> Slices:
        return Slices(self.space, self.spectrum + other.spectrum, self.information + other.information)

    def volume(self, ridge: np.ndarray | None = None) -> np.ndarray:
        """(edge,) * 3. ridge: (grid^3,) beside the information, of the size of noise over signal; None: very little."""
        edge, grid = self.space.band.edge, self.space.grid
        ridge = LITTLE * float(self.information.mean()) + 1e-30 if ridge is None else ridge
        return self.space.adjoint(self.spectrum / (self.information + ridge)) * np.float32(edge**6 / grid**3)

    def covered(self) -> float:
        """Share of the frequencies up to Nyquist of which anything was seen."""
        inside = _shells(self.space) <= self.space.band.edge // 2 - 1
        return float((self.information[inside] > LITTLE * self.information[inside].mean()).mean())


@dataclass(frozen=True)
class ClassMap:
    """whole: (edge,) * 3 of all particles of a class.  halves: of each half.  fsc: (shells,) of the halves under a mask."""

    whole: np.ndarray
    halves: tuple[np.ndarray, np.ndarray]
    fsc: np.ndarray
    covered: float


def class_map(particles: Projections, weights: np.ndarray, half: np.ndarray, mask: np.ndarray, symmetry: Rotation,
              alone: np.ndarray | None = None) -> ClassMap:  # fmt: skip
    """The map of a class. weights: (n,) how much each particle belongs to it.  half: (n,) 0 or 1.  mask: (edge,) * 3, soft.

    alone: (n,) the same for the half maps, where the halves were classified each by itself.
    """
    kept = weights if alone is None else alone
    parts = [slices_of(particles[half == number], kept[half == number], symmetry) for number in (0, 1)]
    shells, counts = half_shells(particles.edge)
    rough = [np.fft.rfftn(mask * part.volume()) for part in parts]
    fsc = np.nan_to_num(shell_correlation(rough[0], rough[1], shells, counts))
    ridge = _ridge(parts, fsc)
    whole = parts[0] + parts[1] if alone is None else slices_of(particles, weights, symmetry)
    return ClassMap(whole.volume(ridge), (parts[0].volume(ridge), parts[1].volume(ridge)), fsc, whole.covered())


def slices_of(particles: Projections, weights: np.ndarray, symmetry: Rotation) -> Slices:
    """All particles, in every copy of the symmetry."""
    space = Space(particles.band(2 * particles.rate), np.ones((particles.edge,) * 3, dtype=np.float32))
    plane, size = plane_of(space.band), space.grid**3
    spectrum, information = np.zeros(size, dtype=np.complex64), np.zeros(size, dtype=np.float32)
    for first in range(0, len(particles), AT_ONCE):
        some = particles[np.arange(first, min(first + AT_ONCE, len(particles)))]
        values, transfer = some.spectra(space.band), some.transfer(space.band)
        own = np.repeat(weights[first : first + AT_ONCE, None], len(plane), axis=1).astype(np.float32)
        squared = own if transfer is None else own * transfer**2
        seen = (values * own if transfer is None else values * own * transfer).ravel()
        for copy in symmetry.as_matrix().reshape(-1, 3, 3):
            points = np.einsum("mi,nij->nmj", plane, (some.axes @ copy.T)[:, :2]).reshape(-1, 3) * PADDED
            places = samples_around(points, np.ones(len(points), dtype=bool), space.grid)
            spectrum += places.T @ seen
            information += places.T @ squared.ravel()
    return Slices(space, _both(spectrum, space.grid), _both(information, space.grid))


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
    return (mean * (1 - known) / known)[shells].astype(np.float32)
