"""How far each picker can be trusted, from the pickers' agreement alone; and what a pattern of votes is worth.

A latent-class model fitted by expectation maximisation, after Dawid & Skene (1979). A true particle is seen by each
picker independently with that picker's recall. A false pick belongs to one picker, and others share it by
coincidence (a gold bead that two pickers like). What nobody saw is not in the data, so both classes are conditioned
on being seen at least once. This is all there is without a network (voting); where one has scored the picks by their look,
`judgement` decides, which does not assume that pickers err independently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .judgement import judge
from .labels import agreement_labels

ITERATIONS = 200
# Pseudo-observations that stand for what is known of pickers before looking; two pickers alone leave the model open.
RECALL_PRIOR = (14.0, 6.0)  # of being seen : not seen, given a particle
COINCIDENCE_PRIOR = (2.0, 18.0)  # of being shared : not shared, given a false pick and another picker
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


def estimate_reliability(seen: np.ndarray, pickers: np.ndarray) -> Reliability:
    """Fit the model to who saw each merged pick: seen (m, K) bool, at least one vote a row; pickers (K,) ids.

    Deterministic, independent of the order of rows and of pickers.
    """
    seen = np.asarray(seen, dtype=bool)
    n_seen, n_pickers = seen.sum(axis=1), seen.shape[1]
    recall, shares, coincidence = np.full(n_pickers, 0.7), np.full(n_pickers, 1 / n_pickers), 0.1
    posterior, share = np.full(len(seen), 0.5), 0.5
    for _ in range(ITERATIONS):
        unseen = (1 - recall).prod()
        true = np.where(seen, recall, 1 - recall).prod(axis=1) / (1 - unseen)
        false = (seen * shares).sum(axis=1) * coincidence ** (n_seen - 1) * (1 - coincidence) ** (n_pickers - n_seen)
        odds = share / (1 - share) * np.maximum(true, TINY) / np.maximum(false, TINY)
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
        share = (particles + 1) / (len(seen) + 2)
    precision = posterior @ seen / np.maximum(1, seen.sum(axis=0))
    return Reliability(np.asarray(pickers), recall, shares, coincidence, precision, posterior)


def judge_merged(comments: Sequence[str], labels: np.ndarray, look: np.ndarray | None = None,
                 scores: Sequence[str] | None = None) -> Reliability:
    """Reliability of the pickers and posterior of every merged pick, with the user's references taken at their word.

    comments: (m,) who saw each pick, such as "1+3"; a leading 0 marks a reference.  labels: (m,) 1 for a true reference,
    -1 for a false one, any value elsewhere.  look: (m,) of a network, or None: the votes alone decide.  scores: (m,) what the
    pickers of `comments` gave, such as "0.8+nan", or None.
    """
    seen, pickers = votes_of(comments)
    reference = np.array([comment.split("+")[0] == "0" for comment in comments], dtype=bool)
    free = ~reference & seen.any(axis=1)
    posterior = (np.asarray(labels) > 0).astype(float)
    if not free.any():  # nothing to learn from
        unknown = np.full(len(pickers), np.nan)
        return Reliability(pickers, unknown, unknown, np.nan, unknown, posterior)
    fitted = estimate_reliability(seen[free], pickers)
    posterior[free] = fitted.posterior
    if look is not None:
        agreement = agreement_of(comments, labels)[free]
        posterior[free] = judge(np.asarray(look)[free], seen[free], scores_of(comments, scores, pickers)[free], agreement)
        expected = posterior[free] @ seen[free]
        fitted = replace(fitted, precision=expected / np.maximum(1, seen[free].sum(axis=0)),
                         recall=expected / max(posterior[free].sum(), TINY))
    return replace(fitted, posterior=posterior)


def agreement_of(comments: Sequence[str], labels: np.ndarray) -> np.ndarray:
    """(m,) the `labels.agreement_labels` of merged picks: who saw them, and 1 in `labels` where they count as agreed; NaN for
    references."""
    agreement = np.full(len(comments), np.nan)
    voted = np.array([comment.split("+")[0] != "0" for comment in comments], dtype=bool)
    if voted.any():
        seen, pickers = votes_of([comment for comment, own in zip(comments, voted, strict=True) if own])
        support = seen.sum(axis=1)
        number = int(support[np.asarray(labels)[voted] == 1].min(initial=len(pickers)))
        agreement[voted] = agreement_labels(support, len(pickers), number)
    return agreement


def scores_of(comments: Sequence[str], scores: Sequence[str] | None, pickers: np.ndarray) -> np.ndarray:
    """(m, K) score of each picker for each pick, NaN for none, from texts such as "1+3" and "0.8+nan"."""
    table = np.full((len(comments), len(pickers)), np.nan)
    column = {int(picker): k for k, picker in enumerate(pickers)}
    for row, (ids, values) in enumerate(zip(comments, scores or [], strict=False)):
        for picker, value in zip(ids.split("+"), values.split("+"), strict=True):
            if int(picker) in column:
                table[row, column[int(picker)]] = float(value)
    return table
