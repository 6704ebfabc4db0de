"""The probability that a merged pick is a particle, once a person has said of some picks what they are.

Which picks were shown depends on their scores, votes and tomograms only, all of which the fit knows. The answers are therefore no
biased sample of what is fitted: the share of particles among picks of the same evidence. They are one of the share among all
picks, which is never computed from them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .final_score import ScoreSpread
from .log_odds import expit, logit_of
from .merged_picks import scores_of, votes_of

MISTAKEN = 0.02  # share of wrong answers that the fit reckons with: one slip must not turn the scores of a hundred picks
FEWEST_ANSWERS = 10  # with fewer, only the picks that were answered change
# Prior precision of the factor of the score's log-odds (about 1), of the constant, and of the weight of each feature (about 0).
# Chosen with STRENGTHS and their prior on simulations with seeds 1 to 3; benchmarks/results/curation.md reports others.
OF_SCORE, OF_CONSTANT, OF_FEATURE = 2.0, 0.5, 2.0
# How strongly the scores are kept: each factor of the precisions has the weight of its evidence, so that answers which the scores
# foretold change nothing. The prior of a factor is its power PREFERENCE.
STRENGTHS, PREFERENCE = (0.5, 2.0, 8.0, 32.0, 1000.0), 0.6
CONTRADICTED = 0.85  # probability of the other answer from which on a pick is worth asking again: most of these are slips
DISAGREES = 3.0  # standard deviations: answers farther from the scores than by chance contradict them
STEPS, SMALLEST_GAIN, SMALLEST_STEP = 50, 1e-6, 1e-4


def evidence_of(network: np.ndarray, comments: Iterable[str], picker_scores: Iterable[str]) -> np.ndarray:
    """(m, F) features of merged picks: log-odds of the network score, votes and picker scores, each of deviation 1 or 0.

    network: (m,), NaN for none.  comments, picker_scores: (m,) texts of the merged picks.
    """
    comments, texts = list(comments), list(picker_scores)
    seen, pickers = votes_of(comments)
    given = texts if any(text != "nan" for text in texts) else None  # a table may have none at all
    of_network = np.where(np.isfinite(network), logit_of(np.nan_to_num(network, nan=0.5)), 0.0)
    scores = scores_of(comments, given, pickers)
    found = np.column_stack([of_network, ScoreSpread.of(scores).features(seen, scores)])
    deviation = found.std(axis=0)
    return (found - found.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def answered_scores(score: np.ndarray, evidence: np.ndarray, answered: np.ndarray, yes: np.ndarray) -> np.ndarray:
    """(m,) probability of each merged pick; those that were answered have 1 or 0.

    A Bayesian logistic regression on the log-odds of the score and on the features. Its prior is the score as it is. Averaged
    over the uncertainty of the fit (MacKay, Neural Computation 4, 720, 1992) and over STRENGTHS of the prior.
    score: (m,) in [0, 1].  evidence: (m, F) of `evidence_of`.  answered: (n,) rows.  yes: (n,) bool.
    """
    found = np.array(score, dtype=float)
    if len(answered) >= FEWEST_ANSWERS:
        found = _fitted(found, evidence, answered, yes)
    found[answered] = yes
    return found


def contradicted(score: np.ndarray, evidence: np.ndarray, answered: np.ndarray, yes: np.ndarray) -> np.ndarray:
    """The answered rows whose answer all the others speak against, the most doubtful first; arguments: `answered_scores`."""
    if len(answered) < FEWEST_ANSWERS:
        return np.zeros(0, dtype=int)
    fitted = _fitted(score, evidence, answered, yes)[answered]
    against = np.where(yes, 1 - fitted, fitted)
    order = np.argsort(-against, kind="stable")
    return answered[order[against[order] >= CONTRADICTED]]


def contradicts(score: np.ndarray, yes: np.ndarray) -> int:
    """How many answers say the opposite of the score of their pick; 0 where they are no more than calibrated scores allow.

    score: (n,) of the answered picks before the answers.  yes: (n,) bool.
    """
    p = np.clip(score, MISTAKEN, 1 - MISTAKEN)
    off = np.abs(yes - p)
    expected, variance = (2 * p * (1 - p)).sum(), (p * (1 - p) * np.square(1 - 2 * p)).sum()
    against = int((off > 0.5).sum())
    return against if len(p) >= FEWEST_ANSWERS and off.sum() - expected > DISAGREES * np.sqrt(variance) else 0


def _fitted(score: np.ndarray, evidence: np.ndarray, answered: np.ndarray, yes: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(score)), logit_of(score), evidence])
    prior = np.zeros(design.shape[1])
    prior[1] = 1.0
    precision = np.r_[OF_CONSTANT, OF_SCORE, np.full(evidence.shape[1], OF_FEATURE)]
    fits = [_fit(design, answered, yes.astype(float), prior, strength * precision) for strength in STRENGTHS]
    evidences = np.array([own for _, own in fits]) + PREFERENCE * np.log(STRENGTHS)
    weights = np.exp(evidences - evidences.max())
    return weights / weights.sum() @ np.array([probability for probability, _ in fits])


def _fit(
    design: np.ndarray, rows: np.ndarray, yes: np.ndarray, prior: np.ndarray, precision: np.ndarray
) -> tuple[np.ndarray, float]:
    """(m,) predictive probabilities, and the log-evidence (Laplace); Newton steps with a curvature that is always positive."""
    shown = design[rows]

    def cost(weights: np.ndarray) -> float:
        told = MISTAKEN + (1 - 2 * MISTAKEN) * expit(shown @ weights)
        missed = -(yes * np.log(told) + (1 - yes) * np.log(1 - told)).sum()
        return float(missed + 0.5 * (precision * (weights - prior) ** 2).sum())

    def curvature(weights: np.ndarray) -> np.ndarray:
        p = expit(shown @ weights)
        return shown.T @ ((p * (1 - p))[:, None] * shown) + np.diag(precision)

    weights, least = prior.copy(), cost(prior)
    for _ in range(STEPS):
        p = expit(shown @ weights)
        told = MISTAKEN + (1 - 2 * MISTAKEN) * p
        slope = ((1 - yes) / (1 - told) - yes / told) * (1 - 2 * MISTAKEN) * p * (1 - p)
        step = np.linalg.solve(curvature(weights), shown.T @ slope + precision * (weights - prior))
        part = 1.0
        while part > SMALLEST_STEP and cost(weights - part * step) > least:
            part /= 2
        before, now = least, cost(weights - part * step)
        if now >= before - SMALLEST_GAIN:
            break
        weights, least = weights - part * step, now
    found = curvature(weights)
    covariance = np.linalg.inv(found)
    variance = np.einsum("ij,ij->i", design @ covariance, design)
    evidence = -least + 0.5 * np.log(precision).sum() - 0.5 * np.linalg.slogdet(found)[1]
    return expit(design @ weights / np.sqrt(1 + np.pi * variance / 8)), float(evidence)
