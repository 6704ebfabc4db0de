"""Kinds of merged picks, from votes and network scores together: the particle, what looks like it, and the errors of each picker.

A picker that takes every complex says nothing about which complex it took; one that seldom takes a lookalike says much. Agreement
counts both alike. Within one kind the votes are taken as independent, and the log-odds of the network score as normal, so that
the kinds show where the votes of some pickers go together with the network score (latent-class analysis, Lazarsfeld & Henry,
1968). The number of kinds is that of the least Bayesian information criterion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .picker_reliability import TINY, votes_of_witnesses, witnesses_of

FEWEST_WITNESSES = 3  # the votes of two are three numbers, which any two kinds explain
MOST_KINDS = 8
STEP = 0.25  # of the log-odds: picks of the same votes within it are fitted as one
# With x, the agreement of a kind divided by that of the kind that agrees most, the odds of particles in it are
# HALF_AS_OFTEN * (x / (1 - x)) ** STEEPNESS: at a half they are mostly lookalikes, at nine tenths mostly faint particles. Chosen
# on seeds 1 and 2; benchmarks/results/accuracy_what_helped.md has others.
HALF_AS_OFTEN, STEEPNESS = 0.25, 4
SIDE = 0.95  # share of a kind that begins on its side, when it is divided
TRIAL_ROUNDS, ROUNDS, CHANGE = 8, 300, 1e-3
TRIED = 3  # best divisions of which the whole fit is made
LEAST_PICKS = 2.0  # of a new kind
WIDTH_PRIOR = (5.0, 0.3)  # number of pseudo-picks, and their variance as a share of that of all picks


@dataclass(frozen=True)
class Kinds:
    """C kinds of the picks of K pickers, which are W witnesses.

    witness: (K,) number of the witness of each picker.  share: (C,) of the picks.  rate: (C, W) probability that a witness finds
    a pick of the kind.  mean, deviation: (C,) of the log-odds of the network score.  particles: (C,) share of particles among the
    picks of the kind.
    """

    witness: np.ndarray
    share: np.ndarray
    rate: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    particles: np.ndarray

    def particle_share(self, seen: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
        """(m,) probability of picks to be particles, from their votes (m, K) bool and the log-odds (m,) of their network
        scores."""
        return np.asarray(self._belonging(votes_of_witnesses(seen, self.witness).astype(float), log_odds)[0] @ self.particles)

    def _belonging(self, votes: np.ndarray, log_odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m, C) probability of each kind, and (m,) logarithm of the probability of each pick."""
        away = (log_odds[:, None] - self.mean) / self.deviation
        each = np.log(self.share) - np.log(self.deviation) - away**2 / 2 - np.log(2 * np.pi) / 2
        each = each + votes @ np.log(self.rate).T + (1 - votes) @ np.log1p(-self.rate).T
        whole = np.logaddexp.reduce(each, axis=1)
        return np.exp(each - whole[:, None]), whole

    @staticmethod
    def learned(seen: np.ndarray, log_odds: np.ndarray, agreement: np.ndarray) -> Kinds | None:
        """From merged picks; None where there are fewer than three witnesses, or the picks are of one kind.

        seen: (m, K) bool.  log_odds: (m,) of the network score, out of fold.  agreement: (m,) training label from the votes.
        Deterministic; the order of the picks and of the pickers does not matter.
        """
        witness = witnesses_of(seen)
        if not len(seen) or witness.max(initial=-1) + 1 < FEWEST_WITNESSES:
            return None
        votes = votes_of_witnesses(seen, witness)
        found = _fit(_Groups.of(votes, log_odds), witness)
        if len(found.share) < 2:
            return None
        belonging, _ = found._belonging(votes.astype(float), log_odds)
        agreed = agreement**2 @ belonging / belonging.sum(axis=0)
        if not agreed.max() > 0:
            return None
        ratio = agreed / agreed.max()
        odds, against = HALF_AS_OFTEN * ratio**STEEPNESS, (1 - ratio) ** STEEPNESS
        return Kinds(witness, found.share, found.rate, found.mean, found.deviation, odds / (odds + against))


