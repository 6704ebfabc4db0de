"""The probability that a merged pick is a particle, from network score, votes and picker scores.

Pickers are not independent: two blob detectors agree on every blob. So nothing is assumed about their common errors. The network
score is calibrated against picker agreement; picker agreement and picker scores are calibrated against the network score. Network
score and picker evidence are two views of the same data, and each trains the other (co-training, Blum & Mitchell, COLT 1998).
Picker evidence means the votes and the picker scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from .labels import agreement_of
from .merged_picks import references_of, scores_of, votes_of
from .picker_reliability import TINY, Reliability, estimate_reliability, votes_alone
from .two_normals import SUREST, odds_of_two_normals, separation

SURENESS = 1e-3  # probabilities are clipped to this distance from 0 and 1
# Chosen on simulations with seeds 1 and 2; benchmarks/results/accuracy.md reports others.
# A pattern of votes is weighted by its fraction of clear positives: picks whose network score exceeds that of the lowest 40 % (by
# probability mass) of the particles. The mean score does not work: if all scores are near 0.5, there are no clear particles.
CLEARLY = 0.4
SOFTNESS = 0.25  # width of the soft limit of clear positives, as a fraction of the spread of the particles
# Weight of the network score's log-odds, at most 1: this factor times the squared separation of particles and others by network
# score. A weak network score makes the same errors as the votes (a neighbouring particle misleads both).
NETWORK_TRUST = 1.5
RIDGE, RIDGE_OF_ONE = 1.0, 0.1  # strength of the ridge penalty: for many features, for a single feature
PRIOR_LABEL_RATES = (1.0, -2.0)  # prior log-odds of the mean label of particles, and of the ratio of that of others to it
MOST_OF_THE_REST = 0.8  # upper limit of the mean label of others, as a fraction of the mean label of particles
# Seeds 1 to 3: the ratio of the separations is 1.0 to 1.3 where two normals find the particles, 0.6 to 0.8 where they do not.
AS_CLEARLY = 0.9
UNCONFIRMED = 0.5  # weight of log-odds that no second picker confirms
LARGEST_DEVIATION = 3.0  # standardised scores are clipped to this, so that a gold bead cannot distort the fit


def final_probability(
    network_score: np.ndarray, seen: np.ndarray, scores: np.ndarray, agreement: np.ndarray, two_groups: bool = False
) -> np.ndarray:
    """(m,) probability of each merged pick to be a particle.

    network_score: (m,) in [0, 1], out of fold.  seen: (m, K) bool, whether each picker found the pick.  scores: (m, K) picker
    scores, NaN if the picker gave none; each picker's are standardised, so their unit does not matter.  agreement: (m,) in
    [0, 1], training label from the votes.  two_groups: see `odds_by_network_score`.  Deterministic; the order of the picks and
    of the pickers does not matter.
    """
    network_score = np.asarray(network_score, dtype=float)
    if not len(network_score):
        return np.zeros(0)
    by_network = odds_by_network_score(network_score, agreement, two_groups)
    return expit(_with_evidence(network_score, by_network, features_of(seen, scores), np.ones(len(network_score), dtype=bool)))


def final_probability_against_noise(
    network_score: np.ndarray, noise: np.ndarray, seen: np.ndarray, scores: np.ndarray, comparable: np.ndarray
) -> np.ndarray:
    """(m,) probability of each merged pick to be a particle, for pickers that agree no more often than by chance.

    The network score is then calibrated against noise instead of agreement; the rest is as in `final_probability`. So a picker
    that is right where all others are wrong keeps its picks. The log-odds count half (UNCONFIRMED): no picker confirms another,
    and the network only knows what is unlike noise.

    noise: (k,) network scores of noise picks.  comparable: (m,) bool, whether a pick lies where noise could be picked; the others
    have the probability of their picker evidence.  network_score, seen, scores: as in `final_probability`.
    """
    network_score = np.asarray(network_score, dtype=float)
    known = np.concatenate([network_score[comparable], noise])
    is_pick = np.arange(len(known)) < comparable.sum()
    by_network = labelled_odds(logit_of(known)[:, None], is_pick.astype(float), RIDGE_OF_ONE)[is_pick]
    odds = _with_evidence(network_score[comparable], by_network, features_of(seen, scores), comparable)
    return expit(UNCONFIRMED * odds)


def _with_evidence(network_score: np.ndarray, by_network: np.ndarray, features: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """(m,) log-odds from network score and picker evidence.

    network_score, by_network: (n,) scores and the log-odds from them, of the picks `scored` (m,) bool.  features: (m, F) of all.
    """
    probability = expit(by_network)
    clear = clear_positives(logit_of(network_score), probability)
    odds = labelled_odds(features[scored], clear, RIDGE, label_rates_of(clear, probability), of=features)
    base = logit_of((probability.mean() + expit(odds[scored]).mean()) / 2)
    of_particles, of_others = label_rates_of(probability, probability)
    odds[scored] += min(1.0, NETWORK_TRUST * (of_particles - of_others) ** 2) * (by_network - base)
    return odds


def odds_by_network_score(network_score: np.ndarray, agreement: np.ndarray, two_groups: bool = False) -> np.ndarray:
    """(m,) log-odds of each merged pick to be a particle, from its network score (m,) alone; see `final_probability`.

    two_groups: for two pickers, after a second look, which sets particles and others apart. By agreement alone the promise is
    too low if one picker misses the faint particles. So the log-odds are the mean of those by agreement and of those of two
    normal distributions, unless these divide the picks less clearly: then the others are of several kinds, not of one.
    """
    values = logit_of(network_score)
    nearly_full = agreement**2  # squared: only nearly full agreement counts
    odds = labelled_odds(values[:, None], nearly_full, RIDGE_OF_ONE)
    if not two_groups:
        return odds
    by_agreement, by_groups = np.clip(odds, -SUREST, SUREST), odds_of_two_normals(values, odds)
    if separation(values, expit(by_groups)) < AS_CLEARLY * separation(values, expit(by_agreement)):
        return odds
    return (by_agreement + by_groups) / 2


def clear_positives(log_odds: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(m,) clear positives: near 1 if the network score exceeds that of the fraction CLEARLY of the particles, otherwise near 0.

    log_odds: (m,) of the network score.  probability: (m,) of being a particle, from the network score.
    """
    order = np.argsort(log_odds, kind="stable")
    share = np.cumsum(probability[order]) / probability.sum()
    limit = log_odds[order[min(int(np.searchsorted(share, CLEARLY)), len(order) - 1)]]
    spread = np.sqrt(np.average((log_odds - limit) ** 2, weights=probability))
    return expit((log_odds - limit) / max(SOFTNESS * spread, np.finfo(float).tiny))


