"""Two classes among aligned images of one direction: principal component and mixture, and whether there is anything to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_matrix

from ..core.mixture import fit_mixture

FOLDS = 5
CHANGE = 1e-4  # of share and mean in a round of the mixture, at which it ends: there are hundreds of mixtures
MARGIN = 2.02  # of the scale of the largest eigenvalue of noise: 99 of 100 stay below (Tracy-Widom)


@dataclass(frozen=True)
class ViewClasses:
    """Of k images of a direction. log_odds: (k,) of the class at the positive end of the eigenimage.

    mean, eigenimage: (n, n); the eigenimage has the norm 1 and is 0 outside the mask.  informative: whether it is more
    than noise.
    """

    log_odds: np.ndarray
    mean: np.ndarray
    eigenimage: np.ndarray
    informative: bool


def view_classes(images: np.ndarray, mask: np.ndarray, *, cross_fit: bool) -> ViewClasses:
    """The classes of aligned images (k, n, n) by their pixels in a mask (n, n) bool.

    cross_fit: each fifth is judged by component and mixture of the other four, so that no image judges itself.
    """
    pixels = images[:, mask].astype(float)
    mean, direction, spread = component(pixels)
    odds = _odds(pixels, pixels, mean, direction)
    if cross_fit:
        for fold in range(FOLDS):
            own = np.arange(len(pixels)) % FOLDS == fold
            centre, other, _ = component(pixels[~own])
            odds[own] = _odds(pixels[own], pixels[~own], centre, other * (1 if other @ direction >= 0 else -1))
    eigenimage, average = np.zeros(mask.shape), np.zeros(mask.shape)
    eigenimage[mask], average[mask] = direction, mean
    return ViewClasses(odds, average, eigenimage, is_informative(spread, *pixels.shape))


@dataclass(frozen=True)
class Spread:
    """Of the variances along all principal components: the largest, their sum, and the sum of their squares."""

    largest: float
    total: float
    squares: float


def component(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, Spread]:
    """Mean and first principal component of pixels (k, p), and its variance among all; its largest pixel is positive."""
    mean, count = pixels.mean(axis=0), max(1, len(pixels) - 1)
    centred = pixels - mean
    wide = pixels.shape[1] > len(pixels)
    products = (centred @ centred.T if wide else centred.T @ centred) / count
    last = len(products) - 1
    variance, vector = eigh(products, subset_by_index=(last, last))
    first = centred.T @ vector[:, 0] if wide else vector[:, 0]
    first = first / max(float(np.linalg.norm(first)), 1e-30)
    spread = Spread(float(variance[0]), float(np.trace(products)), float(np.square(products).sum()))
    return mean, first * (1 if first[np.argmax(np.abs(first))] > 0 else -1), spread


def _odds(pixels: np.ndarray, among: np.ndarray, mean: np.ndarray, direction: np.ndarray) -> np.ndarray:
    return fit_mixture((among - mean) @ direction, change=CHANGE).log_odds((pixels - mean) @ direction)


def is_informative(spread: Spread, count: int, pixels: int) -> bool:
    """Whether the largest variance is more than that of noise in `count` images of `pixels` pixels.

    Interpolation makes white noise smooth: it has as many independent pixels as the spread of the other variances says.
    """
    others, squares = spread.total - spread.largest, spread.squares - spread.largest**2
    uneven = squares / max(others**2, 1e-300) - 1 / (count - 1)
    independent = float(np.clip(1 / max(uneven, 1e-12), 1, pixels))
    noise = spread.total / independent
    edge = np.sqrt(count - 1) + np.sqrt(independent)
    scale = edge * (1 / np.sqrt(count - 1) + 1 / np.sqrt(independent)) ** (1 / 3)
    return bool(noise > 0 and count * spread.largest / noise > edge**2 + MARGIN * scale)


def evidence(rows: Sequence[np.ndarray], found: Sequence[ViewClasses], count: int, *, every: bool) -> csr_matrix:
    """(count, directions) log odds of each particle in each direction; 0 where it was not seen, and unless `every`, also where
    a direction is not informative."""
    columns = [np.full(len(own), number) for number, own in enumerate(rows)]
    values = [one.log_odds * (every or one.informative) for one in found]
    shape = (count, len(rows))
    return csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape)


def graph_of(odds: csr_matrix) -> np.ndarray:
    """(directions, directions) how far the evidence of two directions agrees on the particles that they share; diagonal 0."""
    weights = (odds.T @ odds).toarray()
    np.fill_diagonal(weights, 0)
    return weights
