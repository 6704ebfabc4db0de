"""Noise picks: random positions of a tomogram far from everything that anybody picked, as negatives.

The thesis draws points until one happens to be free, which stalls in crowded tomograms. Here the free space is
known beforehand: cells that lie wholly within the evasion radius of a pick are struck out, every other cell is
asked a bounded number of times, and what is left over is full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

CELLS_PER_RADIUS = 4  # cell edge = radius / 4: few enough cells for big tomograms, fine enough for narrow gaps
ROUNDS = 3  # draws from every cell that still can hold a noise pick, before the space counts as full
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
    """Random sequential packing of the free space: draw points in the open cells, in random order, keep the apart ones."""
    extent, edge = high - low, max(1.0, radius / CELLS_PER_RADIUS)
    # Cells that tile each axis exactly: a cell that passed the border would waste its draws, all of them in a thin tomogram.
    shape = np.maximum(1, np.ceil(extent / edge)).astype(int)
    edges = np.where(extent > edge, extent / shape, edge)
    drawn = np.minimum(edges, extent)
    cells = _open_cells(avoid, low, shape, radius, edges)
    picked = cKDTree(avoid) if len(avoid) else None
    found = np.zeros((0, 3))
    for _ in range(ROUNDS):
        cells = cells[rng.permutation(len(cells))]
        start = 0
        while len(found) < count and start < len(cells):
            batch = cells[start:start + 4 * (count - len(found)) + 256]
            start += len(batch)
            points = low + (batch + rng.random(batch.shape)) * drawn
            for tree in (picked, cKDTree(found) if len(found) else None):
                points = points[_farther(tree, points, radius, threads)]
            found = np.concatenate([found, points[_keep_apart(points, radius)]])
        if len(found) >= count or not len(cells):
            break
        # A cell whose centre is nearer to a noise pick than this lies within its radius as a whole.
        inside = radius - float(np.linalg.norm(edges)) / 2
        if len(found):
            cells = cells[_farther(cKDTree(found), low + (cells + 0.5) * edges, inside, threads)]
    return found[:count]


def _farther(tree: cKDTree | None, points: np.ndarray, distance: float, threads: int) -> np.ndarray:
    """(n,) whether each point is at least `distance` away from every point of the tree."""
    if tree is None:
        return np.ones(len(points), dtype=bool)
    return np.isinf(tree.query(points, distance_upper_bound=distance, workers=threads)[0])


def _open_cells(avoid: np.ndarray, low: np.ndarray, shape: np.ndarray, radius: float, edges: np.ndarray) -> np.ndarray:
    """(c, 3) indices of the cells, `edges` voxels wide, that do not lie wholly within `radius` of a point of `avoid`."""
    if not len(avoid):
        return np.argwhere(np.ones(shape, dtype=bool))
    # Distances between cells: measured from the cell that holds each pick, so off by less than one cell diagonal.
    margin = np.ceil(radius / edges).astype(int) + 1
    holder = np.floor((avoid - low) / edges).astype(int) + margin
    padded = shape + 2 * margin
    holder = holder[((holder >= 0) & (holder < padded)).all(axis=1)]
    empty = np.ones(padded, dtype=bool)
    empty[tuple(holder.T)] = False
    distance = distance_transform_edt(empty, sampling=edges) if not empty.all() else np.full(padded, np.inf)
    inner = tuple(slice(m, m + n) for m, n in zip(margin, shape, strict=True))
    return np.argwhere(distance[inner] > radius - np.linalg.norm(edges))


def _keep_apart(points: np.ndarray, radius: float) -> np.ndarray:
    """Indices of the points kept when each point, in the given order, is dropped if a kept one is within `radius`."""
    if not len(points):
        return np.zeros(0, dtype=int)
    pairs = cKDTree(points).query_pairs(radius, output_type="ndarray")
    later: dict[int, list[int]] = {}
    for a, b in pairs.tolist():
        later.setdefault(a, []).append(b)  # query_pairs gives a < b
    dropped = np.zeros(len(points), dtype=bool)
    for index in range(len(points)):
        if not dropped[index]:
            dropped[later.get(index, [])] = True
    return np.flatnonzero(~dropped)

