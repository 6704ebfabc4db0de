"""Whether the pickers agree more often than by chance.

Pickers with random picks also agree on some of them: in a crowded tomogram two of them share a tenth of their picks. If
all pickers but one are wrong, the few agreed picks contain no information about the particles, and a network must not learn from
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

from ..core.errors import parameter
from ..formats.xmd import positions_of
from .merged_picks import NEGATIVE, references_of, votes_of
from .picker_reliability import votes_of_witnesses
from .verdict import FEWEST_AGREED, FEWEST_UNCONFIRMED

RADIUS = 0.35  # fraction of the box within which two picks agree by chance: the default radius of the consensus
# The agreement is more than chance if there are this many times the pairs by chance, plus this many standard errors. Chosen on
# seeds 1 and 2 of benchmarks/honesty.py: random pickers have 0.6 to 1.3 times the pairs by chance, pickers of particles 2.3 times
# or more.
TIMES, ERRORS = 1.5, 2.0
FEWEST_SHARE = 0.1  # fewer than FEWEST_AGREED agreed picks that are also less than this share of all picks are no information
# The picks of one picker are moved against those of another by these fractions of the extent in x and y, and come in again at the
# other side. z stays: the depths of picks are alike in most tomograms.
SHIFTS = ((0.31, 0.47), (0.62, 0.23), (0.17, 0.71), (0.79, 0.58))


def agreement_informs(columns: Mapping[str, list]) -> bool:
    """Whether the agreement in a table of merged picks is more than chance. True where this cannot be known: with fewer than two
    pickers, or without tomograms and box sizes. Pickers that find the same picks count as one.

    The user's references and the picks near negative references are left out.
    """
    if not {"comment", "enabled", "tiltSeriesId", "particleSize"} <= set(columns):
        return True
    free = ~references_of(columns["comment"]) & (np.array(columns["enabled"]) != NEGATIVE)
    found, _ = votes_of([comment for comment, own in zip(columns["comment"], free, strict=True) if own])
    seen = votes_of_witnesses(found)
    if seen.shape[1] < 2:
        return True
    n_votes = seen.sum(axis=1)
    agreed = int(((np.array(columns["enabled"])[free] > 0) & (n_votes > 1)).sum())
    if agreed < min(FEWEST_AGREED, FEWEST_SHARE * len(seen)):
        return False
    tomo_ids, box_sizes = np.array(columns["tiltSeriesId"], dtype=str)[free], np.array(columns["particleSize"])[free]
    positions = positions_of(columns, "the merged picks", parameter("input"))[free]
    chance = pairs_by_chance(positions, tomo_ids, seen, RADIUS * float(box_sizes.max()))
    return bool((n_votes * (n_votes - 1) / 2).sum() > TIMES * chance + ERRORS * np.sqrt(chance))


def chance_note(columns: Mapping[str, list]) -> str:
    """What to say of merged picks that were only voted on, if the votes contain no information; empty otherwise."""
    if len(columns.get("comment", [])) < FEWEST_UNCONFIRMED or agreement_informs(columns):
        return ""
    return "the pickers agree no more often than by chance; one file may have another origin, unit or binning"


def pairs_by_chance(positions: np.ndarray, tomo_ids: np.ndarray, seen: np.ndarray, radius: float) -> float:
    """Expected number of pairs of picks of two pickers that lie within `radius` if the pickers are independent.

    positions: (m, 3) x, y, z of merged picks, voxels.  tomo_ids: (m,).  seen: (m, K) bool.  The mean over SHIFTS.
    """
    pairs = 0
    for tomo_id in np.unique(tomo_ids):
        own = tomo_ids == tomo_id
        places, found = positions[own], seen[own]
        trees = [cKDTree(places[of_picker]) for of_picker in found.T]
        for shift in SHIFTS:
            moved = shifted(places, shift)
            others = [cKDTree(moved[of_picker]) for of_picker in found.T]
            pairs += sum(trees[a].count_neighbors(others[b], radius) for a, b in combinations(range(len(trees)), 2))
    return pairs / len(SHIFTS)


def shifted(places: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    """Places (n, 3), moved by one of SHIFTS within their own extent."""
    moved = places.copy()
    if len(places):
        lowest, extent = places.min(axis=0)[:2], np.maximum(np.ptp(places, axis=0)[:2], 1e-9)
        moved[:, :2] = lowest + (places[:, :2] - lowest + np.array(shift) * extent) % extent
    return moved
