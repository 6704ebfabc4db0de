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


def estimate_reliability(seen: np.ndarray, pickers: np.ndarray) -> Reliability:
    """Fit the model to the votes: seen (m, K) bool, at least one vote per row; pickers (K,) ids.

    Deterministic; the order of rows and of pickers does not matter.
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
        missed = particles * unseen / (1 - unseen)  # particles that no picker found lower the recall of all
        recall = (posterior @ seen + RECALL_PRIOR[0]) / (particles + missed + sum(RECALL_PRIOR))
        owned = seen * shares
        shares = wrong @ (owned / owned.sum(axis=1, keepdims=True)) + 1.0
        shares = shares / shares.sum()
        chances = wrong.sum() * (n_pickers - 1) + sum(COINCIDENCE_PRIOR)
        coincidence = float((wrong @ (n_seen - 1) + COINCIDENCE_PRIOR[0]) / chances)
        share = (particles + 1) / (len(seen) + 2)
    precision = posterior @ seen / np.maximum(1, seen.sum(axis=0))
    return Reliability(np.asarray(pickers), recall, shares, coincidence, precision, posterior)


def witnesses_of(seen: np.ndarray) -> np.ndarray:
    """(K,) number of the witness of each picker; pickers that find the same picks are one witness. seen: (m, K) bool."""
    votes = np.asarray(seen, dtype=float)
    shared = votes.T @ votes
    each = np.diag(shared)
    alike = (shared >= SAME_WITNESS * (each[:, None] + each - shared)) & (shared >= FEWEST_SHARED)
    return connected_components(alike, directed=False)[1]


def votes_of_witnesses(seen: np.ndarray) -> np.ndarray:
    """(m, W) bool, whether each witness found each pick: `seen` (m, K) bool with pickers of the same picks joined."""
    of_picker = witnesses_of(seen)
    columns = [np.asarray(seen, dtype=bool)[:, of_picker == k].any(axis=1) for k in range(of_picker.max(initial=-1) + 1)]
    return np.stack(columns, axis=1) if columns else np.zeros((len(seen), 0), dtype=bool)


def votes_alone(seen: np.ndarray) -> np.ndarray:
    """(m,) probability of each merged pick from its votes alone: seen (m, K) bool, at least one vote per row.

    Pickers that are one witness have one vote. More votes never lower the probability: a pick that was found by all pickers of
    another pick, and by more, has at least the same probability.
    """
    witnessed = votes_of_witnesses(seen)
    patterns, first, pattern_of = np.unique(witnessed, axis=0, return_index=True, return_inverse=True)
    posterior = estimate_reliability(witnessed, np.arange(witnessed.shape[1])).posterior[first]
    among = patterns.astype(np.float32) @ ~patterns.T == 0  # whether the votes of the row are a subset of those of the column
    return np.where(among, posterior, np.inf).min(axis=1, initial=np.inf)[pattern_of.reshape(-1)]
