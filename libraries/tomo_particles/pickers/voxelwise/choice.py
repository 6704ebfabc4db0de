"""The way from map to picks that finds known particles best, on maps of what their network was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .calibration import best_threshold, calibrated, isotonic
from .candidates import Candidates, find_candidates

TAUS = (0.3, 0.5, 0.7)
BANDWIDTHS = (1.0, 1.3)  # times the radius of the smallest class
LEAST_BANDWIDTH = 60.0  # Å
LEAST_CANDIDATES = 20  # to calibrate scores
# picks (n, 3), particles (m, 3), their radii (m,), scores (n,) -> (n,) bool: which picks are counted, the best first
Hits = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Clustering:
    """A way from map to picks. tau: lowest value looked at; bandwidth: Å."""

    cluster: str
    tau: float
    bandwidth: float


@dataclass(frozen=True)
class Sizes:
    """radii, balls: (C,) Å, of the classes and of their targets.  voxel: Å, of the map."""

    radii: np.ndarray
    balls: np.ndarray
    voxel: float

    def candidates(
        self, classes: np.ndarray, particle: np.ndarray, how: Clustering, majority: bool, bad: np.ndarray | None = None
    ) -> Candidates:
        """The candidates of a map (`find_candidates`)."""
        voxel, lengths = self.voxel, (self.radii / self.voxel, self.balls / self.voxel)
        return find_candidates(classes, particle, how.cluster, how.tau, how.bandwidth / voxel, *lengths, majority, bad)


@dataclass(frozen=True)
class Known:
    """Candidates of one tomogram, and the particles that are known there.

    positions: (m, 3) x, y, z, map voxels; classes: (m,) from 0.  doubtful: (k, 3), where it is not known.
    """

    candidates: Candidates
    positions: np.ndarray
    classes: np.ndarray
    doubtful: np.ndarray


def clusterings(names: Sequence[str], smallest_radius: float) -> Iterator[Clustering]:
    """The ways that are tried, of the clusterings `names`."""
    usual = max(smallest_radius, LEAST_BANDWIDTH)
    for name in names:
        for tau in TAUS[:1] if name == "peaks" else TAUS:
            for factor in BANDWIDTHS if name == "meanshift" else BANDWIDTHS[:1]:
                yield Clustering(name, tau, factor * usual)


@dataclass(frozen=True)
class Judged:
    """n candidates of several tomograms. true: which of them hit a particle.  particles: how many there are to find."""

    scores: np.ndarray
    classes: np.ndarray
    true: np.ndarray
    particles: int


def judge(known: Sequence[Known], sizes: Sizes, hits: Hits) -> Judged:
    """Which candidates hit a particle. One near a doubtful place that hits none is left out: neither right nor wrong."""
    scores, classes, true, particles = [np.zeros(0)], [np.zeros(0, dtype=int)], [np.zeros(0, dtype=bool)], 0
    for one in known:
        found = one.candidates
        radii = sizes.radii / sizes.voxel
        counted = hits(found.positions, one.positions, radii[one.classes], found.scores)
        usable = counted | ~hits(found.positions, one.doubtful, np.full(len(one.doubtful), radii.max()), found.scores)
        scores.append(found.scores[usable])
        classes.append(found.classes[usable])
        true.append(counted[usable])
        particles += len(one.positions)
    return Judged(np.concatenate(scores), np.concatenate(classes), np.concatenate(true), particles)


def quality(judged: Judged, beta: float = 1.0) -> float:
    """The best F score over all thresholds, whatever the class."""
    return best_threshold(judged.scores, judged.true, judged.particles, beta)[1]


@dataclass(frozen=True)
class Calibration:
    """Knots from score to probability, the lowest accepted probability of each class (C,), and the F score with these.

    The F score counts places: a pick that is at a particle of another class is right.
    """

    scores: np.ndarray
    probabilities: np.ndarray
    thresholds: np.ndarray
    f_score: float


def calibrate(judged: Judged, n_classes: int, beta: float = 1.0) -> Calibration:
    """Probabilities, and a threshold for each class, from judged candidates.

    Where there are few candidates, or all have one score, nothing is calibrated: there are no knots. A class of few candidates
    gets the threshold of all. The particles of a class are those that its candidates hit, and its share of those that none hits.
    """
    enough = len(judged.scores) >= LEAST_CANDIDATES and float(np.ptp(judged.scores)) > 0
    knots, values = isotonic(judged.scores, judged.true) if enough else (np.zeros(0), np.zeros(0))
    probability = calibrated(judged.scores, knots, values)
    of_all, _ = best_threshold(probability, judged.true, judged.particles, beta)
    found = max(int(judged.true.sum()), 1)
    thresholds = np.full(n_classes, of_all)
    for which in range(n_classes):
        own = judged.classes == which
        if own.sum() >= LEAST_CANDIDATES and judged.true[own].any():
            particles = judged.true[own].sum() * judged.particles / found
            thresholds[which], _ = best_threshold(probability[own], judged.true[own], particles, beta)
    taken = probability >= thresholds[judged.classes]
    return Calibration(knots, values, thresholds, _f_score(judged, taken, beta))


def f_of_classes(known: Sequence[Known], sizes: Sizes, hits: Hits, found: Calibration, beta: float = 1.0) -> np.ndarray:
    """(C,) the F score of each class alone: a pick is right at a particle of its own class only."""
    scores = []
    for which, threshold in enumerate(found.thresholds):
        own = [
            replace(
                one,
                candidates=one.candidates[one.candidates.classes == which],
                positions=one.positions[one.classes == which],
                classes=one.classes[one.classes == which],
            )
            for one in known
        ]
        judged = judge(own, sizes, hits)
        scores.append(_f_score(judged, calibrated(judged.scores, found.scores, found.probabilities) >= threshold, beta))
    return np.array(scores)


def _f_score(judged: Judged, taken: np.ndarray, beta: float) -> float:
    """Of the candidates that are taken, (n,) bool."""
    right = int((judged.true & taken).sum())
    return float((1 + beta**2) * right / max(int(taken.sum()) + beta**2 * judged.particles, 1))
