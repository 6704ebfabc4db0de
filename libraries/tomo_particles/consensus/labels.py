"""Labels of merged picks: positive, doubtful or negative, from the votes and from the references of the user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from .merged_picks import DOUBTFUL, NEGATIVE, POSITIVE, references_of, votes_of
from .verdict import FEWEST_AGREED

# Number of noise picks in the training set, as a fraction of the merged picks. With much noise a network learns to separate
# protein from noise. To separate particles from false picks is harder, and more important.
NOISE_SHARE = 0.3
UNANIMOUS_SHARE = 0.1  # the highest agreement that at least 10 % of the merged picks reach counts as full agreement


def label_by_votes(support: np.ndarray, number: int) -> np.ndarray:
    """(m,) POSITIVE where at least `number` distinct pickers agree, else DOUBTFUL.

    A pick of few pickers is doubtful, never negative: the other pickers may have missed it.
    """
    return np.where(np.asarray(support) >= number, POSITIVE, DOUBTFUL)


def agreement_labels(support: np.ndarray, n_pickers: int, number: int = 2) -> np.ndarray:
    """(m,) training label in [0, 1] of each merged pick: the square of its agreement.

    The agreement is 0 for one picker and 1 for full agreement. Full agreement is the highest number of pickers that a tenth of
    the picks reach, but at least `number`. In a small set FEWEST_AGREED picks must reach it, if so many agree at all. Pickers
    with the same errors agree on the same false picks. Picks of fewer pickers are then mostly false, and a network trained with
    low labels for them learns the difference, although some labels are wrong (positive-unlabelled learning, Elkan and Noto,
    KDD 2008).
    """
    support = np.asarray(support)
    agreed = (support >= max(2, number)).sum()
    fewest = max(UNANIMOUS_SHARE * len(support), FEWEST_AGREED if agreed >= FEWEST_AGREED else 0)
    enough = [s for s in range(2, n_pickers + 1) if (support >= s).sum() >= fewest]
    level = max([2, number, *enough])
    return (np.clip(support - 1, 0, level - 1) / (level - 1)) ** 2


def explained_by(
    positions: np.ndarray, positive_references: np.ndarray, negative_references: np.ndarray, radius: float
) -> np.ndarray:
    """(m,) POSITIVE if the nearest reference within `radius` is a positive one, NEGATIVE if it is a negative one, else DOUBTFUL.

    positions: (m, 3), positive_references: (p, 3), negative_references: (n, 3), all x, y, z in voxels.
    """
    to_positive, to_negative = (_distance(positions, known) for known in (positive_references, negative_references))
    nearest = np.minimum(to_positive, to_negative)
    return np.where(nearest > radius, DOUBTFUL, np.where(to_positive <= to_negative, POSITIVE, NEGATIVE))


def _distance(positions: np.ndarray, known: np.ndarray) -> np.ndarray:
    if not len(known) or not len(positions):
        return np.full(len(positions), np.inf)
    return cKDTree(known).query(positions)[0]


def agreement_of(comments: Sequence[str], labels: np.ndarray) -> np.ndarray:
    """(m,) `agreement_labels` of merged picks; NaN for references. comments: (m,) the pickers of each pick.  labels: (m,) 1 for
    picks that count as agreed."""
    agreement = np.full(len(comments), np.nan)
    voted = ~references_of(comments)
    if voted.any():
        seen, pickers = votes_of([comment for comment, own in zip(comments, voted, strict=True) if own])
        support = seen.sum(axis=1)
        number = int(support[np.asarray(labels)[voted] == 1].min(initial=len(pickers)))
        agreement[voted] = agreement_labels(support, len(pickers), number)
    return agreement
