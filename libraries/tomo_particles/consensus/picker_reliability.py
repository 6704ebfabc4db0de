"""How far each picker can be trusted, from the pickers' agreement alone; and what a pattern of votes is worth.

A latent-class model fitted by expectation maximisation, after Dawid & Skene (1979). A true particle is seen by each
picker independently with that picker's recall. A false pick belongs to one picker, and others share it by
coincidence (a gold bead that two pickers like). What nobody saw is not in the data, so both classes are conditioned
on being seen at least once. This is all there is without a network (voting); where one has scored the picks by their look,
`final_score` decides, which does not assume that pickers err independently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

ITERATIONS = 200
# Pseudo-observations that stand for what is known of pickers before looking; two pickers alone leave the model open.
RECALL_PRIOR = (14.0, 6.0)  # of being seen : not seen, given a particle
COINCIDENCE_PRIOR = (2.0, 18.0)  # of being shared : not shared, given a false pick and another picker
TINY = 1e-12
TOLERANCE = 1e-5
# Pickers that share this part of all their picks (Jaccard index) find the same by the same means: one file twice, two blob
# detectors. They are one witness. Independent pickers of recall 0.9 without a false pick share 0.82.
SAME_WITNESS = 0.9
FEWEST_SHARED = 10  # shared picks, below which nothing is said of two pickers


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


def witnesses_of(seen: np.ndarray) -> np.ndarray:
    """(K,) number of the witness that each picker is; pickers that find the same picks are one. seen: (m, K) bool."""
    votes = np.asarray(seen, dtype=float)
    shared = votes.T @ votes
    each = np.diag(shared)
    alike = (shared >= SAME_WITNESS * (each[:, None] + each - shared)) & (shared >= FEWEST_SHARED)
    return connected_components(alike, directed=False)[1]


def votes_alone(seen: np.ndarray) -> np.ndarray:
    """(m,) probability of each merged pick by its votes alone: seen (m, K) bool, at least one vote a row.

    Pickers that are one witness have one vote. More votes never count less: no pick has a higher probability than one that
    all its pickers and others saw.
    """
    seen, of_picker = np.asarray(seen, dtype=bool), witnesses_of(seen)
    witnessed = np.stack([seen[:, of_picker == k].any(axis=1) for k in range(of_picker.max(initial=-1) + 1)], axis=1)
    patterns, first, pattern_of = np.unique(witnessed, axis=0, return_index=True, return_inverse=True)
    posterior = estimate_reliability(witnessed, np.arange(witnessed.shape[1])).posterior[first]
    among = patterns.astype(np.float32) @ ~patterns.T == 0  # the votes of the row are among those of the column
    return np.where(among, posterior, np.inf).min(axis=1, initial=np.inf)[pattern_of.reshape(-1)]