@dataclass(frozen=True)
class _Groups:
    """Picks of the same votes (g, W) and nearly the same log-odds (g,), and how many they are (g,)."""

    votes: np.ndarray
    log_odds: np.ndarray
    number: np.ndarray

    @staticmethod
    def of(votes: np.ndarray, log_odds: np.ndarray) -> _Groups:
        rows, number = np.unique(np.column_stack([votes, np.round(log_odds / STEP)]), axis=0, return_counts=True)
        return _Groups(rows[:, :-1], rows[:, -1] * STEP, number.astype(float))

    def kinds(self, witness: np.ndarray, belonging: np.ndarray) -> Kinds:
        """The kinds that fit best if the groups belong to them by `belonging` (g, C)."""
        picks = belonging * self.number[:, None]
        size = picks.sum(axis=0) + TINY  # a kind may lose all its picks to the others
        mean = picks.T @ self.log_odds / size
        middle = np.average(self.log_odds, weights=self.number)
        pseudo, part = WIDTH_PRIOR
        whole = np.average((self.log_odds - middle) ** 2, weights=self.number) + STEP**2
        variance = ((picks * (self.log_odds[:, None] - mean) ** 2).sum(axis=0) + pseudo * part * whole) / (size + pseudo)
        rate = (picks.T @ self.votes + 1) / (size[:, None] + 2)
        return Kinds(witness, size / size.sum(), rate, mean, np.sqrt(variance), np.zeros(len(size)))


@dataclass(frozen=True)
class _Fit:
    kinds: Kinds
    belonging: np.ndarray
    log_likelihood: float


def _fit(groups: _Groups, witness: np.ndarray) -> Kinds:
    """The number of kinds grows by one: the kind whose division describes the picks best is divided."""

    def criterion(fit: _Fit) -> float:
        n_numbers = len(fit.kinds.share) * (groups.votes.shape[1] + 3) - 1
        return float(n_numbers * np.log(groups.number.sum()) - 2 * fit.log_likelihood)

    fits = [_improved(groups, witness, np.ones((len(groups.number), 1)), 1)]
    while len(fits) < MOST_KINDS and (divisions := _divisions(groups, fits[-1])):
        trials = [_improved(groups, witness, begin, TRIAL_ROUNDS) for begin in divisions]
        trials.sort(key=lambda trial: -trial.log_likelihood)
        whole = [_improved(groups, witness, trial.belonging, ROUNDS) for trial in trials[:TRIED]]
        fits.append(max(whole, key=lambda fit: fit.log_likelihood))
    return min(fits, key=criterion).kinds


def _divisions(groups: _Groups, fit: _Fit) -> list[np.ndarray]:
    """(g, C + 1) where each kind is divided by the votes of each witness, and by its mean log-odds."""
    found = []
    for kind in range(len(fit.kinds.share)):
        own, others = fit.belonging[:, kind], np.delete(fit.belonging, kind, axis=1)
        for side in (*groups.votes.T, groups.log_odds > fit.kinds.mean[kind]):
            part = np.where(side, SIDE, 1 - SIDE)
            begin = np.column_stack([others, own * part, own * (1 - part)])
            if (groups.number @ begin).min() >= LEAST_PICKS:
                found.append(begin)
    return found


def _improved(groups: _Groups, witness: np.ndarray, belonging: np.ndarray, rounds: int) -> _Fit:
    """Expectation and maximisation from a beginning (g, C)."""
    before = -np.inf
    for _ in range(rounds):
        kinds = groups.kinds(witness, belonging)
        belonging, each = kinds._belonging(groups.votes, groups.log_odds)
        likelihood = float(groups.number @ each)
        if likelihood - before < CHANGE:
            break
        before = likelihood
    return _Fit(kinds, belonging, likelihood)
