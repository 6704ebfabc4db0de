"""Reliability of each picker, and the probability of a pattern of votes, from the agreement of the pickers alone.

A latent-class model is fitted by expectation maximisation, after Dawid & Skene (1979). Each picker finds a true particle
independently, with a probability that is its recall. A false pick comes from one picker, and others share it by coincidence (a
gold bead that two pickers pick). Objects that no picker found are not in the data, so both classes are conditioned on being found
at least once. Without a network (voting), this model alone gives the result. With network scores, `final_score` is used; it does
not assume that pickers err independently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

ITERATIONS = 200
# Priors as pseudo-observations. They are needed because two pickers alone do not determine the model.
RECALL_PRIOR = (14.0, 6.0)  # for a particle: found, not found
COINCIDENCE_PRIOR = (2.0, 18.0)  # for a false pick and another picker: shared, not shared
TINY = 1e-12
TOLERANCE = 1e-5
# Pickers that share this fraction of all their picks (Jaccard index) are not independent: one file given twice, or two
# blob detectors. They count as one witness. Independent pickers of recall 0.9 without a false pick share 0.82.
SAME_WITNESS = 0.9
FEWEST_SHARED = 10  # two pickers with fewer shared picks always count as two witnesses


@dataclass(frozen=True)
class Reliability:
    """Reliability of K pickers with m merged picks.

    pickers: (K,) ids.  recall: (K,) probability that the picker finds a particle.  false_share: (K,) fraction of the false picks
    that come from it.  coincidence: probability that another picker shares a false pick.  precision: (K,) expected fraction of
    particles among its picks.  posterior: (m,) probability of each merged pick to be a particle.
    """

    pickers: np.ndarray
    recall: np.ndarray
    false_share: np.ndarray
    coincidence: float
    precision: np.ndarray
    posterior: np.ndarray


@dataclass(frozen=True)
class VoteModel:
    """The latent-class model of the votes of K pickers; see `Reliability`.  share: fraction of the merged picks that are true."""

    recall: np.ndarray
    false_share: np.ndarray
    coincidence: float
    share: float

    def posterior(self, seen: np.ndarray) -> np.ndarray:
        """(m,) probability of each merged pick: seen (m, K) bool, at least one vote per row."""
        n_seen, n_pickers = seen.sum(axis=1), seen.shape[1]
        unseen = (1 - self.recall).prod()
        true = np.where(seen, self.recall, 1 - self.recall).prod(axis=1) / (1 - unseen)
        by_chance = self.coincidence ** (n_seen - 1) * (1 - self.coincidence) ** (n_pickers - n_seen)
        false = (seen * self.false_share).sum(axis=1) * by_chance
        odds = self.share / (1 - self.share) * np.maximum(true, TINY) / np.maximum(false, TINY)
        return odds / (1 + odds)

    def improved(self, seen: np.ndarray, posterior: np.ndarray, count: np.ndarray) -> VoteModel:
        """The model that fits the votes best, if the picks of each row have this probability (m,) and are so many (m,)."""
        n_seen, n_pickers = seen.sum(axis=1), seen.shape[1]
        unseen = (1 - self.recall).prod()
        right, wrong = count * posterior, count * (1 - posterior)
        particles = right.sum()
        missed = particles * unseen / (1 - unseen)  # particles that no picker found lower the recall of all
        owned = seen * self.false_share
        shares = wrong @ (owned / owned.sum(axis=1, keepdims=True)) + 1.0
        chances = wrong.sum() * (n_pickers - 1) + sum(COINCIDENCE_PRIOR)
        return VoteModel(
            (right @ seen + RECALL_PRIOR[0]) / (particles + missed + sum(RECALL_PRIOR)),
            shares / shares.sum(),
            float((wrong @ (n_seen - 1) + COINCIDENCE_PRIOR[0]) / chances),
            float((particles + 1) / (count.sum() + 2)),
        )


def fit_votes(seen: np.ndarray) -> tuple[VoteModel, np.ndarray]:
    """The model of the votes, seen (m, K) bool with at least one vote per row, and (m,) the probability of each pick."""
    n_pickers = seen.shape[1]
    model = VoteModel(np.full(n_pickers, 0.7), np.full(n_pickers, 1 / n_pickers), 0.1, 0.5)
    patterns, pattern_of, count = np.unique(seen, axis=0, return_inverse=True, return_counts=True)  # few, also of a million picks
    posterior = np.full(len(patterns), 0.5)
    for _ in range(ITERATIONS):
        before, posterior = posterior, model.posterior(patterns)
        if np.abs(posterior - before).max(initial=0) < TOLERANCE:
            break
        model = model.improved(patterns, posterior, count)
    return model, posterior[pattern_of.reshape(-1)]


def estimate_reliability(seen: np.ndarray, pickers: np.ndarray) -> Reliability:
    """Fit the model to the votes: seen (m, K) bool, at least one vote per row; pickers (K,) ids.

    Deterministic; the order of rows and of pickers does not matter.
    """
    seen = np.asarray(seen, dtype=bool)
    model, posterior = fit_votes(seen)
    precision = posterior @ seen / np.maximum(1, seen.sum(axis=0))
    return Reliability(np.asarray(pickers), model.recall, model.false_share, model.coincidence, precision, posterior)


def witnesses_of(seen: np.ndarray) -> np.ndarray:
    """(K,) number of the witness of each picker; pickers that find the same picks are one witness. seen: (m, K) bool."""
    votes = np.asarray(seen, dtype=float)
    shared = votes.T @ votes
    each = np.diag(shared)
    alike = (shared >= SAME_WITNESS * (each[:, None] + each - shared)) & (shared >= FEWEST_SHARED)
    return connected_components(alike, directed=False)[1]


def votes_of_witnesses(seen: np.ndarray, witness: np.ndarray | None = None) -> np.ndarray:
    """(m, W) bool, whether each witness found each pick: `seen` (m, K) bool with pickers of the same picks joined.

    witness: (K,) number of the witness of each picker; without it that of these votes.
    """
    of_picker = witnesses_of(seen) if witness is None else witness
    columns = [np.asarray(seen, dtype=bool)[:, of_picker == k].any(axis=1) for k in range(of_picker.max(initial=-1) + 1)]
    return np.stack(columns, axis=1) if columns else np.zeros((len(seen), 0), dtype=bool)


@dataclass(frozen=True)
class VotePatterns:
    """The probability of each pattern of votes, learned from many merged picks.

    witness: (K,) number of the witness of each picker.  patterns: (P, W) bool, the patterns that occurred.  probability: (P,).
    model: the probability of other patterns, before the rule that more votes never lower it.
    """

    witness: np.ndarray
    patterns: np.ndarray
    probability: np.ndarray
    model: VoteModel

    @staticmethod
    def learned(seen: np.ndarray) -> VotePatterns:
        """From the votes of merged picks: seen (m, K) bool, at least one vote per row.

        Pickers that are one witness have one vote. A pick that was found by all pickers of another pick, and by more, has at
        least the same probability.
        """
        witness = witnesses_of(seen)
        witnessed = votes_of_witnesses(seen, witness)
        patterns, first = np.unique(witnessed, axis=0, return_index=True)
        model, posterior = fit_votes(witnessed)
        raw = posterior[first]
        return VotePatterns(
            witness, patterns, np.where(_within(patterns, patterns), raw, np.inf).min(axis=1, initial=np.inf), model
        )

    def of(self, seen: np.ndarray) -> np.ndarray:
        """(m,) probability of each pick from its votes (m, K) bool. Without any vote: that of the least pattern."""
        witnessed = votes_of_witnesses(seen, self.witness)
        own, pattern_of = np.unique(witnessed, axis=0, return_inverse=True)
        least = self.probability.min(initial=1.0)
        found = np.full(len(own), least)
        voted = own.any(axis=1)
        found[voted] = self.model.posterior(own[voted])
        more, fewer = _within(own, self.patterns), _within(self.patterns, own).T
        found = np.minimum(found, np.where(more, self.probability, np.inf).min(axis=1, initial=np.inf))
        found = np.maximum(found, np.where(fewer, self.probability, -np.inf).max(axis=1, initial=-np.inf))
        return found[pattern_of.reshape(-1)]


def _within(few: np.ndarray, many: np.ndarray) -> np.ndarray:
    """(p, q) bool, whether the votes of a row of `few` (p, W) are a subset of those of a row of `many` (q, W)."""
    return few.astype(np.float32) @ ~many.T == 0


def votes_alone(seen: np.ndarray) -> np.ndarray:
    """(m,) probability of each merged pick from its votes alone, which `VotePatterns` learns from these picks: seen (m, K)."""
    return VotePatterns.learned(seen).of(seen)
