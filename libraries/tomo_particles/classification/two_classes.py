"""Two classes in a set of residuals, and what a particle that had no part in them says of the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ..averaging.band import Band
from ..core.mixture import fit_mixture
from ..fourier.shell_correlation import shell_correlation
from .observations import dot
from .principal_component import NOISE, principal_component
from .residuals import Residuals

ROUNDS = 3
FOLDS, FOLDED = 5, 3
LEAST_SHARE = 0.02  # of a class: a smaller one was attracted by the other, and the partition before stays

Start = Callable[[Residuals, int], np.ndarray]  # from residuals and a seed to (n,) probabilities of the first class


@dataclass(frozen=True)
class Classes:
    """first, second: (edge,) * 3, of each class what differs from the average.  share: of the first."""

    first: np.ndarray
    second: np.ndarray
    share: float

    @property
    def difference(self) -> np.ndarray:
        return self.first - self.second

    def swapped(self) -> Classes:
        return Classes(self.second, self.first, 1 - self.share)


def posterior(log_odds: np.ndarray) -> np.ndarray:
    """(n,) probability of the first class."""
    return np.asarray(expit(np.asarray(log_odds, dtype=float)))


def classes_of(residuals: Residuals, first: np.ndarray) -> Classes:
    """The classes of a set by the probability (n,) of each particle to be of the first."""
    maps = [residuals.mean(weights, weights) for weights in (first, 1 - first)]
    return Classes(maps[0], maps[1], float(np.clip(first.mean(), LEAST_SHARE, 1 - LEAST_SHARE)))


def log_odds_of(residuals: Residuals, classes: Classes) -> np.ndarray:
    """(n,) of the first class over the second."""
    difference = residuals.of_volume(classes.difference)
    middle = residuals.of_volume((classes.first + classes.second) / 2)
    return np.asarray(dot(residuals.values - middle, difference) / NOISE + np.log(classes.share / (1 - classes.share)))


def agreement_of(one: np.ndarray, other: np.ndarray, band: Band) -> np.ndarray:
    """(shells,) correlation of two differences (edge,) * 3 by shell; 0 where there is nothing."""
    return np.nan_to_num(shell_correlation(band.pack(one), band.pack(other), band.shells, np.ones(len(band.shells))))


def damped(classes: Classes, agreement: np.ndarray, band: Band) -> Classes:
    """Classes whose difference has of each shell the part that is signal, by its correlation with an equal map."""
    known = np.clip(agreement, 0, 1)[band.shells]
    half = band.volume((band.pack(classes.difference) * known / 2).astype(np.complex64))
    middle = (classes.first + classes.second) / 2
    return Classes(middle + half, middle - half, classes.share)


def by_component(residuals: Residuals, seed: int) -> np.ndarray:
    """(n,) probability of the first class, from the principal component of all particles together."""
    _, places = principal_component(residuals, seed)
    return posterior(fit_mixture(places).log_odds(places))


def split(residuals: Residuals, seed: int, start: Start = by_component) -> np.ndarray:
    """(n,) probability of each particle of a set to be of one of two classes; which one is called first means nothing.

    From a start; then each of two parts of the set is judged by the classes of the other, ROUNDS times.
    """
    return judged_by_parts(residuals, start(residuals, seed), ROUNDS)


def judged_by_parts(residuals: Residuals, first: np.ndarray, rounds: int) -> np.ndarray:
    """(n,) probability of the first class: each of two parts of the set is judged by the classes of the other, some times."""
    rows = [np.arange(number, len(residuals), 2) for number in (0, 1)]
    parts = [residuals[own] for own in rows]
    band = residuals.of.space.band
    for _ in range(rounds):
        classes = [classes_of(part, first[own]) for part, own in zip(parts, rows, strict=True)]
        agreement = agreement_of(classes[0].difference, classes[1].difference, band)
        new = first.copy()
        for part, own, judges in zip(parts, rows, reversed(classes), strict=True):
            new[own] = posterior(log_odds_of(part, damped(judges, agreement, band)))
        if attracted(new):
            break
        first = new
    return first


def refined(residuals: Residuals, log_odds: np.ndarray, rounds: int = FOLDED) -> tuple[np.ndarray, bool]:
    """(n,) log odds of the first class, `rounds` times: each fifth of the set is judged by the classes of the other four.

    Also whether one class attracted nearly all, so that an earlier partition stays.
    """
    for _ in range(rounds):
        first, new = posterior(log_odds), np.empty(len(residuals))
        for own, other in folds(len(residuals)):
            new[own] = log_odds_of(residuals[own], classes_of(residuals[other], first[other]))
        if attracted(posterior(new)):
            return log_odds, True
        log_odds = new
    return log_odds, False


def folds(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each fifth of the rows, and the other four."""
    rows = [np.arange(number, count, FOLDS) for number in range(FOLDS)]
    return [(own, np.setdiff1d(np.arange(count), own)) for own in rows]


def attracted(first: np.ndarray) -> bool:
    """Whether one class has nearly all particles."""
    return not LEAST_SHARE <= float(first.mean()) <= 1 - LEAST_SHARE
