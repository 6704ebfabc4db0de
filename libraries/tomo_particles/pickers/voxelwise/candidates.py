"""Candidates in a map: at each place the class, the mean probability of a particle there, and no two of one particle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from . import places

APART = 0.6  # of the sum of two radii: nearer picks are of one particle
LOWEST_PEAK = 0.05  # of the smoothed map


@dataclass(frozen=True)
class Candidates:
    """n candidates, the best first. positions: (n, 3) x, y, z, map voxels; classes: (n,) from 0; scores: (n,) in [0, 1]."""

    positions: np.ndarray
    classes: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: np.ndarray | slice) -> Candidates:
        return Candidates(self.positions[index], self.classes[index], self.scores[index])


def find_candidates(
    classes: np.ndarray,
    particle: np.ndarray,
    cluster: str,
    tau: float,
    bandwidth: float,
    radii: np.ndarray,
    balls: np.ndarray,
    majority: bool = False,
    bad: np.ndarray | None = None,
) -> Candidates:
    """The candidates of a map of classes (z, y, x, C) and of any particle (z, y, x).

    cluster: peaks, components or meanshift.  bandwidth, radii (C,), balls (C,): map voxels; balls are those of the targets.
    majority: the class of most voxels above tau in its ball, not that of the largest mean.  bad: (z, y, x) bool, where no place
    is looked for; scores and classes of places beside it are those of the whole ball.
    """
    looked = particle if bad is None else np.where(bad, 0, particle)
    if cluster == "peaks":
        found = places.peaks(looked, LOWEST_PEAK)
    elif cluster == "components":
        found = places.components(looked, tau)
    else:
        found = places.mean_shift(looked, tau, bandwidth)
    if not len(found):
        return Candidates(np.zeros((0, 3)), np.zeros(0, dtype=int), np.zeros(0))
    which, scores = _read_balls(classes, particle, found, balls, tau if majority else None)
    order = np.argsort(-scores, kind="stable")
    every = Candidates(found, which, scores)[order]
    return every[_apart(every, radii)]


def _read_balls(
    classes: np.ndarray, particle: np.ndarray, positions: np.ndarray, balls: np.ndarray, tau: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Class (n,) from 0 and score (n,) of each position."""
    shape = np.array(particle.shape)
    offsets = [_ball(radius) for radius in balls]
    which, scores = np.zeros(len(positions), dtype=int), np.zeros(len(positions))
    for row, position in enumerate(positions):
        middle = np.rint(position[::-1]).astype(int)
        inside = [_inside(middle + ball, shape) for ball in offsets]
        if tau is None:
            values = [classes[..., k][at].mean() for k, at in enumerate(inside)]
        else:
            values = [_votes(classes, particle, at, tau, k) for k, at in enumerate(inside)]
        which[row] = int(np.argmax(values))
        scores[row] = min(1.0, float(particle[inside[which[row]]].mean()))
    return which, scores


def _votes(classes: np.ndarray, particle: np.ndarray, at: tuple[np.ndarray, ...], tau: float, k: int) -> float:
    """Share of the voxels that are a particle, and of this class rather than of another; the mean decides between equals."""
    own = classes[at]
    return float(((particle[at] > tau) & (own.argmax(axis=1) == k)).mean() + 1e-6 * own[:, k].mean())


def _ball(radius: float) -> np.ndarray:
    """(k, 3) offsets z, y, x of the voxels within the radius."""
    reach = int(radius)
    grid = np.stack(np.meshgrid(*(np.arange(-reach, reach + 1),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(grid[(grid**2).sum(axis=1) <= radius**2])


def _inside(voxels: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The voxels (k, 3) that lie in a map; one at least."""
    kept = voxels[((voxels >= 0) & (voxels < shape)).all(axis=1)]
    z, y, x = (kept if len(kept) else np.clip(voxels[len(voxels) // 2], 0, shape - 1)[None]).T
    return z, y, x


def _apart(candidates: Candidates, radii: np.ndarray) -> np.ndarray:
    """(n,) bool: whether no better one is nearer than APART of the sum of both radii."""
    radius = radii[candidates.classes]
    kept = np.ones(len(candidates), dtype=bool)
    near = cKDTree(candidates.positions).query_pairs(2 * APART * float(radii.max()), output_type="ndarray")
    later: dict[int, list[int]] = {}
    for one, other in np.sort(near, axis=1).tolist():
        later.setdefault(one, []).append(other)
    for row in range(len(candidates)):
        if not kept[row]:
            continue
        for other in later.get(row, ()):
            away = np.linalg.norm(candidates.positions[row] - candidates.positions[other])
            kept[other] &= away >= APART * (radius[row] + radius[other])
    return kept
