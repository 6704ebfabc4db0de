"""Signs of the nodes of a weighted graph that satisfy as much of its weights as possible, and how far from the best they can be.

f(s) = s^T W s over s_i = 1 or -1: a positive weight wants equal signs, a negative one opposite signs. The relaxation has low
rank (Burer & Monteiro, Math. Program. 95, 2003); random planes round it (Goemans & Williamson, J. ACM 42, 1995).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

MOVED, SWEEPS = 1e-5, 200
TINY = 1e-12  # of the largest weight: rounding that is no step forward


@dataclass(frozen=True)
class Cut:
    """signs: (n,) 1 or -1.  pieces: (n,) number of the connected part of each node, from 0; only within a part signs compare.

    value: f of the signs.  bound: no signs reach more.  frustration: share of |W| that the signs do not satisfy.
    """

    signs: np.ndarray
    pieces: np.ndarray
    value: float
    bound: float
    frustration: float

    @property
    def optimal(self) -> bool:
        """Whether no signs are better, to the precision of the numbers."""
        return self.bound <= self.value + 1e-6 * max(1.0, abs(self.value))


def greedy_cut(weights: np.ndarray) -> Cut:
    """From equal signs, single flips while f grows. weights: (n, n), symmetric, diagonal 0."""
    return _cut_of(weights, _flipped(weights, np.ones(len(weights))))


def low_rank_cut(weights: np.ndarray, rounds: int, seed: int) -> Cut:
    """By the relaxation of low rank, `rounds` random planes, and single flips. weights: (n, n), symmetric, diagonal 0."""
    n, rng = len(weights), np.random.default_rng(seed)
    vectors = rng.standard_normal((n, int(np.ceil(np.sqrt(2 * n))) + 1))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for _ in range(SWEEPS):
        most = 0.0
        for node in range(n):
            pull = weights[node] @ vectors
            size = float(np.linalg.norm(pull))
            if size > 0:
                most = max(most, float(np.linalg.norm(pull / size - vectors[node])))
                vectors[node] = pull / size
        if most < MOVED:
            break
    best, value = np.ones(n), -np.inf
    for plane in rng.standard_normal((rounds, vectors.shape[1])):
        signs = np.where(vectors @ plane >= 0, 1.0, -1.0)
        if (found := float(signs @ weights @ signs)) > value:
            best, value = signs, found
    return _cut_of(weights, _flipped(weights, best))


def _flipped(weights: np.ndarray, signs: np.ndarray) -> np.ndarray:
    signs, least = signs.copy(), TINY * float(np.abs(weights).max(initial=0))
    pull = weights @ signs
    while float((signs * pull).min(initial=0)) < -least:
        node = int(np.argmin(signs * pull))
        pull -= 2 * signs[node] * weights[:, node]
        signs[node] = -signs[node]
    return signs


def _cut_of(weights: np.ndarray, signs: np.ndarray) -> Cut:
    _, pieces = connected_components(weights != 0, directed=False)
    for piece in range(int(pieces.max(initial=-1)) + 1):  # the sign of a part means nothing: its first node is positive
        own = pieces == piece
        signs[own] *= signs[np.flatnonzero(own)[0]]
    pull = signs * (weights @ signs)
    value = float(pull.sum())
    lowest = float(np.linalg.eigvalsh(np.diag(pull) - weights)[0]) if len(weights) else 0.0
    total = float(np.abs(weights).sum())
    return Cut(
        signs.astype(int),
        pieces,
        value,
        value - len(weights) * min(0.0, lowest),
        (total - value) / (2 * total) if total else 0.0,
    )
