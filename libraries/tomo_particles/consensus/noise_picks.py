"""Noise picks: random positions of a tomogram far from every pick, as negatives.

The thesis draws points until one is free, which does not end in crowded tomograms. Here the free space is always known: a cell is
closed if it lies completely within the evasion radius of a pick or of a noise pick. Points are drawn from the open cells, a
limited number of times; after that the space counts as full. The result has the distribution of points drawn one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from ..geometry.suppression import suppress_neighbours

CELLS_PER_RADIUS = 6  # cell edge = radius / 6: a point closes 55 % of the space that it covers
SUBCELLS = 4  # parts of a cell along an axis; the part of a point decides which cells it closes
CELLS_PER_POINT = 2000  # twice as many as a point covers; with few points larger cells are enough, as most draws are free
BLOCK_CELLS = 8_000_000  # cells that are unpacked at once: some 10 MB
ROUNDS = 3  # draws per open cell, before the space counts as full
SMALLEST_BATCH, LARGEST_BATCH = 256, 1_000_000  # draws at once
POINTS_AT_ONCE = 4096  # points whose covered cells are listed together: about 16 MB
SHRINK_FACTOR = 0.8
SMALLEST_SHRINK = 0.5  # fraction of the requested radius: nearer to a pick, a "noise" box shows the particle


@dataclass(frozen=True)
class NoisePicks:
    """positions (k, 3) x, y, z, voxels; radius: the evasion radius that was used, voxels; note: why there are fewer picks, or a
    smaller radius, than requested."""

    positions: np.ndarray
    radius: float
    note: str


@dataclass(frozen=True)
class Places:
    """Where noise may be picked. allowed: (z, y, x) bool; voxel: edge of its voxels, in voxels of the tomogram; the first corner
    is the tomogram's."""

    allowed: np.ndarray
    voxel: float

    def hold(self, points: np.ndarray) -> np.ndarray:
        """(n,) whether points (n, 3) x, y, z, voxels of the tomogram, are allowed."""
        x, y, z = (self.cells_of(axis, own) for axis, own in enumerate(points.T))
        return np.asarray(self.allowed[z, y, x])

    def cells_of(self, axis: int, values: np.ndarray) -> np.ndarray:
        """(n,) index into `allowed` of coordinates (n,) along an axis (0: x, 1: y, 2: z), voxels of the tomogram."""
        index = np.floor((values + 0.5) / self.voxel).astype(int)
        return np.clip(index, 0, self.allowed.shape[2 - axis] - 1)

    def widened(self, reach: float) -> Places:
        """Also what is within `reach` voxels of the tomogram along each axis."""
        width = 2 * int(np.ceil(reach / self.voxel)) + 1
        return Places(maximum_filter(self.allowed, width), self.voxel)


def pick_noise(
    avoid: np.ndarray,
    size: tuple[int, int, int],
    box_size: int,
    radius: float,
    count: int,
    *,
    rng: np.random.Generator,
    shrink: bool = False,
    places: Places | None = None,
    threads: int = 1,
) -> NoisePicks:
    """Draw up to `count` positions uniformly from the free space of a tomogram.

    avoid: (n, 3) x, y, z, voxels; noise picks are at least `radius` voxels away from these points and from each other.
    size: x, y, z of the tomogram, voxels; every box of `box_size` lies inside it.  shrink: lower the radius by steps, down to
    half of it, if the tomogram is too crowded. places: None for everywhere. If fewer picks fit, `note` says how many and why.
    """
    low, high = box_limits(size, box_size)
    if (high < low).any():
        shape = " x ".join(str(int(s)) for s in size)
        return NoisePicks(np.zeros((0, 3)), radius, f"a box of {box_size} voxels does not fit in the tomogram of {shape} voxels")
    positions, kept_radius = np.zeros((0, 3)), radius
    if places is not None and not places.allowed.any():
        return NoisePicks(positions, radius, f"none of {count} noise picks fit: no place is allowed" if count else "")
    while True:
        taken = np.concatenate([np.reshape(avoid, (-1, 3)), positions])
        positions = np.concatenate(
            [positions, _fill(taken, low, high, kept_radius, count - len(positions), rng, threads, places)]
        )
        if len(positions) >= count or not shrink or kept_radius * SHRINK_FACTOR < radius * SMALLEST_SHRINK:
            break
        kept_radius *= SHRINK_FACTOR
    return NoisePicks(positions, kept_radius, _note(len(positions), count, kept_radius, radius, box_size, places is not None))


