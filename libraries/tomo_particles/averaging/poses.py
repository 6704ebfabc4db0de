"""Poses of picks: the turn that takes a reference onto each particle, and how far from the pick the particle lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ..core.seeds import seed_of


@dataclass(frozen=True)
class Poses:
    """quaternions: (n, 4) of the rotations that take the reference onto the particle, acting on x, y, z.

    shifts: (n, 3) from the pick to the particle's centre, x, y, z of the tomogram, Å.
    """

    quaternions: np.ndarray
    shifts: np.ndarray

    def __len__(self) -> int:
        return len(self.shifts)

    def __getitem__(self, index: np.ndarray | slice) -> Poses:
        return Poses(self.quaternions[index], self.shifts[index])

    @property
    def rotations(self) -> Rotation:
        return Rotation.from_quat(self.quaternions)

    @staticmethod
    def of(rotations: Rotation, shifts: np.ndarray | None = None) -> Poses:
        """Poses of rotations, at the picks unless `shifts` says otherwise."""
        quaternions = rotations.as_quat().reshape(-1, 4)
        return Poses(quaternions, np.zeros((len(quaternions), 3)) if shifts is None else np.asarray(shifts, dtype=float))

    def onto(self, turn: Rotation, shift: np.ndarray) -> Poses:
        """The poses against another reference, which `turn` and then `shift` (x, y, z, Å) take onto this one."""
        return Poses.of(self.rotations * turn, self.shifts + self.rotations.apply(shift))


def random_turns(names: Sequence[str], positions: np.ndarray, seed: int) -> Rotation:
    """A uniform random rotation of each pick, from the seed, its tomogram and its place alone: the order has no part in it."""
    seeds = [seed_of(seed, f"{name} {x:.3f} {y:.3f} {z:.3f}") for name, (x, y, z) in zip(names, positions, strict=True)]
    return Rotation.from_quat(np.array([np.random.default_rng(one).standard_normal(4) for one in seeds]).reshape(-1, 4))


def split_halves(names: Sequence[str], positions: np.ndarray, distance: float) -> np.ndarray:
    """(n,) 0 or 1: picks of a tomogram within `distance` of each other share a half, the others alternate by place.

    positions: (n, 3), in the unit of `distance`. Each group of near picks goes to the smaller half.
    """
    order = np.lexsort((*positions.T, np.asarray(names, dtype=str)))
    group = np.arange(len(positions))
    for name in sorted(set(names)):
        own = order[np.asarray(names, dtype=str)[order] == name]
        for one, other in sorted(cKDTree(positions[own]).query_pairs(distance)):
            low, high = sorted((group[own[one]], group[own[other]]))
            group[group == high] = low
    half = np.full(len(positions), -1)
    counts = [0, 0]
    for row in order:
        if half[row] < 0:
            smaller = int(counts[1] < counts[0])
            members = group == group[row]
            half[members] = smaller
            counts[smaller] += int(members.sum())
    return half
