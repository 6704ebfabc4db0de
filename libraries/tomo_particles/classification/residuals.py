"""What of each particle the average of all does not explain; its contrast and small errors of its pose are explained too.

The wedge-masked difference of Heumann et al., J. Struct. Biol. 175, 2011, in units of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.ndimage import spline_filter
from scipy.spatial.transform import Rotation

from ..averaging.average import resampled
from ..fourier.shell_correlation import half_shells
from .observations import Observations, dot

STEP = 3.0  # degrees: of the turn whose effect on the average is taken for that of any small turn
PART = 1.0  # of the average's amplitude: how large the difference of two structures may well be
NOISE = 0.5  # variance of the real and of the imaginary part of what is left, in units of the noise
LEAST_ERROR = 1e-6  # of the square of the smallest error that one particle could show: as good as none
CONTRASTS = (0.3, 3.0)  # of a particle over that of the average: what lies beyond is noise


@dataclass(frozen=True)
class Consensus:
    """average: (edge,) * 3, within the mask.  noise: (m,) amplitude of the noise of a particle at each frequency.

    expected: (edge, edge, edge // 2 + 1), of the differences between particles: a part of the average's, by shell.
    """

    average: np.ndarray
    noise: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True)
class Residuals:
    """What is left of the particles. of: what they are, without their values.

    values: (n, m) complex64, in units of the noise: 1 the mean square where a particle was seen.  gains: (n, m) float32, what a
    density becomes in them; 0 where not seen.  contrast: (n,) of each over that of the average.  deviation: (n,) of its noise
    over that of all.  expected: as in `Consensus`.
    """

    of: Observations
    values: np.ndarray
    gains: np.ndarray
    contrast: np.ndarray
    deviation: np.ndarray
    expected: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: np.ndarray) -> Residuals:
        return Residuals(
            self.of[rows], self.values[rows], self.gains[rows], self.contrast[rows], self.deviation[rows], self.expected
        )

    def of_volume(self, volume: np.ndarray) -> np.ndarray:
        """(n, m) what a difference (edge,) * 3 from the average would leave."""
        return self.of.of_volume(volume) * self.gains

    def mean(self, amounts: np.ndarray, squares: np.ndarray) -> np.ndarray:
        """The masked volume (edge,) * 3 U that explains the residuals best, if each has an amount (n,) of it.

        squares: (n,) of the amounts, which are larger than the amounts squared where these are uncertain.
        """
        own = amounts[:, None].astype(np.float32) * self.gains
        spread = squares[:, None].astype(np.float32) * np.square(self.gains)
        return self.of.space.solved(self.of.adjoint(own * self.values), self.of.information(spread), self.expected)


def consensus_of(seen: Observations) -> Consensus:
    """The average of a set, and the noise of its particles in each cell of frequencies."""
    cells = seen.cells
    noise = np.ones(len(cells), dtype=np.float32)
    for _ in range(2):  # the noise is that of what the average leaves, and weighs it
        weights = (seen.seen / noise**2).astype(np.float32)
        average = seen.space.solved(seen.adjoint(seen.values * weights), seen.information(weights))
        left = np.square(np.abs(seen.values - seen.of_volume(average)))
        power = np.bincount(cells, left.sum(axis=0)) / np.maximum(np.bincount(cells, seen.seen.sum(axis=0)), 1)
        noise = np.sqrt(np.maximum(power, 1e-9 * max(float(power.max()), 1e-30)))[cells].astype(np.float32)
    return Consensus(average, noise, _expected(average))


def _expected(average: np.ndarray) -> np.ndarray:
    edge = average.shape[0]
    shells, weights = half_shells(edge)
    power = np.square(np.abs(scipy.fft.rfftn(average))) / edge**3
    mean = np.bincount(shells.ravel(), (power * weights).ravel()) / np.maximum(np.bincount(shells.ravel(), weights.ravel()), 1)
    return (PART * np.sqrt(mean[shells])).astype(np.float32)


def explained_by(consensus: Consensus) -> list[np.ndarray]:
    """The average, and how it changes when a particle is moved along x, y, z and turned about them: 7 of (edge,) * 3."""
    average = consensus.average
    coefficients = spline_filter(average, output=np.float32)
    moved, turned = [], []
    for axis in np.eye(3):
        turns = [Rotation.from_rotvec(sign * STEP * axis, degrees=True).as_matrix() for sign in (1, -1)]
        turned.append(resampled(coefficients, turns[0], np.zeros(3)) - resampled(coefficients, turns[1], np.zeros(3)))
        moved.append(resampled(coefficients, np.eye(3), axis / 2) - resampled(coefficients, np.eye(3), -axis / 2))
    return [average, *moved, *turned]


def residuals_of(seen: Observations, consensus: Consensus) -> Residuals:
    """Least squares in units of the noise, of each particle where it was seen; contrasts vary and poses are wrong only as much as
    all of the particles together say: a difference of structures looks a little like a contrast, a shift or a turn."""
    gains = (seen.seen / consensus.noise).astype(np.float32)
    values = seen.values * gains
    basis = [seen.of_volume(volume) * gains for volume in explained_by(consensus)]
    size = len(basis)
    normal = np.empty((len(seen), size, size))
    for i, j in zip(*np.triu_indices(size), strict=True):
        normal[:, i, j] = normal[:, j, i] = dot(basis[i], basis[j])
    matched = np.stack([dot(values, one) for one in basis], axis=1)
    normal += 1e-6 * np.einsum("nii->ni", normal)[:, :, None] * np.eye(size) + 1e-30 * np.eye(size)
    common = matched[:, 0].sum() / normal[:, 0, 0].sum()  # contrast
    matched -= common * normal[:, 0]
    normal[:, range(size), range(size)] += NOISE / _spread(normal, matched)
    found = np.linalg.solve(normal, matched[..., None])[..., 0]
    found[:, 0] += common
    for amount, one in zip(found.T.astype(np.float32), basis, strict=True):
        values = values - amount[:, None] * one
    count = np.maximum(seen.seen.sum(axis=1), 1)
    deviation = np.maximum(np.sqrt(np.square(np.abs(values)).sum(axis=1) / count), 1e-12)[:, None].astype(np.float32)
    contrast = np.clip(found[:, 0], *CONTRASTS)
    gains *= contrast[:, None].astype(np.float32) / deviation
    return Residuals(seen, values / deviation, gains, contrast, deviation[:, 0], consensus.expected)


def _spread(normal: np.ndarray, matched: np.ndarray) -> np.ndarray:
    """(k,) mean square of the contrasts about their common one, and of the errors of the pose, beyond what noise would give; each
    error by itself after the contrast.

    normal: (n, k, k), the contrast first.  matched: (n, k). What does not vary is not fitted.
    """
    information = np.einsum("nii->ni", normal).copy()
    share = normal[:, 0] / information[:, :1]
    share[:, 0] = 0
    left = matched - share * matched[:, :1]
    information -= share * normal[:, 0]
    square = (left**2 - NOISE * information).sum(axis=0) / np.maximum((information**2).sum(axis=0), 1e-30)
    return np.asarray(np.maximum(square, LEAST_ERROR * NOISE / np.maximum(information.max(axis=0), 1e-30)))
