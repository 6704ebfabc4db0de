"""The probability that a merged pick is a particle, from network score, votes and picker scores.

Pickers are not independent: two blob detectors agree on every blob. So nothing is assumed about their common errors. The network
score is calibrated against picker agreement; picker agreement and picker scores are calibrated against the network score. Network
score and picker evidence are two views of the same data, and each trains the other (co-training, Blum & Mitchell, COLT 1998).
Picker evidence means the votes and the picker scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .kinds import Kinds
from .labels import agreement_of
from .log_odds import RIDGE, RIDGE_OF_ONE, Odds, TabulatedOdds, expit, fit_odds, label_rates_of, logit_of
from .merged_picks import references_of, scores_of, votes_of
from .picker_reliability import TINY, Reliability, VotePatterns, estimate_reliability
from .two_normals import SUREST, odds_of_two_normals, separation

# Chosen on simulations with seeds 1 and 2; benchmarks/results/accuracy.md reports others.
# A pattern of votes is weighted by its fraction of clear positives: picks whose network score exceeds that of the lowest 40 % (by
# probability mass) of the particles. The mean score does not work: if all scores are near 0.5, there are no clear particles.
CLEARLY = 0.4
SOFTNESS = 0.25  # width of the soft limit of clear positives, as a fraction of the spread of the particles
# Weight of the network score's log-odds, at most 1: this factor times the squared separation of particles and others by network
# score. A weak network score makes the same errors as the votes (a neighbouring particle misleads both).
NETWORK_TRUST = 1.5
# Seeds 1 to 3: the ratio of the separations is 1.0 to 1.3 where two normals find the particles, 0.6 to 0.8 where they do not.
AS_CLEARLY = 0.9
UNCONFIRMED = 0.5  # weight of log-odds that no second picker confirms
# With many picks a network foretells how many pickers find a particle. Then no network score makes a pick a particle for sure,
# and the two views, taken as independent, count particles that one picker found far too low. The kinds do not. With q, the
# probability by network score alone that a hundredth of the picks exceeds, the kinds weigh 1 - q ** STEEPNESS / 2. Chosen on
# seed 1; benchmarks/results/accuracy_what_helped.md has others.
ONE_IN_A_HUNDRED, STEEPNESS = 0.99, 4
LARGEST_DEVIATION = 3.0  # standardised scores are clipped to this, so that a gold bead cannot distort the fit


@dataclass(frozen=True)
class ScoreSpread:
    """Mean and deviation (K,) of the scores of each picker, in its own unit."""

    mean: np.ndarray
    deviation: np.ndarray

    @staticmethod
    def of(scores: np.ndarray) -> ScoreSpread:
        """Of the scores (m, K) of merged picks, NaN if the picker gave none."""
        given = np.isfinite(scores)
        n = np.maximum(given.sum(axis=0), 1)
        mean = np.where(given, scores, 0).sum(axis=0) / n
        return ScoreSpread(mean, np.sqrt((np.where(given, scores - mean, 0) ** 2).sum(axis=0) / n))

    def features(self, seen: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """(m, 3 K) features: for each picker its vote, its standardised score, and the square of that minus 1; 0 without a
        score."""
        given = np.isfinite(scores)
        z = np.where(given, (scores - self.mean) / np.maximum(self.deviation, np.finfo(float).tiny), 0)
        z = np.clip(np.where(self.deviation > 0, z, 0), -LARGEST_DEVIATION, LARGEST_DEVIATION)
        return np.concatenate([np.asarray(seen, dtype=float), z, np.where(given & (self.deviation > 0), z**2 - 1, 0)], axis=1)


@dataclass(frozen=True)
class Evidence:
    """How network score and picker evidence give the log-odds of a merged pick, learned from many.

    by_network: of the log-odds of the network score.  spread, by_pickers: of the picker evidence.  trust: weight of the former;
    base: what is subtracted from it.  factor: of the sum.  kinds: if there are some, the log-odds are a mean of these and of
    those of the kinds.  weight_of_kinds: in this mean, 0.5 to 1.
    """

    by_network: Odds | TabulatedOdds
    spread: ScoreSpread
    by_pickers: Odds
    trust: float
    base: float
    factor: float = 1.0
    kinds: Kinds | None = None
    weight_of_kinds: float = 0.5

    def odds(self, network_score: np.ndarray, seen: np.ndarray, scores: np.ndarray, scored: np.ndarray) -> np.ndarray:
        """(m,) log-odds. scored: (m,) bool, whose network score counts; of the others the picker evidence alone does."""
        odds = self.by_pickers.of(self.spread.features(seen, scores))
        odds[scored] += self.trust * (self.by_network.of(logit_of(network_score[scored])[:, None]) - self.base)
        odds *= self.factor
        if self.kinds is not None:
            of_kinds = logit_of(self.kinds.particle_share(seen[scored], logit_of(network_score[scored])))
            odds[scored] = (1 - self.weight_of_kinds) * odds[scored] + self.weight_of_kinds * of_kinds
        return odds

    @staticmethod
    def learned(
        network_score: np.ndarray,
        seen: np.ndarray,
        scores: np.ndarray,
        agreement: np.ndarray,
        two_groups: bool = False,
        outlying: np.ndarray | None = None,
    ) -> Evidence:
        """From merged picks; see `final_probability`."""
        every = np.ones(len(network_score), dtype=bool)
        evidence = _with_pickers(_fit_network(network_score, agreement, two_groups), network_score, seen, scores, every)
        usual = every if outlying is None else ~outlying
        values = logit_of(network_score)
        sure = float(np.quantile(expit(evidence.by_network.of(values[:, None])), ONE_IN_A_HUNDRED))
        kinds = Kinds.learned(seen[usual], values[usual], agreement[usual])
        return replace(evidence, kinds=kinds, weight_of_kinds=1 - sure**STEEPNESS / 2)

    @staticmethod
    def learned_against_noise(
        network_score: np.ndarray, noise: np.ndarray, seen: np.ndarray, scores: np.ndarray, comparable: np.ndarray
    ) -> Evidence:
        """From merged picks and noise; see `final_probability_against_noise`."""
        known = np.concatenate([network_score[comparable], noise])
        is_pick = np.arange(len(known)) < comparable.sum()
        by_network = fit_odds(logit_of(known)[:, None], is_pick.astype(float), RIDGE_OF_ONE)
        return replace(_with_pickers(by_network, network_score, seen, scores, comparable), factor=UNCONFIRMED)


def final_probability(
    network_score: np.ndarray, seen: np.ndarray, scores: np.ndarray, agreement: np.ndarray, two_groups: bool = False
) -> np.ndarray:
    """(m,) probability of each merged pick to be a particle.

    network_score: (m,) in [0, 1], out of fold.  seen: (m, K) bool, whether each picker found the pick.  scores: (m, K) picker
    scores, NaN if the picker gave none; each picker's are standardised, so their unit does not matter.  agreement: (m,) in
    [0, 1], training label from the votes.  two_groups: see `odds_by_network_score`.  Deterministic; the order of the picks and
    of the pickers does not matter.

    From three pickers on, the log-odds are a mean of those of the two views and of those of the kinds of picks (`Kinds`).
    """
    network_score = np.asarray(network_score, dtype=float)
    if not len(network_score):
        return np.zeros(0)
    evidence = Evidence.learned(network_score, seen, scores, agreement, two_groups)
    return expit(evidence.odds(network_score, seen, scores, np.ones(len(network_score), dtype=bool)))


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
    evidence = Evidence.learned_against_noise(network_score, noise, seen, scores, comparable)
    return expit(evidence.odds(network_score, seen, scores, comparable))


def _fit_network(network_score: np.ndarray, agreement: np.ndarray, two_groups: bool) -> Odds | TabulatedOdds:
    """See `odds_by_network_score`."""
    values = logit_of(network_score)
    nearly_full = agreement**2  # squared: only nearly full agreement counts
    fitted = fit_odds(values[:, None], nearly_full, RIDGE_OF_ONE)
    if not two_groups:
        return fitted
    odds = fitted.of(values[:, None])
    by_agreement, by_groups = np.clip(odds, -SUREST, SUREST), odds_of_two_normals(values, odds)
    if separation(values, expit(by_groups)) < AS_CLEARLY * separation(values, expit(by_agreement)):
        return fitted
    known, first = np.unique(values, return_index=True)
    return TabulatedOdds(known, ((by_agreement + by_groups) / 2)[first])


def _with_pickers(
    by_network: Odds | TabulatedOdds, network_score: np.ndarray, seen: np.ndarray, scores: np.ndarray, scored: np.ndarray
) -> Evidence:
    """The picker evidence of merged picks (m), weighted by their network scores where these count: scored (m,) bool."""
    log_odds = logit_of(network_score[scored])
    probability = expit(by_network.of(log_odds[:, None]))
    clear = clear_positives(log_odds, probability)
    spread = ScoreSpread.of(scores)
    features = spread.features(seen, scores)[scored]
    by_pickers = fit_odds(features, clear, RIDGE, label_rates_of(clear, probability))
    base = logit_of((probability.mean() + expit(by_pickers.of(features)).mean()) / 2)
    of_particles, of_others = label_rates_of(probability, probability)
    trust = min(1.0, NETWORK_TRUST * (of_particles - of_others) ** 2)
    return Evidence(by_network, spread, by_pickers, float(trust), float(base))


def odds_by_network_score(network_score: np.ndarray, agreement: np.ndarray, two_groups: bool = False) -> np.ndarray:
    """(m,) log-odds of each merged pick to be a particle, from its network score (m,) alone; see `final_probability`.

    two_groups: for two pickers, after a second look, which sets particles and others apart. By agreement alone the promise is
    too low if one picker misses the faint particles. So the log-odds are the mean of those by agreement and of those of two
    normal distributions, unless these divide the picks less clearly: then the others are of several kinds, not of one.
    """
    return _fit_network(network_score, agreement, two_groups).of(logit_of(network_score)[:, None])


def clear_positives(log_odds: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(m,) clear positives: near 1 if the network score exceeds that of the fraction CLEARLY of the particles, otherwise near 0.

    log_odds: (m,) of the network score.  probability: (m,) of being a particle, from the network score.
    """
    order = np.argsort(log_odds, kind="stable")
    share = np.cumsum(probability[order]) / probability.sum()
    limit = log_odds[order[min(int(np.searchsorted(share, CLEARLY)), len(order) - 1)]]
    spread = np.sqrt(np.average((log_odds - limit) ** 2, weights=probability))
    return expit((log_odds - limit) / max(SOFTNESS * spread, np.finfo(float).tiny))


