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
from ..formats.xmd import SCATTER, positions_of, with_nan
from .merged_picks import NEGATIVE, references_of, votes_of
from .picker_reliability import votes_of_witnesses
from .verdict import FEWEST_AGREED, FEWEST_UNCONFIRMED

# Fractions of the box within which two picks agree: the default radius of the consensus, and half of it. In a crowded tomogram
# the spheres of the whole radius cover most of it: pickers of 4v94 (290 Å, benchmarks/accuracy.py, seeds 1 and 11) have 1.1 to
# 1.4 times the pairs by chance there, but 3.6 times or more within half of it. Pickers with a coarse centre may agree within
# the whole radius alone.
RADII = (0.35, 0.175)
# The agreement is more than chance if there are this many times the pairs by chance, plus this many standard errors. Chosen on
# seeds 1 and 2 of benchmarks/honesty.py: random pickers have 0.6 to 1.3 times the pairs by chance, pickers of particles 2.3 times
# or more.
TIMES, ERRORS = 1.5, 2.0
# Two of many pickers that see the particles are enough, whatever the others do: of every two pickers the most that agree counts
# too, with more standard errors because there are many pairs of pickers. On the same seeds the best pair of random pickers is 0.9
# standard errors above chance; template matching and a learned picker beside five others of a crowded tomogram are 11 above.
MORE_ERRORS = 5.0
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
    whole, half = (share * float(box_sizes.max()) for share in RADII)
    scatter = with_nan(columns[SCATTER])[free] if SCATTER in columns else None
    near = np.ones(len(seen), dtype=bool) if scatter is None else _within(scatter, found.sum(axis=1), whole)
    if _more_than_chance(seen[near], pairs_by_chance(positions, tomo_ids, seen, whole), ERRORS):
        return True
    if scatter is None:
        return False
    near = _within(scatter, found.sum(axis=1), half)
    return _more_than_chance(seen[near], pairs_by_chance(positions, tomo_ids, seen, half), MORE_ERRORS)


def _within(scatter: np.ndarray, n_pickers: np.ndarray, radius: float) -> np.ndarray:
    """(m,) whether the pickers of a merged pick may all be within `radius` of each other, whatever radius merged them.

    n places that are have a mean distance to their middle of at most radius * sqrt((n - 1) / (2 n)): half of it for two.
    """
    n = np.maximum(n_pickers, 1)
    return np.asarray(scatter <= (1 + 1e-5) * radius * np.sqrt((n - 1) / (2 * n)), dtype=bool)


def _more_than_chance(seen: np.ndarray, chance: np.ndarray, errors: float) -> bool:
    """Whether the pairs of pickers in merged picks, (m, K) bool, are more than those by chance, (K, K), of all or of any two."""
    pairs = np.triu(seen.astype(float).T @ seen, 1)
    above = pairs > TIMES * chance + MORE_ERRORS * np.sqrt(np.maximum(chance, 1))
    return bool(above.any() or pairs.sum() > TIMES * chance.sum() + errors * np.sqrt(max(chance.sum(), 1)))


def chance_note(columns: Mapping[str, list]) -> str:
    """What to say of merged picks that were only voted on, if the votes contain no information; empty otherwise."""
    if len(columns.get("comment", [])) < FEWEST_UNCONFIRMED or agreement_informs(columns):
        return ""
    return "the pickers agree no more often than by chance; one file may have another origin, unit or binning"


def pairs_by_chance(positions: np.ndarray, tomo_ids: np.ndarray, seen: np.ndarray, radius: float) -> np.ndarray:
    """(K, K) expected number of pairs of picks of each two pickers within `radius` if the pickers are independent; 0 on and below
    the diagonal.

    positions: (m, 3) x, y, z of merged picks, voxels.  tomo_ids: (m,).  seen: (m, K) bool.  The mean over SHIFTS.
    """
    pairs = np.zeros((seen.shape[1],) * 2)
    for tomo_id in np.unique(tomo_ids):
        own = tomo_ids == tomo_id
        places, found = positions[own], seen[own]
        trees = [cKDTree(places[of_picker]) for of_picker in found.T]
        for shift in SHIFTS:
            moved = shifted(places, shift)
            others = [cKDTree(moved[of_picker]) for of_picker in found.T]
            for a, b in combinations(range(len(trees)), 2):
                pairs[a, b] += trees[a].count_neighbors(others[b], radius)
    return pairs / len(SHIFTS)


def shifted(places: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    """Places (n, 3), moved by one of SHIFTS within their own extent."""
    moved = places.copy()
    if len(places):
        lowest, extent = places.min(axis=0)[:2], np.maximum(np.ptp(places, axis=0)[:2], 1e-9)
        moved[:, :2] = lowest + (places[:, :2] - lowest + np.array(shift) * extent) % extent
    return moved
