"""A set of aligned particles from its boxes to two classes: the halves that never meet first, then all particles together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import affine_transform
from scipy.special import softmax

from ..averaging.band import Band
from ..averaging.poses import Poses
from ..core.errors import InputError, parameter
from ..core.memory import lacking
from ..core.mixture import is_one_normal
from .class_maps import Boxes
from .independent_halves import Halves, is_supported, judged_by_the_other, null_agreements, split_halves
from .nuisances import STRONG, directions_of, nuisances_of
from .observations import Observations, Space, observe
from .repeated_splits import Attempt, Partition, split_again
from .residuals import consensus_of, residuals_of
from .two_classes import FOLDED, Start, by_component, posterior, refined

STEPS = 2  # lines that are said on the way
LEAST_PARTICLES = 80  # 20 in each part of each half
BYTES = 3 * 64 + 12 * 8  # of each frequency of each particle: its places in a spectrum, thrice, and what is worked with


@dataclass(frozen=True)
class SplitSet:
    """What comes of a set of n particles.

    log_odds: (n,) of class 1, the larger one.  in_halves: (n,) probability of class 1, found in the half of each alone.
    contrast: (n,) over that of the average.  found: the halves.  nulls: (20,) mean agreement of halves of one structure.
    supported: whether there are two structures. follows: what the classes follow so strongly that they may be one structure
    seen from different sides, '' for nothing; then they are not supported, however well the halves agree. continuous: whether
    one normal distribution describes the log odds better than two. attracted: whether one class took nearly all particles, so
    that an earlier partition stays. partition: the classes, two or, where asked for and supported, more.
    """

    log_odds: np.ndarray
    in_halves: np.ndarray
    contrast: np.ndarray
    found: Halves
    nulls: np.ndarray
    supported: bool
    follows: str
    continuous: bool
    attracted: bool
    partition: Partition

    def __getitem__(self, rows: np.ndarray) -> SplitSet:
        return replace(
            self,
            log_odds=self.log_odds[rows],
            in_halves=self.in_halves[rows],
            contrast=self.contrast[rows],
            partition=replace(self.partition, probabilities=self.partition.probabilities[rows]),
        )

    def judged_again(self, scores: np.ndarray) -> SplitSet:
        """The same with classes by other scores (n, k), log probabilities but for a constant of each particle."""
        probabilities = np.asarray(softmax(scores, axis=1))
        order = np.argsort(-probabilities.sum(axis=0), kind="stable")
        again = replace(self, partition=replace(self.partition, probabilities=probabilities[:, order]))
        if len(order) > 2:
            return again
        log_odds = scores[:, order[0]] - scores[:, order[1]]
        in_halves = self.in_halves if order[0] == 0 else 1 - self.in_halves
        return replace(again, log_odds=log_odds, in_halves=in_halves, continuous=is_one_normal(log_odds))

    @property
    def first(self) -> np.ndarray:
        """(n,) probability of class 1."""
        return posterior(self.log_odds)


def split_set(
    boxes: Boxes,
    poses: Poses,
    half: np.ndarray,
    mask: np.ndarray,
    resolution: float,
    seed: int,
    threads: int = 1,
    say: Callable[[str], None] = lambda line: None,
    classes: int = 2,
) -> SplitSet:
    """half: (n,) 0 or 1.  mask: (edge,) * 3 on the grid of the boxes, 0 to 1.  resolution: Å, nothing finer counts.

    classes: at most.  say: receives STEPS lines, and STEPS + 1 for each class beyond two, at most.
    """
    n, band = len(boxes), boxes.band(resolution)
    if n < LEAST_PARTICLES:
        raise InputError(f"{parameter('input')}: two classes need at least {LEAST_PARTICLES} particles, found {n}; give more")
    if lacks := lacking(BYTES * n * len(band.integers)):
        raise InputError(
            f"{parameter('max_resolution')}: to compare {n} particles at {resolution:g} Å {lacks}; give a coarser resolution"
        )
    space = Space(band, on_grid_of(band, mask))
    rows = [np.flatnonzero(half == number) for number in (0, 1)]
    order = np.concatenate(rows)
    everyone = observe(boxes.particles(band, order, whitened=False), poses[order], space)
    found = split_observations(everyone, half[order], seed, threads, say, classes=classes)
    return found[np.argsort(order)]


def split_observations(
    seen: Observations,
    half: np.ndarray,
    seed: int,
    threads: int,
    say: Callable[[str], None],
    start: Start = by_component,
    rounds: int = FOLDED,
    classes: int = 2,
) -> SplitSet:
    """The same of what was seen of each particle, those of half 0 first.

    start: the first partition of each half.  rounds: of refinement, after the halves have met.  classes: at most; classes are
    split again while that is supported.
    """
    found = _split_in_two(seen, half, seed, threads, say, start, rounds)
    if classes <= 2 or not found.supported:
        return found

    def again(rows: np.ndarray) -> tuple[np.ndarray, Attempt]:
        say(f"split of a class of {len(rows)} particles")
        one = _split_in_two(seen[rows], half[rows], seed, threads, say, start, rounds)
        return one.first, one.partition.attempts[0]

    return replace(found, partition=split_again(seen, found.first, found.partition.attempts[0], classes, again))


def _split_in_two(
    seen: Observations, half: np.ndarray, seed: int, threads: int, say: Callable[[str], None], start: Start, rounds: int
) -> SplitSet:
    n, first = len(seen), int((half == 0).sum())
    halves = (seen[np.arange(first)], seen[np.arange(first, n)])
    found = split_halves(halves, seed, start)
    say(f"the differences of the halves agree to {found.mean:.3f}")
    log_odds = np.concatenate(judged_by_the_other(halves, found))
    consensus = consensus_of(seen)
    residuals = residuals_of(seen, consensus)
    log_odds, attracted = refined(residuals, log_odds, rounds)
    nulls = null_agreements(halves, residuals, consensus, seed, threads, start)
    say(f"those of sets of one structure agree to {nulls.mean():.3f}, at most {nulls.max():.3f}")
    in_halves = np.concatenate([one.first for one in found.halves])
    if posterior(log_odds).mean() < 0.5:  # class 1 is the larger one
        log_odds, in_halves = -log_odds, 1 - in_halves
    of_first, follows = posterior(log_odds), _followed(log_odds, seen)
    supported = is_supported(found.mean, nulls) and not follows
    return SplitSet(
        log_odds,
        in_halves,
        residuals.contrast,
        found,
        nulls,
        supported,
        follows,
        is_one_normal(log_odds),
        attracted,
        Partition(np.stack([of_first, 1 - of_first], axis=1), [Attempt(n, found.mean, float(nulls.max()), supported)]),
    )


def _followed(log_odds: np.ndarray, seen: Observations) -> str:
    """The direction that the classes follow, '' for none. A tilt series shows one structure a little different from each side,
    and both halves find that: simulated sets, which have no such error, do not warn of it."""
    found = nuisances_of(log_odds, {}, directions_of(seen.axes, tilted=seen.tilted), {})
    name = max(found, key=lambda one: found[one])
    return name if found[name] > STRONG else ""


def on_grid_of(band: Band, mask: np.ndarray) -> np.ndarray:
    """A mask (box,) * 3 on the coarse grid of a band, centre voxel on centre voxel."""
    step = band.box / band.edge
    offset = np.full(3, band.box // 2 - step * (band.edge // 2))
    return affine_transform(mask.astype(np.float32), np.eye(3) * step, offset, (band.edge,) * 3, order=1, output=np.float32)
