"""Picks of derived pickers: those that learned from a consensus. They are scored, but a pupil is no witness.

They change nothing of the merged picks: no vote, no label, no example, no noise. What they find besides becomes picks of its own,
with the negative numbers of its pickers in place of votes, so that nothing counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ..core.picks import Picks
from .attributes import merged_identity
from .merged_picks import write_pickers, write_scores
from .merging import merge_picks
from .references import pickers_of_clusters


@dataclass(frozen=True)
class DerivedPicks:
    """n places where derived pickers alone found something. comments, scores: texts of their pickers and of what these gave."""

    picks: Picks
    comments: np.ndarray
    scores: np.ndarray


def derived_alone(derived: Picks, merged: np.ndarray, radius: float, representative: int, symmetry: Rotation) -> DerivedPicks:
    """The picks of derived pickers, each particle once, that have no merged pick (k, 3) within the radius (voxels)."""
    clusters = merge_picks(derived, radius, representative)
    found = merged_identity(derived, clusters, symmetry).picks
    alone = np.ones(len(found), dtype=bool)
    if len(merged) and len(found):
        alone = cKDTree(merged).query(found.positions)[0] > radius
    pickers, scores = pickers_of_clusters(clusters, derived)
    return DerivedPicks(
        replace(found[alone], tomo_id=derived.tomo_id),
        np.array([write_pickers(-picker for picker in ids) for ids in pickers], dtype=object)[alone],
        np.array([write_scores(own) for own in scores], dtype=object)[alone],
    )