def _note(found: int, count: int, kept_radius: float, radius: float, box_size: int, in_places: bool) -> str:
    if found < count:
        note = (
            f"only {found} of {count} noise picks fit: the rest of the tomogram lies within {kept_radius:.1f} voxels "
            f"of a pick or of the border{', or in another region' if in_places else ''}"
        )
    elif kept_radius < radius:
        note = f"the evasion radius was lowered from {radius:.1f} to {kept_radius:.1f} voxels: the tomogram is crowded"
    else:
        return ""
    near = found and kept_radius < min(radius, box_size / 2)
    warning = f"; that is less than half a box ({box_size / 2:g} voxels), so noise may show parts of particles"
    return note + (warning if near else "")


def box_limits(size: tuple[int, int, int], box_size: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last centre (x, y, z, voxels) whose box of `box_size` lies completely inside a tomogram of `size` x, y, z.

    The centre of a box of b voxels is its voxel b // 2.
    """
    low = np.full(3, float(box_size // 2))
    return low, np.asarray(size, dtype=float) - (box_size - box_size // 2)


def _fill(
    avoid: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    radius: float,
    count: int,
    rng: np.random.Generator,
    threads: int,
    places: Places | None,
) -> np.ndarray:
    """Random sequential packing of the free space: draw points in open cells, keep the apart ones, close what they cover."""
    cells = _Cells(low, high, radius, len(avoid) + count)
    cells.close(avoid)
    if places is not None:
        cells.close_outside(places)
    picked = cKDTree(avoid) if len(avoid) else None
    found = np.zeros((0, 3))
    drawn, free = 0, 1.0  # draws since the start; share of them that were far from everything, lately
    while len(found) < count and drawn < ROUNDS * len(cells):
        # So few that most of them find room beside each other, and more where most meet something else.
        useful = min(2 * (count - len(found)), len(cells) // CELLS_PER_RADIUS**2) + SMALLEST_BATCH
        points = cells.draw(int(min(useful / free, LARGEST_BATCH)), rng)
        n = len(points)
        drawn += n
        if places is not None:
            points = points[places.hold(points)]
        for tree in (picked, cKDTree(found) if len(found) else None):
            points = points[_farther(tree, points, radius, threads)]
        free = max(len(points) / n, SMALLEST_BATCH / LARGEST_BATCH)
        # The points are sorted by position; this order must not give some of them priority.
        points = rng.permutation(points)
        points = points[suppress_neighbours(points, radius, np.arange(len(points))) == np.arange(len(points))]
        cells.close(points)
        found = np.concatenate([found, points])
    return found[:count]


def _farther(tree: cKDTree | None, points: np.ndarray, distance: float, threads: int) -> np.ndarray:
    """(n,) whether each point is at least `distance` away from every point of the tree."""
    if tree is None:
        return np.ones(len(points), dtype=bool)
    return np.isinf(tree.query(points, distance_upper_bound=distance, workers=threads)[0])


class _Cells:
    """Equal cells that tile the space between `low` and `high`. A cell is open if it may still have a free position.

    They are stored as bits, in blocks of whole x layers, so that memory grows with the number of points, not with the tomogram.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, radius: float, n_points: int) -> None:
        extent = high - low
        edge = max(1.0, radius / CELLS_PER_RADIUS, float(np.cbrt(extent.prod() / (CELLS_PER_POINT * max(1, n_points)))))
        # Cells tile each axis exactly: draws from a cell that crosses the border would be wasted, all of them in a thin tomogram.
        self._shape = np.maximum(1, np.ceil(extent / edge)).astype(int)
        self._low, self._edges = low, np.where(extent > edge, extent / self._shape, edge)
        self._drawn = np.minimum(self._edges, extent)
        self._reach = np.ceil(radius / self._edges).astype(int)
        self._layers = min(int(self._shape[0]), max(4 * int(self._reach[0]), BLOCK_CELLS // int(self._shape[1:].prod())))
        # Around a block, as far as points are that close a cell of it, and once more as far as these points' cells.
        self._padded = (self._layers, *self._shape[1:]) + 4 * self._reach
        self._covered = self._covered_cells(radius)
        self._starts = range(0, int(self._shape[0]), self._layers)
        self._bits = [np.packbits(np.ones(self._block_shape(start), dtype=bool)) for start in self._starts]
        self._open = np.array([np.prod(self._block_shape(start)) for start in self._starts])

    def __len__(self) -> int:
        """Number of open cells."""
        return int(self._open.sum())

    def _block_shape(self, start: int) -> tuple[int, ...]:
        return (min(self._layers, int(self._shape[0]) - start), *map(int, self._shape[1:]))

    def _opened(self, block: int) -> np.ndarray:
        """(x, y, z) bool, whether each cell of a block is open."""
        shape = self._block_shape(self._starts[block])
        return np.unpackbits(self._bits[block], count=int(np.prod(shape))).view(bool).reshape(shape)

    def _covered_cells(self, radius: float) -> list[np.ndarray]:
        """For each of the SUBCELLS**3 parts of a cell: the cells, relative to it, that the radius of a point in it covers."""
        part = (np.arange(SUBCELLS) + 0.5) / SUBCELLS - 0.5
        offsets = [np.arange(-n, n + 1) for n in self._reach]
        x, y, z = (((n - part[:, None]) * edge) ** 2 for n, edge in zip(offsets, self._edges, strict=True))
        distance = np.sqrt(x[:, None, None, :, None, None] + y[:, None, None, :, None] + z[:, None, None, :])
        steps = self._padded[1] * self._padded[2], self._padded[2]
        flat = np.add.outer(np.add.outer(offsets[0] * steps[0], offsets[1] * steps[1]), offsets[2])
        # Half a diagonal of the cell, and half a diagonal of the part that holds the point.
        near = distance <= radius - np.linalg.norm(self._edges) / 2 * (1 + 1 / SUBCELLS)
        return [flat[covered] for covered in near.reshape(-1, *flat.shape)]

    def close(self, points: np.ndarray) -> None:
        """Close the cells that lie completely within the radius of one of the points (n, 3) x, y, z, voxels."""
        place = (points - self._low) / self._edges + 2 * self._reach
        place = place[((place >= self._reach) & (place < self._shape + 3 * self._reach)).all(axis=1)]
        place = place[np.argsort(place[:, 0])]
        part = np.ravel_multi_index(tuple((place % 1 * SUBCELLS).astype(int).T), (SUBCELLS,) * 3)
        own = np.floor(place).astype(int)
        for block, start in enumerate(self._starts):
            near = slice(*np.searchsorted(own[:, 0], start + np.array([1, 3]) * self._reach[0] + (0, self._layers)))
            if near.start < near.stop:
                still = self._opened(block) & ~self._within(own[near] - (start, 0, 0), part[near])[: self._block_shape(start)[0]]
                self._bits[block], self._open[block] = np.packbits(still), np.count_nonzero(still)

    def close_outside(self, places: Places) -> None:
        """Close the cells that hold no allowed place."""
        near = places.widened(float(self._edges.max()) / 2 + places.voxel)
        middles = (
            low + (np.arange(int(n)) + 0.5) * edge for low, edge, n in zip(self._low, self._edges, self._shape, strict=True)
        )
        x, y, z = (near.cells_of(axis, middle) for axis, middle in enumerate(middles))  # by axis: a table of cells takes memory
        for block, start in enumerate(self._starts):
            within = near.allowed[np.ix_(z, y, x[start : start + self._block_shape(start)[0]])]
            still = self._opened(block) & within.transpose(2, 1, 0)
            self._bits[block], self._open[block] = np.packbits(still), np.count_nonzero(still)

    def _within(self, own: np.ndarray, part: np.ndarray) -> np.ndarray:
        """(x, y, z) which cells of a block are covered by points in these parts of these cells (n, 3) of the padded block."""
        covered = np.zeros(self._padded, dtype=bool)
        part, cell = np.divmod(np.unique(part * covered.size + np.ravel_multi_index(tuple(own.T), covered.shape)), covered.size)
        ends = np.searchsorted(part, np.arange(SUBCELLS**3 + 1))
        for relative, start, stop in zip(self._covered, ends[:-1], ends[1:], strict=True):
            for first in range(start, stop, POINTS_AT_ONCE):
                covered.ravel()[cell[first : min(first + POINTS_AT_ONCE, stop), None] + relative] = True
        return covered[tuple(slice(2 * reach, -2 * reach) for reach in self._reach)]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """(n, 3) random positions, x, y, z, voxels, uniform in the open cells and sorted by cell."""
        index = []
        for block, share in enumerate(rng.multinomial(n, self._open / len(self))):
            if share:
                cells = np.flatnonzero(self._opened(block))
                cells = cells[np.sort(rng.integers(len(cells), size=share))]
                index.append(np.stack(np.unravel_index(cells, self._block_shape(self._starts[block])), axis=1))
                index[-1][:, 0] += self._starts[block]
        places = np.concatenate(index)
        return self._low + (places + rng.random(places.shape)) * self._drawn
