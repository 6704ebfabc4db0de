"""What a network should answer around labelled positions: value and weight of each class at each voxel of a patch's map.

`sphere`: value t in a ball around each particle (the software of DeepFinder, Moebel et al., Nature Methods 18, 2021).
`shape`: value t where the particle is dense, turned as it is in the tomogram (DeepFinder as published; needs angles and maps).
`heatmap`: a Gaussian around each particle, one independent answer per class.
`centre`: one label for a whole patch, of the class whose particle lies in its middle (YOPO, 3D ResNet: SHREC 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

VOLUME_DIAMETER = 0.43  # diameters: radius of the ball of a particle's volume where only its diameter is known
BALL = 0.8  # of that radius: touching particles stay apart
SMALLEST_BALL, LARGEST_BALL = 30.0, 60.0  # Å
HEATMAP_WIDTH = 1 / 3  # of the radius: deviation of the Gaussian
MIDDLE = 0.5  # of the radius: how far off the middle of a patch a particle may lie


@dataclass(frozen=True)
class ParticleClass:
    """A class to learn: its name, and the radius in Å of the ball that has the particle's volume."""

    name: str
    radius: float

    @property
    def ball(self) -> float:
        """Å: radius of the ball of the target."""
        return min(max(BALL * self.radius, SMALLEST_BALL), LARGEST_BALL)


@dataclass(frozen=True)
class Labels:
    """What is known of one tomogram; n positions.

    positions: (n, 3) x, y, z, voxels that the network sees.  classes: (n,) from 1; 0: known to be no particle.
    value: (n,) in [0, 1], how surely it is a particle.  weight: (n,) how much it counts, 0: ignored.
    rest: weight of the space where nothing is labelled.
    turns: (n, 3, 3) rotations of vectors x, y, z that take the map of its class onto each particle; None where only places are
    known.
    """

    positions: np.ndarray
    classes: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    rest: float = 1.0
    turns: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.classes)

    @staticmethod
    def certain(positions: np.ndarray, classes: np.ndarray, rest: float = 1.0) -> Labels:
        """Particles that are known to be there."""
        return Labels(positions, np.asarray(classes, dtype=int), np.ones(len(classes)), np.ones(len(classes)), rest)


