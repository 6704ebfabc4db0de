"""Which examples train, validate and score which network, and how examples may be varied; without TensorFlow.

A network must not score a pick that it was trained on. The tomograms are divided into regions, one fold per network, and
network k is not trained on boxes of fold k. Because the rule is about places and not about examples, it holds for any pick
file later: consensus picks, raw picks of one picker, noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .examples import POSITIVE


@dataclass(frozen=True)
class Region:
    """A slab of a tomogram: `start` <= coordinate < `stop` (voxels) along `axis` (0 x, 1 y, 2 z); infinite ends are open."""

    tomo_id: str
    axis: int
    start: float
    stop: float
    fold: int


def make_folds(tomo_ids: np.ndarray, positions: np.ndarray, n_folds: int, *, by_slabs: bool | None = None) -> tuple[Region, ...]:
    """Divide the tomograms into the regions of `n_folds` folds, about equal in number of picks.

    Whole tomograms where there are at least `n_folds` of them, else slabs across the longest axis of every tomogram, cut at
    quantiles of its picks; `by_slabs` overrides this rule. One fold needs no regions. The result is not random and does
    not depend on the order of the picks.

    Parameters: tomo_ids (n,); positions (n, 3) x, y, z, voxels.
    """
    names, counts = np.unique(np.asarray(tomo_ids, dtype=str), return_counts=True)
    if n_folds == 1:
        return ()
    if by_slabs is None:
        by_slabs = len(names) < n_folds
    if by_slabs:
        positions = np.asarray(positions, dtype=float)
        return tuple(region for name in names for region in _slabs(name, positions[np.asarray(tomo_ids) == name], n_folds))
    return _whole_tomograms(names, counts, n_folds)


def _whole_tomograms(names: np.ndarray, counts: np.ndarray, n_folds: int) -> tuple[Region, ...]:
    """Tomograms by decreasing number of picks, each assigned to the fold that has the fewest picks so far."""
    sizes = np.zeros(n_folds)
    regions = []
    for index in np.argsort(-counts, kind="stable"):
        fold = int(np.argmin(sizes))
        sizes[fold] += counts[index]
        regions.append(Region(str(names[index]), 0, -np.inf, np.inf, fold))
    return tuple(regions)


def _slabs(name: str, positions: np.ndarray, n_folds: int) -> list[Region]:
    axis = int(np.argmax(np.ptp(positions, axis=0)))
    cuts = np.quantile(positions[:, axis], np.arange(1, n_folds) / n_folds)
    edges = [-np.inf, *map(float, cuts), np.inf]
    return [Region(str(name), axis, edges[k], edges[k + 1], k) for k in range(n_folds)]


def fold_of(regions: Sequence[Region], tomo_ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(n,) int: for each position the fold whose network must not see it; -1 in a tomogram without regions."""
    folds = np.full(len(tomo_ids), -1)
    for region in regions:
        folds[_distance(region, tomo_ids, positions) == 0] = region.fold
    return folds


def _distance(region: Region, tomo_ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(n,) voxels from each position to the region along its axis: 0 inside, infinite in another tomogram.

    The end belongs to the next slab: there the distance is the smallest positive number.
    """
    value = np.asarray(positions, dtype=float).reshape(-1, 3)[:, region.axis]
    after = np.where(value >= region.stop, np.maximum(value - region.stop, np.finfo(float).tiny), 0)
    distance = np.maximum(np.maximum(region.start - value, 0), after)
    return np.where(np.asarray(tomo_ids) == region.tomo_id, distance, np.inf)


def may_train(regions: Sequence[Region], fold: int, tomo_ids: np.ndarray, positions: np.ndarray, margin: float) -> np.ndarray:
    """(n,) bool: which examples network `fold` may see: those further than `margin` voxels from every region of its fold."""
    allowed = np.ones(len(tomo_ids), dtype=bool)
    for region in regions:
        if region.fold == fold:
            allowed &= _distance(region, tomo_ids, positions) > margin
    return allowed


def split_validation(
    tomo_ids: np.ndarray, labels: np.ndarray, fraction: float, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Indices to train on and to validate on: drawn without replacement, disjoint, together all n.

    By whole tomograms where no tomogram holds more than twice `fraction` of the examples and both classes end up on both
    sides; else by particle, in proportion from every class and every tomogram. At least one of each class validates.
    """
    tomo_ids, positive = np.asarray(tomo_ids), np.asarray(labels) >= POSITIVE
    validates = _whole_tomograms_until(tomo_ids, fraction, rng)
    both = validates.any() and all(len(np.unique(positive[part])) == len(np.unique(positive)) for part in (validates, ~validates))
    if not both:
        validates = np.zeros(len(tomo_ids), dtype=bool)
        for kind in np.unique(positive):
            validates[_every_nth(np.flatnonzero(positive == kind), tomo_ids, fraction, rng)] = True
    return np.flatnonzero(~validates), np.flatnonzero(validates)


def _whole_tomograms_until(tomo_ids: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: random whole tomograms with about `fraction` of the examples; none where one of them is too large."""
    names, counts = np.unique(tomo_ids, return_counts=True)
    if len(tomo_ids) == 0 or counts.max() > 2 * fraction * len(tomo_ids):
        return np.zeros(len(tomo_ids), dtype=bool)
    order = rng.permutation(len(names))
    before = np.cumsum(counts[order]) - counts[order] / 2  # a tomogram is taken if more than half of it is still needed
    taken = names[order[(before < fraction * len(tomo_ids)) | (np.arange(len(order)) == 0)]]
    return np.isin(tomo_ids, taken)


def _every_nth(indices: np.ndarray, tomo_ids: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Systematic sample of `fraction` of the indices: sorted by tomogram, at random within one, then every n-th."""
    shuffled = rng.permutation(indices)
    ordered = shuffled[np.argsort(tomo_ids[shuffled], kind="stable")]
    steps = np.floor(np.arange(len(ordered) + 1) * fraction + rng.random())
    chosen = ordered[np.diff(steps) > 0]
    return chosen if len(chosen) else ordered[:1]
