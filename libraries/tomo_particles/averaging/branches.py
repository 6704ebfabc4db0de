"""Sets of picks made comparable: as many picks of each, and their averages in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.ndimage import affine_transform

from ..core.coordinates import same_sampling_rate
from ..core.seeds import seed_of
from ..fourier.filters import filtered, low_pass
from ..geometry.orientations import turned
from .alignment import Settings
from .average_set import Averages, SetAverage
from .halves import rigid_motion
from .picked_boxes import PickedBoxes

FINER = 2.0  # of the first low-pass: at this resolution the motion of one average onto another is found in the end
FINEST = 3.5  # voxels: not finer


def drawn(names: Sequence[str], positions: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows of `count` picks, of each tomogram the same share of its own; tomograms and places decide, not the order.

    names: (n,) tomogram of each pick.  positions: (n, 3).
    """
    every = np.asarray(names, dtype=str)
    order = np.lexsort((*positions.T, every))
    tomograms, sizes = np.unique(every, return_counts=True)
    wanted = sizes * count / len(every)
    numbers = np.floor(wanted).astype(int)
    fullest = np.argsort(numbers - wanted, kind="stable")  # the largest remainders, one more each
    numbers[fullest[: count - numbers.sum()]] += 1
    rows = []
    for name, number in zip(tomograms, numbers, strict=True):
        own = order[every[order] == name]
        rows.append(np.random.default_rng(seed_of(seed, name)).permutation(own)[:number])
    return np.sort(np.concatenate(rows))


def laid_on(target: np.ndarray, made: Averages, boxes: PickedBoxes, settings: Settings, lowpass: float) -> Averages:
    """The averages of a set in the frame of another map (n, n, n) of the same box: all turns are searched, then small ones."""
    fine = max(lowpass / FINER, FINEST * boxes.rate)
    poses, moved, full = made.poses, made.average, boxes.band(2 * boxes.rate)
    for resolution, everywhere in ((lowpass, True), (fine, False)):
        band = boxes.band(resolution)
        turn, shift, _ = rigid_motion(band.pack(target), band.pack(moved), band, settings, everywhere=everywhere)
        poses = poses.onto(turn, shift)
        moved = turned(full.volume(full.shifted(full.pack(moved), -shift), boxes.edge), turn.inv(), 3)
    return SetAverage(boxes, settings, made.resolution, made.resolution, 0, halves=False).of(poses, made.half)


class Box(Protocol):
    """A cubic box of `edge` voxels of `rate` Å."""

    @property
    def edge(self) -> int: ...

    @property
    def rate(self) -> float: ...


def in_box(volume: np.ndarray, rate: float, boxes: Box) -> np.ndarray:
    """A map (z, y, x) of `rate` Å/voxel in the box of a set, centre voxel on centre voxel; beyond it its border's grey."""
    fine = np.asarray(volume, dtype=np.float32)
    if not same_sampling_rate(rate, boxes.rate):
        fine = filtered(fine, low_pass((fine.shape[0], fine.shape[1], fine.shape[2]), rate, 2 * max(rate, boxes.rate)))
    scale = 1.0 if same_sampling_rate(rate, boxes.rate) else boxes.rate / rate
    offset = np.array(fine.shape) // 2 - scale * (boxes.edge // 2)
    border = float(np.median(np.concatenate([fine[0].ravel(), fine[-1].ravel()])))
    return affine_transform(fine, np.eye(3) * scale, offset, (boxes.edge,) * 3, order=3, cval=border, output=np.float32)