def features_of(seen: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(m, 3 K) features: for each picker its vote, its standardised score, and the square of that minus 1; 0 without a score."""
    seen = np.asarray(seen, dtype=float)
    given = np.isfinite(scores)
    n = np.maximum(given.sum(axis=0), 1)
    mean = np.where(given, scores, 0).sum(axis=0) / n
    deviation = np.sqrt((np.where(given, scores - mean, 0) ** 2).sum(axis=0) / n)
    z = np.where(given, (scores - mean) / np.maximum(deviation, np.finfo(float).tiny), 0)
    z = np.clip(np.where(deviation > 0, z, 0), -LARGEST_DEVIATION, LARGEST_DEVIATION)
    return np.concatenate([seen, z, np.where(given & (deviation > 0), z**2 - 1, 0)], axis=1)


def label_rates_of(label: np.ndarray, probability: np.ndarray) -> tuple[float, float]:
    """Mean label (m,) of particles and of others, weighted by `probability` (m,) of being a particle.

    One certain particle and one certain other are added, so that the two means differ even if all picks are of one kind.
    """
    top = float((1 + (probability * label).sum()) / (1 + probability.sum()))
    rest = float(((1 - probability) * label).sum() / (1 + (1 - probability).sum()))
    return top, min(rest, MOST_OF_THE_REST * top)


def labelled_odds(
    features: np.ndarray,
    label: np.ndarray,
    ridge: float,
    label_rates: tuple[float, float] | None = None,
    of: np.ndarray | None = None,
) -> np.ndarray:
    """(m,) log-odds to be a particle: logistic regression on features (m, F) with uncertain labels (m,) in [0, 1].

    of: (n, F) features of other picks, of which (n,) log-odds are returned instead; they are not fitted.

    The expected label is `label_rates[0]` for a particle and `label_rates[1]` for others; both are fitted if they are not given.
    If the labels come from votes, the data are positive-unlabelled, and label_rates[0] is the label frequency of Elkan and Noto
    (KDD 2008).
    """
    mean, spread = (features.mean(axis=0), features.std(axis=0)) if label_rates is None else (0.0, 1.0)

    def design_of(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([np.ones((len(rows), 1)), (rows - mean) / np.where(spread > 0, spread, 1)], axis=1)

    design = design_of(features)
    penalty = np.r_[1e-3, np.full(features.shape[1], ridge)]
    size = design.shape[1]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights, free = values[:size], values[size:]
        top, ratio = expit(free) if label_rates is None else (label_rates[0], label_rates[1] / label_rates[0])
        p = expit(design @ weights)
        expected = np.clip(top * (ratio + (1 - ratio) * p), 1e-6, 1 - 1e-6)
        cost = -(label * np.log(expected) + (1 - label) * np.log(1 - expected)).sum() + 0.5 * (penalty * weights**2).sum()
        slope = (1 - label) / (1 - expected) - label / expected
        gradient = design.T @ (slope * top * (1 - ratio) * p * (1 - p)) + penalty * weights
        if label_rates is not None:
            return cost, gradient
        excess = free - np.array(PRIOR_LABEL_RATES)
        of_top = (slope * expected).sum() * (1 - top)
        of_ratio = (slope * (1 - p)).sum() * top * ratio * (1 - ratio)
        return cost + 0.5 * (excess**2).sum(), np.concatenate([gradient, excess + np.array([of_top, of_ratio])])

    start = np.zeros(size) if label_rates is not None else np.r_[0.0, np.full(size - 1, 2.0), PRIOR_LABEL_RATES]
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x[:size]
    return (design if of is None else design_of(of)) @ weights


def expit(x: np.ndarray) -> np.ndarray:
    """Logistic function: the probability of log-odds."""
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))


def logit_of(probability: np.ndarray) -> np.ndarray:
    """Log-odds of a probability, clipped to [SURENESS, 1 - SURENESS]."""
    p = np.clip(probability, SURENESS, 1 - SURENESS)
    return np.log(p / (1 - p))


def score_merged_picks(
    comments: Sequence[str],
    labels: np.ndarray,
    network_score: np.ndarray | None = None,
    scores: Sequence[str] | None = None,
    network_weight: float = 1.0,
    noise: np.ndarray | None = None,
    comparable: np.ndarray | None = None,
    two_groups: bool = False,
) -> Reliability:
    """Reliability of the pickers and posterior of every merged pick. The references of the user count as certain.

    comments: (m,) the pickers of each pick, such as "1+3"; a leading 0 marks a reference.  labels: (m,) 1 for a positive
    reference, -1 for a negative one, any value for other picks.  network_score: (m,), or None: the votes alone decide.
    scores: (m,) picker scores in the order of `comments`, such as "0.8+nan", or None.  network_weight: in [0, 1], of the
    probability from network score, votes and picker scores; the probability from votes alone has the weight 1 - network_weight.
    Both as log-odds.
    noise, comparable: see `final_probability_against_noise`, which is used if they are given.  two_groups: see
    `odds_by_network_score`.
    """
    seen, pickers = votes_of(comments)
    free = ~references_of(comments) & seen.any(axis=1)
    posterior = (np.asarray(labels) > 0).astype(float)
    if not free.any():  # nothing to learn from
        unknown = np.full(len(pickers), np.nan)
        return Reliability(pickers, unknown, unknown, np.nan, unknown, posterior)
    fitted = estimate_reliability(seen[free], pickers)
    posterior[free] = votes_alone(seen[free])
    if network_score is not None and network_weight > 0:
        own, voted = np.asarray(network_score)[free], seen[free]
        of_pickers = scores_of(comments, scores, pickers)[free]
        if noise is None or comparable is None:
            of_network = final_probability(own, voted, of_pickers, agreement_of(comments, labels)[free], two_groups)
        else:
            of_network = final_probability_against_noise(own, noise, voted, of_pickers, comparable[free])
        posterior[free] = expit(network_weight * logit_of(of_network) + (1 - network_weight) * logit_of(posterior[free]))
        expected = posterior[free] @ seen[free]
        fitted = replace(
            fitted, precision=expected / np.maximum(1, seen[free].sum(axis=0)), recall=expected / max(posterior[free].sum(), TINY)
        )
    return replace(fitted, posterior=posterior)
