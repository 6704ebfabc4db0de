"""Classes judged at finer resolutions than the one at which they were found, as long as that explains the particles better.

Few images show a difference best at a coarse resolution, where an image has few independent pixels. Once the classes are known,
finer frequencies tell more of each particle. The measure is the likelihood of particles under classes that others made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from scipy.special import logsumexp, softmax

from .observations import Observations, dot
from .residuals import NOISE, Residuals, consensus_of, residuals_of
from .two_classes import LEAST_SHARE, folds

Observed = Callable[[float], Observations]  # from a resolution in Å


def held_out_scores(residuals: Residuals, probabilities: np.ndarray) -> np.ndarray:
    """(n, k) log probability of each particle with each class, each fifth judged by the classes of the other four.

    Relative to no difference from the average.
    """
    scores = np.empty_like(probabilities)
    for own, other in folds(len(residuals)):
        judged, judges = residuals[own], residuals[other]
        for number, weights in enumerate(probabilities[other].T):
            expected = judged.of_volume(judges.mean(weights, weights))
            share = np.log(max(float(weights.mean()), LEAST_SHARE))
            scores[own, number] = dot(judged.values - expected / 2, expected) / NOISE + share
    return scores


def judged_finer(
    observed: Observed, resolutions: Iterable[float], probabilities: np.ndarray, rounds: int
) -> tuple[np.ndarray, float]:
    """(n, k) scores as of `held_out_scores`, and the resolution at which they were found.

    resolutions: the one at which the classes were found, then finer ones, until one explains the particles no better.
    probabilities: (n, k).  rounds: at each of the finer ones.
    """
    best, chosen, most = np.log(np.clip(probabilities, 1e-300, 1)), 0.0, -np.inf
    for resolution in resolutions:
        residuals = _residuals(observed(resolution))
        scores = held_out_scores(residuals, softmax(best, axis=1))
        for _ in range(rounds if chosen else 0):
            new = softmax(scores, axis=1)
            if new.mean(axis=0).min() < LEAST_SHARE:
                break
            scores = held_out_scores(residuals, new)
        explained = float(logsumexp(scores, axis=1).sum())
        if explained <= most:
            break
        if chosen:  # at the first resolution the classes stay as they were judged
            best = scores
        chosen, most = resolution, explained
    return best, chosen


def _residuals(seen: Observations) -> Residuals:
    return residuals_of(seen, consensus_of(seen))