@dataclass(frozen=True)
class Shape:
    """Where a particle is dense. places: (z, y, x) bool about its centre voxel, edge // 2; rate: Å/voxel."""

    places: np.ndarray
    rate: float

    @staticmethod
    def densest(density: np.ndarray, rate: float, volume: float) -> Shape:
        """The densest voxels of a map (z, y, x), particle bright, that together have the volume in Å^3."""
        count = int(np.clip(round(volume / rate**3), 1, density.size))
        places = np.zeros(density.size, dtype=bool)
        places[np.argsort(-density.ravel(), kind="stable")[:count]] = True
        return Shape(places.reshape(density.shape), rate)

    @property
    def reach(self) -> float:
        """Å from the centre to the farthest corner of a dense voxel."""
        off = np.argwhere(self.places) - np.array(self.places.shape) // 2
        return float(np.linalg.norm(np.abs(off) + 0.5, axis=1).max()) * self.rate

    def holds(self, offsets: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """(...,) bool: whether offsets (..., 3) x, y, z in Å from the centre of a particle are in it, turned by (3, 3)."""
        voxels = np.rint(offsets @ turn / self.rate).astype(int)[..., ::-1] + np.array(self.places.shape) // 2  # turned back
        inside = ((voxels >= 0) & (voxels < self.places.shape)).all(axis=-1)
        found = np.zeros(inside.shape, dtype=bool)
        found[inside] = self.places[tuple(voxels[inside].T)]
        return found


@dataclass(frozen=True)
class MapGrid:
    """Places of the voxels of a map: map voxel i lies at start + step * i + offset along each axis; all z, y, x in voxels."""

    start: np.ndarray
    shape: tuple[int, int, int]
    step: int
    offset: float

    def places(self, axis: int) -> np.ndarray:
        """Coordinates along an axis (0 z, 1 y, 2 x), voxels of the tomogram."""
        return self.start[axis] + self.step * np.arange(self.shape[axis]) + self.offset


def make_target(
    kind: str,
    labels: Labels,
    classes: Sequence[ParticleClass],
    sampling_rate: float,
    grid: MapGrid,
    shapes: Sequence[Shape] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Answers (z, y, x, C + 1) float32, the background first, and weights (z, y, x) float32, for a patch at `grid`.

    A heatmap has no background: its first column is 1 minus the largest of the others.  shapes: one for each class, for `shape`.
    """
    if kind == "shape":
        return _shapes(labels, classes, sampling_rate, grid, shapes)
    return {"sphere": _spheres, "heatmap": _heatmaps, "centre": _centre}[kind](labels, classes, sampling_rate, grid)


def _spheres(
    labels: Labels, classes: Sequence[ParticleClass], sampling_rate: float, grid: MapGrid
) -> tuple[np.ndarray, np.ndarray]:
    radii = _radii(labels, classes, [one.ball for one in classes]) / sampling_rate
    return _filled(labels, len(classes), grid, radii, radii, lambda row, block, distance: distance <= radii[row])


def _shapes(
    labels: Labels, classes: Sequence[ParticleClass], sampling_rate: float, grid: MapGrid, shapes: Sequence[Shape]
) -> tuple[np.ndarray, np.ndarray]:
    """What is no particle has no shape: it is a ball."""
    assert labels.turns is not None
    turns = labels.turns
    radii = _radii(labels, classes, [one.radius for one in classes]) / sampling_rate
    reach = np.where(labels.classes > 0, _radii(labels, classes, [one.reach for one in shapes]) / sampling_rate, radii)

    def holds(row: int, block: tuple[slice, ...], distance: np.ndarray) -> np.ndarray:
        if not (which := int(labels.classes[row])):
            return distance <= radii[row]
        off = [grid.places(axis)[block[axis]] - labels.positions[row][2 - axis] for axis in (2, 1, 0)]
        x, y, z = np.broadcast_arrays(off[0], off[1][:, None], off[2][:, None, None])
        return shapes[which - 1].holds(np.stack([x, y, z], axis=-1) * sampling_rate, turns[row])

    return _filled(labels, len(classes), grid, reach, radii, holds)


def _filled(
    labels: Labels,
    classes: int,
    grid: MapGrid,
    reach: np.ndarray,
    radii: np.ndarray,
    holds: Callable[[int, tuple[slice, ...], np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Bodies around the positions, within `reach` (n,) voxels. holds: of a row, which voxels of a block at these distances are in
    its body. Where bodies overlap, that of the least distance in `radii` (n,) counts."""
    answer = np.zeros((*grid.shape, classes + 1), dtype=np.float32)
    answer[..., 0] = 1
    weight = np.full(grid.shape, labels.rest, dtype=np.float32)
    nearest = np.full(grid.shape, np.inf, dtype=np.float32)  # distance in radii
    for row, radius in enumerate(radii):
        found = _near(labels.positions[row], reach[row], grid)
        if found is None:
            continue
        block, distance = found
        nearer = holds(row, block, distance) & (distance / radius < nearest[block])
        nearest[block][nearer] = (distance / radius)[nearer]
        which, value = int(labels.classes[row]), labels.value[row]
        column = answer[block]
        column[nearer] = 0
        column[nearer, 0] = 1 - value
        column[nearer, which] += value  # of what is no particle (class 0), the background alone
        weight[block][nearer] = labels.weight[row]
    return answer, weight


def _heatmaps(
    labels: Labels, classes: Sequence[ParticleClass], sampling_rate: float, grid: MapGrid
) -> tuple[np.ndarray, np.ndarray]:
    answer = np.zeros((*grid.shape, len(classes) + 1), dtype=np.float32)
    weight = np.full(grid.shape, labels.rest, dtype=np.float32)
    for row, radius in enumerate(_radii(labels, classes, [one.radius for one in classes]) / sampling_rate):
        found = _near(labels.positions[row], radius, grid)
        if found is None:
            continue
        block, distance = found
        weight[block][distance <= radius] = labels.weight[row]
        if which := int(labels.classes[row]):
            bump = labels.value[row] * np.exp(-0.5 * (distance / (HEATMAP_WIDTH * radius)) ** 2)
            np.maximum(answer[block][..., which], bump, out=answer[block][..., which])
    answer[..., 0] = 1 - answer[..., 1:].max(axis=-1)
    return answer, weight


def _centre(
    labels: Labels, classes: Sequence[ParticleClass], sampling_rate: float, grid: MapGrid
) -> tuple[np.ndarray, np.ndarray]:
    answer = np.zeros((*grid.shape, len(classes) + 1), dtype=np.float32)
    answer[..., 0] = 1
    weight = np.zeros(grid.shape, dtype=np.float32)
    middle = tuple(edge // 2 for edge in grid.shape)
    weight[middle] = labels.rest
    place = np.array([grid.places(axis)[middle[axis]] for axis in range(3)])[::-1]
    if len(labels):
        away = np.linalg.norm(labels.positions - place, axis=1) / (
            MIDDLE * _radii(labels, classes, [one.radius for one in classes]) / sampling_rate
        )
        if away.min() <= 1:
            row = int(np.argmin(away))
            answer[middle] = 0
            answer[middle][0] = 1 - labels.value[row]
            answer[middle][int(labels.classes[row])] += labels.value[row]
            weight[middle] = labels.weight[row]
    return answer, weight


def _radii(labels: Labels, classes: Sequence[ParticleClass], of_class: Sequence[float]) -> np.ndarray:
    """(n,) Å: the radius of each position's class; of what is no particle, the mean of the classes."""
    return np.array([float(np.mean(of_class)), *of_class])[labels.classes] if len(classes) else np.zeros(0)


def _near(position: np.ndarray, radius: float, grid: MapGrid) -> tuple[tuple[slice, ...], np.ndarray] | None:
    """The block of the map within `radius` voxels of a position (x, y, z), and the distances there; None where there is none."""
    blocks, squares = [], []
    for axis, value in enumerate(position[::-1]):
        at = (value - grid.start[axis] - grid.offset) / grid.step
        low, high = max(0, int(np.ceil(at - radius / grid.step))), min(grid.shape[axis], int(at + radius / grid.step) + 1)
        if low >= high or at + radius / grid.step < 0:
            return None
        blocks.append(slice(low, high))
        squares.append((grid.places(axis)[low:high] - value) ** 2)
    distance = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
    return tuple(blocks), distance
