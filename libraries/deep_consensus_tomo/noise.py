"""Noise picks: random positions of a tomogram far from everything that anybody picked, as negatives.

The thesis draws points until one happens to be free, which stalls in crowded tomograms. Here the free space is
known all the time: cells that lie wholly within the evasion radius of a pick, or of a noise pick, are closed, the open
ones are asked a bounded number of times, and what is left over is full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

CELLS_PER_RADIUS = 6  # cell edge = radius / 6: a point closes 55 % of the space it takes
SUBCELLS = 4  # parts of a cell along an axis that tell which cells a point in it closes
MAX_CELLS = 4_000_000  # some MB: the cells of a small radius in a large tomogram are larger
ROUNDS = 3  # draws per cell that still can hold a noise pick, before the space counts as full
SMALLEST_BATCH, LARGEST_BATCH = 256, 200_000  # draws at once
POINTS_AT_ONCE = 4096  # whose covered cells are listed together: about 16 MB
SHRINK_FACTOR = 0.8
SMALLEST_SHRINK = 0.5  # of the asked radius: nearer than that a "noise" box shows the particle


@dataclass(frozen=True)
class NoisePicks:
    """positions (k, 3) x, y, z, voxels; radius: the evasion radius really kept, voxels; note: why k is not `count`."""

    positions: np.ndarray
    radius: float
    note: str


def pick_noise(avoid: np.ndarray, size: tuple[int, int, int], box_size: int, radius: float, count: int, *,
               rng: np.random.Generator, shrink: bool = False, threads: int = 1) -> NoisePicks:
    """Draw up to `count` positions uniformly from the free space of a tomogram.

    avoid: (n, 3) x, y, z, voxels, everything to stay `radius` voxels away from.  size: x, y, z of the tomogram, voxels.
    Every box of `box_size` lies inside the tomogram and noise picks keep `radius` from each other too.
    With `shrink` the radius is lowered by steps, to half at the least, when the tomogram is too crowded.
    Ends at once with what fits; `note` says how many and why.
    """
    low, high = box_limits(size, box_size)
    if (high < low).any():
        shape = " x ".join(str(int(s)) for s in size)
        return NoisePicks(np.zeros((0, 3)), radius, f"a box of {box_size} voxels does not fit in the tomogram of {shape} voxels")
    positions, kept_radius = np.zeros((0, 3)), radius
    while True:
        taken = np.concatenate([np.reshape(avoid, (-1, 3)), positions])
        positions = np.concatenate([positions, _fill(taken, low, high, kept_radius, count - len(positions), rng, threads)])
        if len(positions) >= count or not shrink or kept_radius * SHRINK_FACTOR < radius * SMALLEST_SHRINK:
            break
        kept_radius *= SHRINK_FACTOR
    return NoisePicks(positions, kept_radius, _note(len(positions), count, kept_radius, radius))


def _note(found: int, count: int, kept_radius: float, radius: float) -> str:
    if found < count:
        return (f"only {found} of {count} noise picks fit: the rest of the tomogram lies within {kept_radius:.1f} voxels "
                "of a pick or of the border")
    if kept_radius < radius:
        return f"the evasion radius was lowered from {radius:.1f} to {kept_radius:.1f} voxels: the tomogram is crowded"
    return ""


def box_limits(size: tuple[int, int, int], box_size: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last centre (x, y, z, voxels) whose box of `box_size` lies wholly inside a tomogram of `size` x, y, z.

    The centre of a box of b voxels is its voxel b // 2.
    """
    low = np.full(3, float(box_size // 2))
    return low, np.asarray(size, dtype=float) - (box_size - box_size // 2)


def _fill(avoid: np.ndarray, low: np.ndarray, high: np.ndarray, radius: float, count: int, rng: np.random.Generator,
          threads: int) -> np.ndarray:
    """Random sequential packing of the free space: draw points in open cells, keep the apart ones, close what they cover."""
    grid = _Grid(low, high, radius)
    grid.close(avoid)
    cells = np.flatnonzero(grid.open)
    picked = cKDTree(avoid) if len(avoid) else None
    found = np.zeros((0, 3))
    drawn, free = 0, 1.0  # draws since the start; share of them that were far from everything, lately
    while len(found) < count and drawn < ROUNDS * len(cells):
        # So few that most of them find room beside each other, and more where most meet something else.
        useful = min(2 * (count - len(found)), len(cells) // CELLS_PER_RADIUS**2) + SMALLEST_BATCH
        points = grid.draw(cells[rng.integers(len(cells), size=int(min(useful / free, LARGEST_BATCH)))], rng)
        drawn += len(points)
        n = len(points)
        for tree in (picked, cKDTree(found) if len(found) else None):
            points = points[_farther(tree, points, radius, threads)]
        free = max(len(points) / n, SMALLEST_BATCH / LARGEST_BATCH)
        points = points[_keep_apart(points, radius)]
        grid.close(points)
        found = np.concatenate([found, points])
        cells = cells[grid.open.ravel()[cells]]
    return found[:count]


def _farther(tree: cKDTree | None, points: np.ndarray, distance: float, threads: int) -> np.ndarray:
    """(n,) whether each point is at least `distance` away from every point of the tree."""
    if tree is None:
        return np.ones(len(points), dtype=bool)
    return np.isinf(tree.query(points, distance_upper_bound=distance, workers=threads)[0])


class _Grid:
    """Cells that tile the places between `low` and `high`; `open` (x, y, z) where one may hold a place that is still free.

    Closed cells lie around them, as far as points are that close a cell (`_reach`) and once more as far as these points' cells.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, radius: float) -> None:
        extent = high - low
        edge = max(1.0, radius / CELLS_PER_RADIUS, float(np.cbrt(extent.prod() / MAX_CELLS)))
        # Cells that tile each axis exactly: a cell that passed the border would waste its draws, all of them in a thin tomogram.
        shape = np.maximum(1, np.ceil(extent / edge)).astype(int)
        self.low, self.edges = low, np.where(extent > edge, extent / shape, edge)
        self._drawn = np.minimum(self.edges, extent)
        self._reach = np.ceil(radius / self.edges).astype(int)
        self._margin = 2 * self._reach
        self.open = np.zeros(shape + 2 * self._margin, dtype=bool)
        self.open[tuple(slice(m, m + n) for m, n in zip(self._margin, shape, strict=True))] = True
        self._covered = self._covered_cells(radius)

    def _covered_cells(self, radius: float) -> list[np.ndarray]:
        """For a point in each of the SUBCELLS**3 parts of a cell, the cells, relative to its own, that its radius covers."""
        part = (np.arange(SUBCELLS) + 0.5) / SUBCELLS - 0.5
        offsets = [np.arange(-n, n + 1) for n in self._reach]
        x, y, z = (((n - part[:, None]) * edge) ** 2 for n, edge in zip(offsets, self.edges, strict=True))
        distance = np.sqrt(x[:, None, None, :, None, None] + y[:, None, None, :, None] + z[:, None, None, :])
        steps = np.array(self.open.strides) // self.open.itemsize
        flat = np.add.outer(np.add.outer(offsets[0] * steps[0], offsets[1] * steps[1]), offsets[2] * steps[2])
        # Half a diagonal of the cell, and half a one of the part in which the point is somewhere.
        near = distance <= radius - np.linalg.norm(self.edges) / 2 * (1 + 1 / SUBCELLS)
        return [flat[covered] for covered in near.reshape(-1, *flat.shape)]

    def close(self, points: np.ndarray) -> None:
        """Close the cells that lie wholly within the radius of one of the points (n, 3) x, y, z, voxels."""
        place = (points - self.low) / self.edges + self._margin
        place = place[((place >= self._reach) & (place < self.open.shape - self._reach)).all(axis=1)]
        own = np.ravel_multi_index(tuple(np.floor(place).astype(int).T), self.open.shape)
        part = np.ravel_multi_index(tuple((place % 1 * SUBCELLS).astype(int).T), (SUBCELLS,) * 3)
        part, own = np.divmod(np.unique(part * self.open.size + own), self.open.size)
        ends = np.searchsorted(part, np.arange(SUBCELLS**3 + 1))
        for covered, start, stop in zip(self._covered, ends[:-1], ends[1:], strict=True):
            for first in range(start, stop, POINTS_AT_ONCE):
                self.open.ravel()[own[first:min(first + POINTS_AT_ONCE, stop), None] + covered] = False

    def draw(self, cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(n, 3) a random place, x, y, z, voxels, in each of the given cells (flat indices)."""
        index = np.stack(np.unravel_index(cells, self.open.shape), axis=1) - self._margin
        return self.low + (index + rng.random(index.shape)) * self._drawn


def _keep_apart(points: np.ndarray, radius: float) -> np.ndarray:
    """Indices of the points kept when each point, in the given order, is dropped if a kept one is within `radius`."""
    undecided = np.ones(len(points), dtype=bool)
    kept = np.zeros(len(points), dtype=bool)
    first, later = cKDTree(points).query_pairs(radius, output_type="ndarray").T if len(points) else np.zeros((2, 0), dtype=int)
    while undecided.any():  # all points at once that no earlier undecided one can drop: the same outcome in few passes
        free = undecided.copy()
        free[later] = False
        kept |= free
        undecided &= ~free
        undecided[later[free[first]]] = False
        waiting = undecided[first] & undecided[later]
        first, later = first[waiting], later[waiting]
    return np.flatnonzero(kept)
