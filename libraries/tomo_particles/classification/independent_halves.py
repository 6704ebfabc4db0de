"""Two halves of a set that never meet, split each by itself: only two structures make their differences agree."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from .observations import Observations, Space
from .residuals import Consensus, Residuals, consensus_of, residuals_of
from .two_classes import Classes, Start, agreement_of, by_component, classes_of, damped, log_odds_of, split

NULLS = 20  # sets of one structure with the same poses and noise, that are split too
MARGIN = 3.0  # deviations of the nulls, by which two structures must agree better than they do in the mean
LEAST = 0.15  # of the agreement: simulated tilt series of one structure reach 0.1
# Details in a diameter from which on an agreement counts. Back-projection shows a whole particle a little different from each
# direction of view: coarser differences agree in sets of one structure too, to 0.8.
DETAILS = 2.0


@dataclass(frozen=True)
class Half:
    """consensus and classes of one half, found from it alone.  first: (n,) probability of the first class."""

    consensus: Consensus
    first: np.ndarray
    classes: Classes


@dataclass(frozen=True)
class Halves:
    """halves: with the classes of the second named as those of the first.  agreement: (shells,) of their differences.

    mean: of the agreement over the shells that count, 0 or more.
    """

    halves: tuple[Half, Half]
    agreement: np.ndarray
    mean: float


def split_halves(halves: tuple[Observations, Observations], seed: int, start: Start = by_component) -> Halves:
    """From the particles of each half to its own average, residuals, and classes."""
    one, other = (_split_half(half, seed, start) for half in halves)
    agreement = agreement_of(one.classes.difference, other.classes.difference, halves[0].space.band)
    mean = float(agreement[first_shell(halves[0].space) :].mean())
    if mean < 0:
        other, agreement = replace(other, first=1 - other.first, classes=other.classes.swapped()), -agreement
    return Halves((one, other), agreement, abs(mean))


def first_shell(space: Space) -> int:
    """The first shell that counts, by the diameter of the ball that is as large as the mask."""
    diameter = (6 / np.pi * float(space.mask.sum())) ** (1 / 3) * space.band.voxel
    return min(max(1, round(DETAILS * space.band.extent / diameter)), int(space.band.shells.max()))


def _split_half(seen: Observations, seed: int, start: Start) -> Half:
    consensus = consensus_of(seen)
    residuals = residuals_of(seen, consensus)
    first = split(residuals, seed, start)
    return Half(consensus, first, classes_of(residuals, first))


def judged_by_the_other(halves: tuple[Observations, Observations], found: Halves) -> list[np.ndarray]:
    """Of each half (n,) log odds of the first class, by the classes of the other half."""
    band = halves[0].space.band
    return [
        log_odds_of(residuals_of(seen, other.consensus), damped(other.classes, found.agreement, band))
        for seen, other in zip(halves, reversed(found.halves), strict=True)
    ]


def null_agreements(
    halves: tuple[Observations, Observations],
    residuals: Residuals,
    consensus: Consensus,
    seed: int,
    threads: int,
    start: Start = by_component,
) -> np.ndarray:
    """(NULLS,) mean agreement of halves of sets of one structure, `consensus`, seen as the particles of these halves were.

    residuals: of all particles, those of the first half first; contrast and noise of each particle are theirs.
    """
    ends = np.cumsum([0, *map(len, halves)])
    models = []
    for seen, begin, end in zip(halves, ends, ends[1:], strict=False):
        contrast, deviation = residuals.contrast[begin:end, None], residuals.deviation[begin:end, None]
        models.append((seen.of_volume(consensus.average) * contrast, deviation * consensus.noise * seen.seen))

    def one(number: int) -> float:
        rng = np.random.default_rng([seed, number])
        made = []
        for seen, (signal, noise) in zip(halves, models, strict=True):
            white = rng.standard_normal((*noise.shape, 2), dtype=np.float32).view(np.complex64)[..., 0] / np.float32(np.sqrt(2))
            made.append(replace(seen, values=(signal + noise * white).astype(np.complex64)))
        return split_halves((made[0], made[1]), seed, start).mean

    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(one, range(NULLS))))


def is_supported(mean: float, nulls: np.ndarray) -> bool:
    """Whether halves agree better than those of any set of one structure, and clearly better than these do in the mean."""
    return bool(mean > max(LEAST, float(nulls.max()), float(nulls.mean() + MARGIN * nulls.std())))
