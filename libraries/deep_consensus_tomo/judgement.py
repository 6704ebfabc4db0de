"""One probability for a merged pick from its look, from who saw it, and from the scores that they gave it.

Pickers are not independent: two blob detectors agree on every blob. So their agreement proves nothing by itself, and nothing
is assumed about it. The network's opinion of the look, formed without votes and scores, decides what these are worth: they
are worth what the looks of the picks that carry them say on average. Look and votes are two views of one truth, each
teaching the other (co-training, Blum & Mitchell, COLT 1998).
"""

from __future__ import annotations

import numpy as np

SURENESS = 1e-3  # a network's score is never taken for more certain than this
# Votes and scores speak with an odds ratio fitted to the looks; the look of the pick itself then counts this much. More would
# trust one noisy box, less would ignore what distinguishes picks with the same votes. Chosen with SURE on four simulated sets
# (the demo's seed 1; two, three and five pickers that err independently); the benchmarks report other seeds.
LOOK_WEIGHT = 0.4
SURE = 4.0  # log-odds that larger ones approach: a few extreme picks must not be taken for one of the two groups
PENALTY = 1.0  # ridge of the logistic regression: one pseudo-observation a feature
STEPS = 30
ITERATIONS = 200
FEWEST = 20  # picks among which two groups can be told apart
PRIOR = 1.0  # pseudo-observations (of five) of a fifth of the whole variance: no group collapses onto a few picks
LARGEST_DEVIATION = 3.0  # standardised scores beyond this count as this: a gold bead must not bend the fit


def judge(look: np.ndarray, seen: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(m,) probability of each merged pick to be a particle.

    look: (m,) in [0, 1], the network's out-of-fold score.  seen: (m, K) bool, which picker saw it.  scores: (m, K) each picker's
    own score, NaN where it gave none; only their order of size and spread matter, not their unit.
    Deterministic; neither the order of the picks nor that of the pickers matters.
    """
    look = np.asarray(look, dtype=float)
    if not len(look):
        return np.zeros(0)
    log_odds = _logit(look)
    testimony = _logistic_fit(features_of(seen, scores), look)
    return upper_group(SURE * np.tanh((testimony + LOOK_WEIGHT * log_odds) / SURE))


def features_of(seen: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(m, 3 K) features: seen or not, and for seen picks the standardised score and the excess of its square; 0 where none."""
    seen = np.asarray(seen, dtype=float)
    given = np.isfinite(scores)
    n = np.maximum(given.sum(axis=0), 1)
    mean = np.where(given, scores, 0).sum(axis=0) / n
    deviation = np.sqrt((np.where(given, scores - mean, 0) ** 2).sum(axis=0) / n)
    z = np.where(given, (scores - mean) / np.maximum(deviation, np.finfo(float).tiny), 0)
    z = np.clip(np.where(deviation > 0, z, 0), -LARGEST_DEVIATION, LARGEST_DEVIATION)
    return np.concatenate([seen, z, np.where(given & (deviation > 0), z**2 - 1, 0)], axis=1)


def upper_group(values: np.ndarray) -> np.ndarray:
    """(m,) probability of each log-odds to belong to the upper of two groups, fitted as normal distributions.

    A higher value never gets a lower probability. Where a single group explains the values as well (by the Bayesian information
    criterion), they are all particles or all none: then their own log-odds are taken at their word.
    """
    spread, n = float(values.var()), len(values)
    if n < FEWEST or spread == 0:
        return _expit(values)
    centre, width, share = np.percentile(values, (15, 85)), np.full(2, spread / 4), np.full(2, 0.5)
    for _ in range(ITERATIONS):
        log = np.log(share) - 0.5 * (values[:, None] - centre) ** 2 / width - 0.5 * np.log(width)
        highest = log.max(axis=1, keepdims=True)
        member = np.exp(log - highest)
        evidence = float((highest[:, 0] + np.log(member.sum(axis=1))).sum())
        member /= member.sum(axis=1, keepdims=True)
        count = member.sum(axis=0) + np.finfo(float).tiny
        share, centre = count / count.sum(), (member * values[:, None]).sum(axis=0) / count
        width = ((member * (values[:, None] - centre) ** 2).sum(axis=0) + PRIOR * spread) / (count + 5 * PRIOR)
    one = -0.5 * n - 0.5 * n * np.log(spread)
    if evidence - one <= 1.5 * np.log(n):  # three numbers more to fit
        return _expit(values)
    # Between the centres the odds rise; beyond them the broader group would claim the values of the other side as well, so
    # the odds go on as they rise at the centre.
    low, high = np.argsort(centre)
    inside = np.clip(values, centre[low], centre[high])
    log = np.log(share) - 0.5 * (inside[:, None] - centre) ** 2 / width - 0.5 * np.log(width)
    beyond = (values - inside) * (centre[high] - centre[low]) / np.where(values > inside, width[low], width[high])
    return _expit(log[:, high] - log[:, low] + beyond)


def _logistic_fit(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(m,) log-odds of a ridge logistic regression of the target, in [0, 1], on the features (m, F)."""
    design = np.concatenate([np.ones((len(features), 1)), features], axis=1)
    ridge = np.r_[1e-6, np.full(features.shape[1], PENALTY)]
    weights = np.zeros(design.shape[1])
    for _ in range(STEPS):
        p = _expit(design @ weights)
        hessian = (design * np.maximum(p * (1 - p), 1e-6)[:, None]).T @ design + np.diag(ridge)
        weights += np.clip(np.linalg.solve(hessian, design.T @ (target - p) - ridge * weights), -2, 2)
    return design @ weights


def _expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))


def _logit(probability: np.ndarray) -> np.ndarray:
    p = np.clip(probability, SURENESS, 1 - SURENESS)
    return np.log(p / (1 - p))