@dataclass(frozen=True)
class PickFit:
    """What gives each merged pick its probability, learned from many merged picks.

    pickers: (K,) ids.  votes: None if there were none to learn from.  evidence: None if the votes alone decide.
    """

    pickers: np.ndarray
    votes: VotePatterns | None
    evidence: Evidence | None

    def posterior(
        self,
        comments: Sequence[str],
        labels: np.ndarray,
        network_score: np.ndarray | None = None,
        scores: Sequence[str] | None = None,
        network_weight: float = 1.0,
        comparable: np.ndarray | None = None,
    ) -> np.ndarray:
        """(m,) probabilities of merged picks, of those that it was learned from or of others; see `score_merged_picks`."""
        posterior = (np.asarray(labels) > 0).astype(float)
        free = ~references_of(comments)
        if not free.any() or self.votes is None:
            return posterior
        seen = votes_of(comments, self.pickers)[0][free]
        posterior[free] = self.votes.of(seen)
        if network_score is not None and self.evidence is not None and network_weight > 0:
            scored = np.ones(len(seen), dtype=bool) if comparable is None else comparable[free]
            of_pickers = scores_of(comments, scores, self.pickers)[free]
            of_network = expit(self.evidence.odds(np.asarray(network_score, dtype=float)[free], seen, of_pickers, scored))
            posterior[free] = expit(network_weight * logit_of(of_network) + (1 - network_weight) * logit_of(posterior[free]))
        return posterior


