"""Attributes of a merged pick besides its position: species, group id, orientation and score.

Each picker counts once in a merged pick, with its best-scored pick that has the attribute. Therefore neither the order of the
picks nor duplicates of a picker change the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.picks import Picks
from ..geometry.orientation_means import mean_orientations
from .merging import Clusters


@dataclass(frozen=True)
class Identity:
    """Of m merged picks: what Picks has of each, and how far their pickers are apart.

    disagreement: (m,) mean angle of the orientations to theirs, degrees; NaN where fewer than two pickers gave an orientation.
    scatter: (m,) mean distance of the pickers' picks to theirs, voxels; 0 of one picker.
    """

    picks: Picks
    disagreement: np.ndarray
    scatter: np.ndarray


def merged_identity(picks: Picks, clusters: Clusters, symmetry: Rotation) -> Identity:
    """The merged picks of `merge_picks` with the attributes of their members.

    Score: that of the member nearest the merged position.  Orientation: the robust mean, under the symmetry.  Species: that of
    most pickers; ties go to the best-scored. Group id: of the nearest member that has one, preferably of that species.
    """
    oriented = _one_pick_per_picker(picks, clusters.labels, np.isfinite(picks.angles).all(axis=1))
    mean = mean_orientations(picks.angles[oriented], clusters.labels[oriented], len(clusters), symmetry)
    species = _species(picks, clusters)
    merged = Picks(
        picks.tomo_id,
        clusters.positions,
        picks.sampling_rate,
        score=picks.score[clusters.medoid],
        angles=mean.angles,
        group=_groups(picks, clusters, species),
        species=species,
    )
    return Identity(merged, mean.disagreement, _scatter(picks, clusters))


def _scatter(picks: Picks, clusters: Clusters) -> np.ndarray:
    """(m,) mean distance of the pickers to their merged pick, voxels; of each picker its nearest pick counts."""
    distance = np.linalg.norm(picks.positions - clusters.positions[clusters.labels], axis=1)
    order = np.lexsort((distance, picks.picker, clusters.labels))
    label, picker = clusters.labels[order], picks.picker[order]
    nearest = order[np.r_[True, (np.diff(label) != 0) | (np.diff(picker) != 0)]] if len(order) else order
    sums = np.bincount(clusters.labels[nearest], distance[nearest], minlength=len(clusters))
    return sums / np.bincount(clusters.labels[nearest], minlength=len(clusters))


def _one_pick_per_picker(picks: Picks, labels: np.ndarray, has_attribute: np.ndarray) -> np.ndarray:
    """Rows of the best-scored pick of each picker in each cluster, among the picks with the attribute, (n,) bool.

    Ties are decided by angles and positions, not by the order of the picks.
    """
    rows = np.flatnonzero(has_attribute)
    keys = (*picks.angles[rows].T, *picks.positions[rows].T, -_scores(picks)[rows])
    rows = rows[np.lexsort(keys)]
    if not len(rows):
        return rows
    pair = labels[rows] * (np.int64(picks.picker.max()) + 1) + picks.picker[rows]
    return rows[np.sort(np.unique(pair, return_index=True)[1])]


def _scores(picks: Picks) -> np.ndarray:
    return np.where(np.isnan(picks.score), -np.inf, picks.score)


def _species(picks: Picks, clusters: Clusters) -> np.ndarray:
    """(m,) the species of most pickers; ties go to the best-scored, then to the first by name; empty if no pick has one."""
    species = np.full(len(clusters), "", dtype=object)
    rows = _one_pick_per_picker(picks, clusters.labels, picks.species != "")
    if not len(rows):
        return species
    names, code = np.unique(picks.species[rows].astype(str), return_inverse=True)
    pair, at, votes = np.unique(clusters.labels[rows] * len(names) + code, return_inverse=True, return_counts=True)
    best = np.full(len(pair), -np.inf)
    np.maximum.at(best, at, _scores(picks)[rows])
    cluster, code = np.divmod(pair, len(names))
    order = np.lexsort((code, -best, -votes, cluster))
    chosen = order[np.unique(cluster[order], return_index=True)[1]]
    species[cluster[chosen]] = names[code[chosen]]
    return species


def _groups(picks: Picks, clusters: Clusters, species: np.ndarray) -> np.ndarray:
    """(m,) group ids; 0 where no member has one."""
    groups = np.zeros(len(clusters), dtype=np.int64)
    rows = np.flatnonzero(picks.group != 0)
    label = clusters.labels[rows]
    distance = np.linalg.norm(picks.positions[rows] - clusters.positions[label], axis=1)
    of_others = (picks.species[rows] != "") & (picks.species[rows] != species[label])
    order = np.lexsort((picks.group[rows], -_scores(picks)[rows], np.round(distance, 6), of_others, label))
    own, first = np.unique(label[order], return_index=True)
    groups[own] = picks.group[rows[order[first]]]
    return groups
