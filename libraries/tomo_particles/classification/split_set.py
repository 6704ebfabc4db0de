"""A set of aligned particles from its boxes to two classes: the halves that never meet first, then all particles together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import affine_transform

from ..averaging.band import Band
from ..averaging.poses import Poses
from ..core.errors import InputError, parameter
from ..core.memory import lacking
from ..core.mixture import is_one_normal
from .class_maps import Boxes
from .independent_halves import Halves, is_supported, judged_by_the_other, null_agreements, split_halves
from .observations import Space, observe
from .residuals import consensus_of, residuals_of
from .two_classes import posterior, refined

STEPS = 2  # lines that are said on the way
LEAST_PARTICLES = 80  # 20 in each part of each half
BYTES = 3 * 64 + 12 * 8  # of each frequency of each particle: its places in a spectrum, thrice, and what is worked with


@dataclass(frozen=True)
class SplitSet:
    """What comes of a set of n particles.

    log_odds: (n,) of class 1, the larger one.  in_halves: (n,) probability of class 1, found in the half of each alone.
    contrast: (n,) over that of the average.  found: the halves.  nulls: (20,) mean agreement of halves of one structure.
    supported: whether there are two structures.  continuous: whether one normal distribution describes the log odds better than
    two.  attracted: whether one class took nearly all particles, so that an earlier partition stays.
    """

    log_odds: np.ndarray
    in_halves: np.ndarray
    contrast: np.ndarray
    found: Halves
    nulls: np.ndarray
    supported: bool
    continuous: bool
    attracted: bool

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
) -> SplitSet:
    """half: (n,) 0 or 1.  mask: (edge,) * 3 on the grid of the boxes, 0 to 1.  resolution: Å, nothing finer counts.

    say: receives STEPS lines.
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
    halves = (everyone[np.arange(len(rows[0]))], everyone[np.arange(len(rows[0]), n)])
    found = split_halves(halves, seed)
    say(f"the differences of the halves agree to {found.mean:.3f}")
    log_odds = np.concatenate(judged_by_the_other(halves, found))
    consensus = consensus_of(everyone)
    residuals = residuals_of(everyone, consensus)
    log_odds, attracted = refined(residuals, log_odds)
    nulls = null_agreements(halves, residuals, consensus, seed, threads)
    say(f"those of sets of one structure agree to {nulls.mean():.3f}, at most {nulls.max():.3f}")
    in_halves = np.concatenate([one.first for one in found.halves])
    if posterior(log_odds).mean() < 0.5:  # class 1 is the larger one
        log_odds, in_halves = -log_odds, 1 - in_halves
    back = np.argsort(order)
    return SplitSet(
        log_odds[back],
        in_halves[back],
        residuals.contrast[back],
        found,
        nulls,
        is_supported(found.mean, nulls),
        is_one_normal(log_odds),
        attracted,
    )


def on_grid_of(band: Band, mask: np.ndarray) -> np.ndarray:
    """A mask (box,) * 3 on the coarse grid of a band, centre voxel on centre voxel."""
    step = band.box / band.edge
    offset = np.full(3, band.box // 2 - step * (band.edge // 2))
    return affine_transform(mask.astype(np.float32), np.eye(3) * step, offset, (band.edge,) * 3, order=1, output=np.float32)
