"""More than two classes: classes are split again as long as halves that never meet support it, then judged together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from .finer_classes import held_out_scores
from .observations import Observations
from .residuals import consensus_of, residuals_of
from .two_classes import FOLDED, LEAST_SHARE

LEAST_IN_CLASS = 100  # particles that each class keeps


@dataclass(frozen=True)
class Attempt:
    """One split of a class. particles: in it.  agreement: of its halves.  most: of sets of one structure.  supported: so that the
    class became two."""

    particles: int
    agreement: float
    most: float
    supported: bool


@dataclass(frozen=True)
class Partition:
    """probabilities: (n, k) of each particle for each class, the largest class first.  attempts: the splits, in their order."""

    probabilities: np.ndarray
    attempts: list[Attempt]

    @property
    def labels(self) -> np.ndarray:
        """(n,) from 1."""
        return np.asarray(self.probabilities.argmax(axis=1) + 1)

    @property
    def weights(self) -> np.ndarray:
        """(n,) probability of the class of each particle."""
        return np.asarray(self.probabilities.max(axis=1))

    def log_odds(self) -> np.ndarray:
        """(n,) of class 1; with more than two classes, of the class of each particle."""
        certain = np.clip(self.probabilities, 1e-12, 1)
        own = certain[:, 0] if certain.shape[1] == 2 else certain.max(axis=1)
        return np.asarray(np.log(own) - np.log(np.clip(1 - own, 1e-12, 1)))


def split_again(
    seen: Observations,
    first: np.ndarray,
    attempt: Attempt,
    most: int,
    split: Callable[[np.ndarray], tuple[np.ndarray, Attempt]],
) -> Partition:
    """Up to `most` classes. first: (n,) probability of the first class of the split of all particles, `attempt`.

    split: from rows of a class to the probability of its first class for each, and what speaks for it.
    """
    probabilities, attempts = np.stack([first, 1 - first], axis=1), [attempt]
    whole: set[bytes] = set()  # classes that were tried and stay
    while attempt.supported and probabilities.shape[1] < most:
        labels = probabilities.argmax(axis=1)
        tried = {}
        for number in range(probabilities.shape[1]):
            rows = np.flatnonzero(labels == number)
            if len(rows) >= 2 * LEAST_IN_CLASS and rows.tobytes() not in whole:
                tried[number] = rows, *split(rows)
                attempts.append(tried[number][2])
        good = {n: one for n, one in tried.items() if one[2].supported and _large_enough(one[1])}
        whole |= {one[0].tobytes() for n, one in tried.items() if n not in good}
        if not good:
            break
        number = max(good, key=lambda n: good[n][2].agreement - good[n][2].most)
        rows, share, _ = good[number]
        of_first = np.full(len(seen), 0.5)
        of_first[rows] = share
        parent = probabilities[:, number]
        children = np.stack([parent * of_first, parent * (1 - of_first)], axis=1)
        probabilities = np.concatenate([np.delete(probabilities, number, axis=1), children], axis=1)
        probabilities = judged_together(seen, probabilities)
    order = np.argsort(-probabilities.sum(axis=0), kind="stable")
    return Partition(probabilities[:, order], attempts)


def _large_enough(first: np.ndarray) -> bool:
    return bool(min((first > 0.5).sum(), (first <= 0.5).sum()) >= LEAST_IN_CLASS)


def judged_together(seen: Observations, probabilities: np.ndarray, rounds: int = FOLDED) -> np.ndarray:
    """(n, k) each fifth of the set is judged by all classes of the other four, some times; a class that empties keeps all as
    they were."""
    residuals = residuals_of(seen, consensus_of(seen))
    for _ in range(rounds):
        new = np.asarray(softmax(held_out_scores(residuals, probabilities), axis=1))
        if new.mean(axis=0).min() < LEAST_SHARE:
            return probabilities
        probabilities = new
    return probabilities