def fit_merged_picks(
    comments: Sequence[str],
    labels: np.ndarray,
    network_score: np.ndarray | None = None,
    scores: Sequence[str] | None = None,
    noise: np.ndarray | None = None,
    comparable: np.ndarray | None = None,
    two_groups: bool = False,
    votes: VotePatterns | None = None,
    outlying: np.ndarray | None = None,
) -> PickFit:
    """What `score_merged_picks` learns from merged picks; without network_score only the votes. votes: if they were learned
    from these picks already.  outlying: (m,) bool, picks of outlying contrast, which are no kind."""
    seen, pickers = votes_of(comments)
    free = ~references_of(comments)
    if not free.any():
        return PickFit(pickers, None, None)
    votes, evidence = votes or VotePatterns.learned(seen[free]), None
    if network_score is not None:
        own, voted = np.asarray(network_score, dtype=float)[free], seen[free]
        of_pickers = scores_of(comments, scores, pickers)[free]
        if noise is None or comparable is None:
            unusual = None if outlying is None else outlying[free]
            evidence = Evidence.learned(own, voted, of_pickers, agreement_of(comments, labels)[free], two_groups, unusual)
        else:
            evidence = Evidence.learned_against_noise(own, noise, voted, of_pickers, comparable[free])
    return PickFit(pickers, votes, evidence)


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
    of_network = network_score if network_weight > 0 else None
    fit = fit_merged_picks(comments, labels, of_network, scores, noise, comparable, two_groups)
    return reliability_of(fit, comments, fit.posterior(comments, labels, network_score, scores, network_weight, comparable))


def reliability_of(fit: PickFit, comments: Sequence[str], posterior: np.ndarray) -> Reliability:
    """Reliability of the pickers for merged picks with these probabilities (m,)."""
    seen, free = votes_of(comments, fit.pickers)[0], ~references_of(comments)
    if not free.any():  # nothing to learn from
        unknown = np.full(len(fit.pickers), np.nan)
        return Reliability(fit.pickers, unknown, unknown, np.nan, unknown, posterior)
    fitted = replace(estimate_reliability(seen[free], fit.pickers), posterior=posterior)
    if fit.evidence is None:
        return fitted
    expected = posterior[free] @ seen[free]
    precision = expected / np.maximum(1, seen[free].sum(axis=0))
    return replace(fitted, precision=precision, recall=expected / max(posterior[free].sum(), TINY))
