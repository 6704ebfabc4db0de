"""Scores become probabilities by isotonic regression, and each class gets the threshold of its best F score."""

from __future__ import annotations

import numpy as np

KNOTS = 20


def isotonic(score: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most KNOTS pairs of score and probability, both rising, of n scores and whether each is of a particle.

    Pool adjacent violators (Barlow et al., 1972) on blocks of equal numbers; a block's probability is that of Laplace's rule, so
    that none is 0 or 1. Between the knots it is a straight line.
    """
    order = np.argsort(score, kind="stable")
    parts = np.array_split(order, min(KNOTS, max(1, len(order) // 5)))
    blocks: list[tuple[float, float, float]] = []  # number, sum of scores, number of true ones
    for part in parts:
        blocks.append((float(len(part)), float(score[part].sum()), float(true[part].sum())))
        while len(blocks) > 1 and _share(blocks[-2]) >= _share(blocks[-1]):
            last, before = blocks.pop(), blocks.pop()
            blocks.append((last[0] + before[0], last[1] + before[1], last[2] + before[2]))
    return np.array([total / count for count, total, _ in blocks]), np.array([_share(block) for block in blocks])


def _share(block: tuple[float, float, float]) -> float:
    return (block[2] + 0.5) / (block[0] + 1)


def calibrated(score: np.ndarray, knots: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(n,) probabilities of scores; the scores themselves where there are no knots."""
    return np.interp(score, knots, probabilities) if len(knots) else np.asarray(score, dtype=float)


def best_threshold(score: np.ndarray, true: np.ndarray, particles: float, beta: float = 1.0) -> tuple[float, float]:
    """The score from which on picks are accepted with the best F score, and that F score.

    score, true: (n,) of the picks; particles: how many there are to find. Equal scores are accepted together. The threshold lies
    half way to the next lower score, so that it does not hang on the last pick.
    """
    if not len(score):
        return 0.5, 0.0
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    hits, taken = np.cumsum(true[order])[last], np.flatnonzero(last) + 1
    quality = (1 + beta**2) * hits / (taken + beta**2 * max(particles, 1))
    best = int(np.argmax(quality))
    steps = ranked[last]
    return float((steps[best] + (steps[best + 1] if best + 1 < len(steps) else 0.0)) / 2), float(quality[best])
