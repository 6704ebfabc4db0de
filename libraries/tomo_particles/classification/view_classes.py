"""Two classes among aligned images of one direction: principal component and mixture, and whether there is anything to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_matrix

from ..core.mixture import fit_mixtures

FOLDS = 5
MARGIN = 2.02  # of the scale of the largest eigenvalue of noise: 99 of 100 stay below (Tracy-Widom)


@dataclass(frozen=True)
class ViewClasses:
    """Of k images of a direction. log_odds: (k,) of the class at the positive end of the eigenimage.  places: (k,)
    along it.

    mean, eigenimage: (n, n); the eigenimage has the norm 1 and is 0 outside the mask.  informative: whether it is more
    than noise.
    """

    log_odds: np.ndarray
    places: np.ndarray
    mean: np.ndarray
    eigenimage: np.ndarray
    informative: bool


@dataclass(frozen=True)
class ViewComponent:
    """Of k images of a direction, before the mixtures. places: (k,) along the eigenimage.  parts: of each fit the rows (n,) that
    it judges, where these lie along its component, and where those lie that it is fitted to."""

    places: np.ndarray
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    mean: np.ndarray
    eigenimage: np.ndarray
    informative: bool


def view_component(images: np.ndarray, mask: np.ndarray, *, cross_fit: bool) -> ViewComponent:
    """The principal component of aligned images (k, n, n) by their pixels in a mask (n, n) bool.

    cross_fit: each fifth is judged by component and mixture of the other four, so that no image judges itself.
    """
    pixels = images[:, mask].astype(float)
    mean, direction, spread = component(pixels)
    rows = np.arange(len(pixels))
    parts = []
    for fold in range(FOLDS if cross_fit else 0):
        own = rows % FOLDS == fold
        centre, other, _ = component(pixels[~own])
        along = (pixels - centre) @ (other if other @ direction >= 0 else -other)
        parts.append((rows[own], along[own], along[~own]))
    along = (pixels - mean) @ direction
    eigenimage, average = np.zeros(mask.shape), np.zeros(mask.shape)
    eigenimage[mask], average[mask] = direction, mean
    return ViewComponent(along, parts or [(rows, along, along)], average, eigenimage, is_informative(spread, *pixels.shape))


def judged(components: Sequence[ViewComponent]) -> list[ViewClasses]:
    """The log odds of all images of all directions, by a mixture of each part."""
    fits = iter(fit_mixtures([among for one in components for _, _, among in one.parts]))
    found = []
    for one in components:
        odds = np.empty(len(one.places))
        for rows, along, _ in one.parts:
            odds[rows] = next(fits).log_odds(along)
        found.append(ViewClasses(odds, one.places, one.mean, one.eigenimage, one.informative))
    return found


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
