"""Labels of merged picks: positive, doubtful or negative, from the votes and from what the user knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from .merged_picks import DOUBTFUL, NEGATIVE, POSITIVE, references_of, votes_of
from .verdict import FEWEST_AGREED

# Noise picks to learn from, of the merged picks. A network that sees much noise learns to tell protein from noise; telling the
# particle from what false picks show is harder and matters more.
NOISE_SHARE = 0.3
UNANIMOUS_SHARE = 0.1  # of the merged picks: an agreement that fewer reach is too rare to be the measure


def label_by_votes(support: np.ndarray, number: int) -> np.ndarray:
    """(m,) POSITIVE where at least `number` distinct pickers agree, else DOUBTFUL.

    A pick of few pickers is doubtful, never negative: the other pickers may simply have missed it.
    """
    return np.where(np.asarray(support) >= number, POSITIVE, DOUBTFUL)


def agreement_labels(support: np.ndarray, n_pickers: int, number: int = 2) -> np.ndarray:
    """(m,) label in [0, 1] with which a network learns from each merged pick.

    The square of the agreement, from 0 (one picker) to 1 (as many as a tenth of the picks reach, at least `number`; in a small
    set FEWEST_AGREED picks, if so many agree at all). Pickers that err alike agree on the same false picks; what fewer of them
    saw is then mostly false, and a network that is told so learns to tell the two apart, though some labels are wrong
    (positive-unlabelled learning, Elkan and Noto, KDD 2008).
    """
    support = np.asarray(support)
    agreed = (support >= max(2, number)).sum()
    fewest = max(UNANIMOUS_SHARE * len(support), FEWEST_AGREED if agreed >= FEWEST_AGREED else 0)
    enough = [s for s in range(2, n_pickers + 1) if (support >= s).sum() >= fewest]
    level = max([2, number, *enough])
    return (np.clip(support - 1, 0, level - 1) / (level - 1)) ** 2


def explained_by(positions: np.ndarray, truth: np.ndarray, lies: np.ndarray, radius: float) -> np.ndarray:
    """(m,) POSITIVE where the nearest reference within `radius` is a truth, NEGATIVE where it is a lie, else DOUBTFUL.

    positions (m, 3), truth (t, 3), lies (l, 3): x, y, z, voxels.
    """
    to_truth, to_lie = (_distance(positions, known) for known in (truth, lies))
    nearest = np.minimum(to_truth, to_lie)
    return np.where(nearest > radius, DOUBTFUL, np.where(to_truth <= to_lie, POSITIVE, NEGATIVE))


def _distance(positions: np.ndarray, known: np.ndarray) -> np.ndarray:
    if not len(known) or not len(positions):
        return np.full(len(positions), np.inf)
    return cKDTree(known).query(positions)[0]


def agreement_of(comments: Sequence[str], labels: np.ndarray) -> np.ndarray:
    """(m,) the `labels.agreement_labels` of merged picks: who saw them, and 1 in `labels` where they count as agreed; NaN for
    references."""
    agreement = np.full(len(comments), np.nan)
    voted = ~references_of(comments)
    if voted.any():
        seen, pickers = votes_of([comment for comment, own in zip(comments, voted, strict=True) if own])
        support = seen.sum(axis=1)
        number = int(support[np.asarray(labels)[voted] == 1].min(initial=len(pickers)))
        agreement[voted] = agreement_labels(support, len(pickers), number)
    return agreement
