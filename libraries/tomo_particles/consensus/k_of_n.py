"""Merged picks on which k of n pickers agree, and how much each two pickers share; no network."""

from __future__ import annotations

import numpy as np


def agreed_by(support: np.ndarray, number: int, asked: np.ndarray | int) -> np.ndarray:
    """(m,) bool, whether `number` pickers agree on each merged pick, or all that were asked where these are fewer.

    support: (m,) number of pickers that saw it.  asked: (m,) number of pickers that count in its tomogram; the number of all
    pickers for a strict rule, under which a tomogram that a picker missed has no pick on which all agree.
    """
    return np.asarray(support) >= np.minimum(number, asked)


def shared_picks(seen: np.ndarray) -> np.ndarray:
    """(K, K) Jaccard index of each two pickers: the fraction of the merged picks of either that both saw.

    seen: (m, K) bool. NaN for two pickers without picks.
    """
    votes = np.asarray(seen, dtype=float)
    both = votes.T @ votes
    each = np.diag(both)
    either = each[:, None] + each - both
    return np.divide(both, either, out=np.full_like(both, np.nan), where=either > 0)
