"""Correlation of two half maps by direction, and the Fourier shell occupancy (FSO): in how many directions they agree.

Vilas & Tagare, Nature Communications 14, 2023 (FSO, Bingham test); cones and weights as in Xmipp's FSO program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.fft
from scipy.special import ndtr
from scipy.stats import chi2

from .shell_correlation import HalfMapCorrelation, crossing, half_shells

DIRECTIONS = 321  # on half a sphere
LEAST_COVERED = 0.5  # of the weight of a cone: what the tilt series saw less of has no value of its own
OCCUPIED = 0.5  # of the directions: where the occupancy falls below it is the resolution
INDEPENDENT = 1.9  # independent directions in the solid angle of a cone, whose weights fall from its axis: measured with noise
BAND = (0.9, 0.1)  # of the directions: the occupancy falls from one to the other; a narrow band is an isotropic map


@dataclass(frozen=True)
class DirectionalCorrelation:
    """Correlation of two half maps in cones about `directions` (d, 3), x, y, z, unit vectors with z >= 0.

    fsc: (d, shells); 0 where the tilt series saw less than half of the cone, NaN where the box has no frequency in it.
    threshold: of the correlation.  cone: half its opening angle, degrees.  noise: (shells,) the share of directions of two maps
    of noise that would pass: with the few frequencies of a cone it is far from 0.
    """

    directions: np.ndarray
    fsc: np.ndarray
    threshold: float
    cone: float
    noise: np.ndarray

    @property
    def passed(self) -> np.ndarray:
        """(d, shells) bool, whether the halves agree in a direction."""
        return np.nan_to_num(self.fsc, nan=-1.0) >= self.threshold

    @property
    def occupancy(self) -> np.ndarray:
        """(shells,) the FSO: share of the directions that pass, of those that have a value; NaN for shell 0."""
        known = np.isfinite(self.fsc).sum(axis=0)
        return np.divide(self.passed.sum(axis=0), known, out=np.full(len(known), np.nan), where=known > 0)

    @property
    def isotropic(self) -> np.ndarray:
        """(shells,) the probability that directions spread evenly would pass as unevenly as these; see `bingham`."""
        known = np.isfinite(self.fsc)
        return np.array(
            [
                bingham(self.directions[passed], self.directions[every], self.cone) if every.any() else np.nan
                for passed, every in zip(self.passed.T, known.T, strict=True)
            ]
        )

    def shells_of_directions(self) -> list[float | None]:
        """Of each direction the shell, a fraction, where its correlation first falls below the threshold, as `crossing`."""
        return [crossing(_without_gaps(own), self.threshold) for own in self.fsc]


def half_sphere(count: int = DIRECTIONS) -> np.ndarray:
    """(count, 3) unit vectors x, y, z with z >= 0, spread evenly: a Fibonacci spiral."""
    z = (np.arange(count) + 0.5) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    beside = np.sqrt(1 - z**2)
    return np.stack([beside * np.cos(turn), beside * np.sin(turn), z], axis=1)


def correlate_directions(
    one: np.ndarray,
    other: np.ndarray,
    mask: np.ndarray,
    shells_together: HalfMapCorrelation,
    seen: np.ndarray | None = None,
    *,
    cone: float = 17.0,
    threshold: float = 0.143,
) -> DirectionalCorrelation:
    """The correlation of two half maps (n, n, n), bright or dark, under a soft mask, in cones about 321 directions.

    shells_together: of the same maps and mask; what the mask alone correlates is taken from it, as in its `corrected`.
    seen: bool, of the half spectrum: frequencies that the tilt series saw; None for all.
    """
    edge = one.shape[0]
    shells, weights = half_shells(edge)
    valid = (weights > 0) & (shells > 0)
    unit = _unit_vectors(edge)[valid]
    own, count = shells[valid], edge // 2 + 1
    spectra = [scipy.fft.rfftn(np.asarray(half, dtype=np.float64) * mask)[valid] for half in (one, other)]
    each = weights[valid]
    kept = each if seen is None else each * seen[valid]
    values = np.array(
        [kept * (spectra[0] * spectra[1].conj()).real, *(kept * np.square(np.abs(half)) for half in spectra), kept, each]
    )
    least = np.cos(np.radians(cone))
    directions = half_sphere()
    found, sizes = np.full((len(directions), count), np.nan), np.full((len(directions), count), np.nan)
    for row, direction in enumerate(directions):
        cosine = np.abs(unit @ direction.astype(np.float32))
        inside = np.flatnonzero(cosine >= least)
        fall = np.exp(-2 * np.square((1 - cosine[inside].astype(float)) / (1 - least)))
        cross, first, second, covered, every = (
            np.bincount(own[inside], line * fall, minlength=count) for line in values[:, inside]
        )
        power = np.sqrt(first * second)
        there = every > 0
        found[row, there] = 0.0
        good = there & (covered >= LEAST_COVERED * every) & (power > 0)
        found[row, good] = cross[good] / power[good]
        squares = np.bincount(own[inside], each[inside] * np.square(fall), minlength=count)
        sizes[row, there] = np.square(every[there]) / squares[there]
    found = np.where(found == 0, 0, _without_mask(found, shells_together))
    return DirectionalCorrelation(directions, found, threshold, cone, _noise(sizes, threshold))


def _without_mask(fsc: np.ndarray, together: HalfMapCorrelation) -> np.ndarray:
    noise = np.where(np.arange(fsc.shape[1]) >= together.random_from, np.nan_to_num(together.randomised), 0)
    noise = np.clip(noise, 0, 1 - 1e-6)
    return np.asarray((fsc - noise) / (1 - noise))


def _noise(sizes: np.ndarray, threshold: float) -> np.ndarray:
    """sizes: (d, shells) frequencies in a cone; a correlation of so many pairs of numbers of noise spreads as 1/sqrt."""
    known = np.isfinite(sizes).any(axis=0)
    found = np.full(sizes.shape[1], np.nan)
    found[known] = np.nanmean(ndtr(-threshold * np.sqrt(sizes[:, known])), axis=0)
    return found


def _unit_vectors(edge: int) -> np.ndarray:
    """(n, n, n // 2 + 1, 3) float32 directions x, y, z of the frequencies of the half spectrum; 0 for frequency 0."""
    k = np.fft.fftfreq(edge, 1 / edge).astype(np.float32)
    x = np.arange(edge // 2 + 1, dtype=np.float32)
    vectors = np.stack(np.broadcast_arrays(x[None, None, :], k[None, :, None], k[:, None, None]), axis=-1)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def _without_gaps(fsc: np.ndarray) -> np.ndarray:
    """Shells in which a cone has no frequency take the value of the next one that has: `crossing` reads between neighbours."""
    return np.asarray(pd.Series(fsc).bfill().ffill().to_numpy())


def bingham(passed: np.ndarray, every: np.ndarray, cone: float) -> float:
    """The probability that a share of evenly spread directions would pass at random as unevenly as `passed` (k, 3) did.

    every: (d, 3) those that could.  cone: degrees.  The statistic 7.5 n (tr T^2 - 1/3), T the mean of d d' over those that
    passed, is chi-square with 5 degrees of freedom for n independent ones of endlessly many (Bingham 1974). Here they are a share
    of a fixed number, so that T spreads less, by 1 - share. NaN if none passed.
    """
    if not len(passed):
        return float("nan")
    share = len(passed) / len(every)
    if share == 1:
        return 1.0
    scatter = passed.T @ passed / len(passed)
    independent = INDEPENDENT * share / (1 - share) / (1 - np.cos(np.radians(cone)))
    return float(chi2.sf(7.5 * independent * max(float(np.trace(scatter @ scatter)) - 1 / 3, 0.0), 5))
