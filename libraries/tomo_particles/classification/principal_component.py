"""The direction in which particles differ most, though each was seen in part only.

Start: the largest eigenvector of the scatter of the differences as they are; then expectation and maximisation for missing data
(Tipping & Bishop, J. R. Stat. Soc. B 61, 1999): z of each particle is normal, its difference z U where it was seen.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from .observations import dot
from .residuals import NOISE, Residuals

ROUNDS = 5
EXACT = 1e-2  # of the eigenvalue


def largest_eigenvector(residuals: Residuals, seed: int) -> np.ndarray:
    """(edge,) * 3 of the scatter of what the residuals show within the mask; its sign means nothing."""
    space = residuals.of.space
    shaping = np.sqrt(residuals.expected / residuals.expected.max())  # between no filter and the expected spectrum
    shaped = lambda one: space.mask * space.filtered(one, shaping)  # noqa: E731
    matched = residuals.values * residuals.gains

    def scatter(flat: np.ndarray) -> np.ndarray:
        volume = shaped(flat.reshape(space.mask.shape).astype(np.float32))
        amounts = dot(matched, residuals.of.of_volume(volume))
        seen = residuals.of.adjoint(amounts[:, None] * matched)
        return np.asarray(space.filtered(space.mask * seen, shaping), dtype=float).ravel()

    size = space.mask.size
    start = np.random.default_rng(seed).standard_normal(size)
    _, vectors = eigsh(LinearOperator((size, size), matvec=scatter, dtype=float), k=1, which="LA", v0=start, tol=EXACT)
    return shaped(vectors[:, 0].reshape(space.mask.shape).astype(np.float32))


def places_along(residuals: Residuals, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) z of each particle along a direction (edge,) * 3, shrunk to 0 as its noise asks, and (n,) the variance of z."""
    expected = residuals.of_volume(direction)
    precision = dot(expected, expected) / NOISE + 1
    return dot(residuals.values, expected) / NOISE / precision, 1 / precision


def principal_component(residuals: Residuals, seed: int, rounds: int = ROUNDS) -> tuple[np.ndarray, np.ndarray]:
    """The direction (edge,) * 3 of most variance within the mask, and (n,) where each particle lies along it."""
    direction = largest_eigenvector(residuals, seed)
    expected = residuals.of_volume(direction)
    power = dot(expected, expected)
    slopes = dot(residuals.values, expected) / np.maximum(power, 1e-30)
    direction = direction * np.float32(np.sqrt(max(float(np.mean(slopes**2 - NOISE / power)), 0.01 * float(np.mean(slopes**2)))))
    for _ in range(rounds):
        places, variance = places_along(residuals, direction)
        direction = residuals.mean(places, places**2 + variance)
    return direction, places_along(residuals, direction)[0]
