"""How far each picker can be trusted, from the pickers' agreement alone; and what a pattern of votes is worth.

A latent-class model fitted by expectation maximisation, after Dawid & Skene (1979). A true particle is seen by each
picker independently with that picker's recall. A false pick belongs to one picker, and others share it by
coincidence (a gold bead that two pickers like). What nobody saw is not in the data, so both classes are conditioned
on being seen at least once. Where a network has scored the picks by their look, its scores enter as a prior of each pick,
with a slope and an offset that the same iteration finds: the look and the votes are two witnesses of one truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

ITERATIONS = 200
# Pseudo-observations that stand for what is known of pickers before looking; two pickers alone leave the model open.
RECALL_PRIOR = (14.0, 6.0)  # of being seen : not seen, given a particle
COINCIDENCE_PRIOR = (2.0, 18.0)  # of being shared : not shared, given a false pick and another picker
SMALLEST = 1e-3  # a network's score is never taken for certain
TINY = 1e-12
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Reliability:
    """What the pickers are worth; K pickers, m merged picks.

    pickers: (K,) ids.  recall: (K,) chance that the picker sees a particle.  false_share: (K,) share of the false picks that
    come from it.  coincidence: chance that another picker shares a false pick.  precision: (K,) expected share of particles
    among its picks.  posterior: (m,) probability of each merged pick to be a particle.
    """

    pickers: np.ndarray
    recall: np.ndarray
    false_share: np.ndarray
    coincidence: float
    precision: np.ndarray
    posterior: np.ndarray


def votes_of(comments: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(m, K) bool who saw each merged pick and (K,) ids of the pickers, from texts such as "1+3" (0: a reference)."""
    ids = [{int(picker) for picker in comment.split("+")} for comment in comments]
    pickers = np.array(sorted(set().union(*ids) - {0}), dtype=int)
    seen = np.array([[picker in row for picker in pickers] for row in ids], dtype=bool)
    return seen.reshape(len(comments), len(pickers)), pickers


def estimate_reliability(seen: np.ndarray, pickers: np.ndarray, scores: np.ndarray | None = None) -> Reliability:
    """Fit the model to who saw each merged pick: seen (m, K) bool, at least one vote a row; pickers (K,) ids.

    scores: (m,) in (0, 1), a network's opinion of each pick's look, formed without its votes; None: votes alone.
    Deterministic, independent of the order of rows and of pickers.
    """
    seen = np.asarray(seen, dtype=bool)
    n_seen, n_pickers = seen.sum(axis=1), seen.shape[1]
    look = np.zeros(len(seen)) if scores is None else _logit(np.asarray(scores, dtype=float))
    recall, shares, coincidence = np.full(n_pickers, 0.7), np.full(n_pickers, 1 / n_pickers), 0.1
    slope, offset = (0.0 if scores is None else 1.0), 0.0
    posterior = np.full(len(seen), 0.5)
    for _ in range(ITERATIONS):
        unseen = (1 - recall).prod()
        true = np.where(seen, recall, 1 - recall).prod(axis=1) / (1 - unseen)
        false = (seen * shares).sum(axis=1) * coincidence ** (n_seen - 1) * (1 - coincidence) ** (n_pickers - n_seen)
        odds = np.exp(slope * look + offset) * np.maximum(true, TINY) / np.maximum(false, TINY)
        before, posterior = posterior, odds / (1 + odds)
        if np.abs(posterior - before).max(initial=0) < TOLERANCE:
            break
        particles, wrong = posterior.sum(), 1 - posterior
        missed = particles * unseen / (1 - unseen)  # particles that nobody saw count against every picker
        recall = (posterior @ seen + RECALL_PRIOR[0]) / (particles + missed + sum(RECALL_PRIOR))
        owned = seen * shares
        shares = wrong @ (owned / owned.sum(axis=1, keepdims=True)) + 1.0
        shares = shares / shares.sum()
        chances = wrong.sum() * (n_pickers - 1) + sum(COINCIDENCE_PRIOR)
        coincidence = float((wrong @ (n_seen - 1) + COINCIDENCE_PRIOR[0]) / chances)
        slope, offset = _fit_look(look, posterior, slope, offset)
    precision = posterior @ seen / np.maximum(1, seen.sum(axis=0))
    return Reliability(np.asarray(pickers), recall, shares, coincidence, precision, posterior)


def _logit(probability: np.ndarray) -> np.ndarray:
    p = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.log(p / (1 - p))


def _fit_look(look: np.ndarray, posterior: np.ndarray, slope: float, offset: float) -> tuple[float, float]:
    """One Newton step of the logistic regression of the posterior on the look (Platt 1999); the slope stays >= 0."""
    p = 1 / (1 + np.exp(-(slope * look + offset)))
    error, curvature = posterior - p, np.maximum(p * (1 - p), 1e-6)
    features = np.stack([look, np.ones_like(look)]) if look.any() else np.ones((1, len(look)))
    # One pseudo-observation at slope 1, offset 0 keeps the fit in place where few picks decide it.
    prior = np.array([1.0 - slope, -offset])[-len(features):]
    hessian = (features * curvature) @ features.T + np.eye(len(features))
    step = np.linalg.solve(hessian, features @ error + prior)
    step = np.clip(step, -1.0, 1.0)
    return (max(0.0, slope + step[0]) if len(features) == 2 else slope), offset + step[-1]


def judge_merged(comments: Sequence[str], labels: np.ndarray, scores: np.ndarray | None = None) -> Reliability:
    """Reliability of the pickers and posterior of every merged pick, with the user's references taken at their word.

    comments: (m,) who saw each pick, such as "1+3"; a leading 0 marks a reference.  labels: (m,) 1 for a true reference,
    -1 for a false one, any value elsewhere.  scores: (m,) of a network, or None.
    """
    seen, pickers = votes_of(comments)
    reference = np.array([comment.split("+")[0] == "0" for comment in comments], dtype=bool)
    free = ~reference & seen.any(axis=1)
    if not free.any():  # nothing to learn from
        unknown = np.full(len(pickers), np.nan)
        return Reliability(pickers, unknown, unknown, np.nan, unknown, (np.asarray(labels) > 0).astype(float))
    fitted = estimate_reliability(seen[free], pickers, None if scores is None else np.asarray(scores)[free])
    posterior = np.empty(len(comments))
    posterior[free] = fitted.posterior
    posterior[~free] = np.asarray(labels)[~free] > 0
    return replace(fitted, posterior=posterior)
