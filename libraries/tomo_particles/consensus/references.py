"""References of the user: a positive or negative reference replaces every merged pick near it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from ..core.picks import Picks
from .attributes import Identity
from .labels import DOUBTFUL, NEGATIVE, POSITIVE, explained_by, label_by_votes
from .merged_picks import REFERENCE
from .merging import Clusters


@dataclass(frozen=True)
class LabelledPicks:
    """n merged picks and references, each column of length n.

    labels: POSITIVE, DOUBTFUL or NEGATIVE.  disagreement: of the pickers' orientations, degrees, NaN for fewer than two.
    scatter: mean distance of the pickers to it, voxels, NaN for a reference.
    pickers: ids of those that saw it, rising; REFERENCE is among them for a reference.  scores: what each of these gave, NaN for
    none.
    """

    picks: Picks
    labels: np.ndarray
    disagreement: np.ndarray
    scatter: np.ndarray
    pickers: list[tuple[int, ...]]
    scores: list[tuple[float, ...]]

    @property
    def support(self) -> np.ndarray:
        """(n,) number of pickers that saw it."""
        return np.array([len(ids) - (REFERENCE in ids) for ids in self.pickers], dtype=int)


def label_with_references(
    picks: Picks,
    clusters: Clusters,
    identity: Identity,
    positive_references: Picks,
    negative_references: Picks,
    *,
    radius: float,
    number: int,
) -> LabelledPicks:
    """The merged picks without a reference within `radius` (voxels), labelled by votes, and after them the references.

    identity: of the merged picks of `merge_picks`.  number: of pickers that make a positive.  References replace the merged picks
    near them.
    """
    both = (positive_references, negative_references)
    explained = explained_by(clusters.positions, positive_references.positions, negative_references.positions, radius)
    unexplained = np.flatnonzero(explained == DOUBTFUL)
    seen_by, scores_by = pickers_of_clusters(clusters, picks)
    completed = [_completed(references, identity, radius) for references in both]
    of_references = [
        (REFERENCE, *ids) for references in both for ids in _seen_near(references.positions, clusters, seen_by, radius)
    ]
    return LabelledPicks(
        Picks.concatenate([identity.picks[unexplained], *(references for references, _ in completed)]),
        np.concatenate(
            [
                label_by_votes(clusters.support, number)[unexplained],
                np.full(len(positive_references), POSITIVE),
                np.full(len(negative_references), NEGATIVE),
            ]
        ),
        np.concatenate([identity.disagreement[unexplained], *(disagreement for _, disagreement in completed)]),
        np.r_[identity.scatter[unexplained], np.full(len(of_references), np.nan)],
        [seen_by[i] for i in unexplained] + of_references,
        [scores_by[i] for i in unexplained] + [(np.nan,) * len(ids) for ids in of_references],
    )


def _completed(references: Picks, identity: Identity, radius: float) -> tuple[Picks, np.ndarray]:
    """References with the class, group id and orientation of the merged pick they replace, where they have none themselves.

    Also how much the pickers' orientations disagree, NaN where the reference's own is taken.
    """
    nothing = np.full(len(references), np.nan)
    seen = identity.picks
    if not len(references) or not len(seen):
        return references, nothing
    distance, row = cKDTree(seen.positions).query(references.positions)
    near = distance <= radius
    turned = near & ~np.isfinite(references.angles).all(axis=1)
    completed = replace(
        references,
        angles=np.where(turned[:, None], seen.angles[row], references.angles),
        group=np.where(near & (references.group == 0), seen.group[row], references.group),
        species=np.where(near & (references.species == ""), seen.species[row], references.species),
    )
    return completed, np.where(turned, identity.disagreement[row], nothing)


def pickers_of_clusters(clusters: Clusters, picks: Picks) -> tuple[list[tuple[int, ...]], list[tuple[float, ...]]]:
    """For every cluster the ids of its pickers, rising, and the best score that each of them gave, NaN for none."""
    if not len(picks):
        return [], []
    # The best score of a picker comes first among its picks of a cluster
    order = np.lexsort((-np.nan_to_num(picks.score, nan=-np.inf), picks.picker, clusters.labels))
    cluster, picker, score = clusters.labels[order], picks.picker[order], picks.score[order]
    first = np.flatnonzero(np.r_[True, (np.diff(cluster) != 0) | (np.diff(picker) != 0)])
    ends = np.flatnonzero(np.r_[True, np.diff(cluster[first]) != 0, True]).tolist()
    pickers, scores = picker[first].tolist(), score[first].tolist()
    return [tuple(pickers[a:b]) for a, b in pairwise(ends)], [tuple(scores[a:b]) for a, b in pairwise(ends)]


def _seen_near(
    references: np.ndarray, clusters: Clusters, seen_by: Sequence[tuple[int, ...]], radius: float
) -> list[tuple[int, ...]]:
    """For every reference position the pickers whose cluster lies within the radius."""
    if not len(references) or not len(clusters):
        return [()] * len(references)
    near = cKDTree(clusters.positions).query_ball_point(references, radius)
    return [tuple(sorted({picker for c in rows for picker in seen_by[c]})) for rows in near]
