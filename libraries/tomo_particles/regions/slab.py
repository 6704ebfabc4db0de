"""The slab of ice: between two planes, where the tomogram is thicker than the sample."""

from __future__ import annotations

import numpy as np

from .places import window_means

WINDOW = 200.0  # Å
TILES = 4  # along x and y, in each of which a face is looked for
CALM = 0.25  # quantile of the variance in a slice of a tile: objects are not the ice
FALL = 0.5  # of the variance in the middle: what lies beyond holds no sample
LEAST = 0.5  # share of the tiles that must show a face
NEAR = 2.0  # robust deviations: tiles farther from the first plane do not count for the second


def outside_slab(grey: np.ndarray, known: np.ndarray, voxel: float) -> np.ndarray:
    """(z, y, x) bool: beyond the planes at which the local variance halves; nothing where it does not.

    grey: (z, y, x) without objects much stronger than the sample; known: where it counts; voxel: edge, Å.
    """
    extent = (WINDOW / voxel,) * 3
    variance = window_means(grey * grey, known, extent) - np.square(window_means(grey, known, extent))
    outside = np.zeros(grey.shape, dtype=bool)
    z = np.arange(len(grey))[:, None, None]
    for upwards in (False, True):
        plane = _face(variance, known, upwards)
        if plane is not None:
            outside |= z > plane if upwards else z < plane
    return outside


def _face(variance: np.ndarray, known: np.ndarray, upwards: bool) -> np.ndarray | None:
    """(y, x) heights z of the plane of a face, voxels; None where too few tiles show it."""
    depth, height, width = variance.shape
    rows, columns = (np.array_split(np.arange(edge), min(TILES, edge)) for edge in (height, width))
    points = []
    for row in rows:
        for column in columns:
            tile = np.ix_(np.arange(depth), row, column)
            if known[tile].mean() < FALL:
                continue
            profile = np.quantile(variance[tile], CALM, axis=(1, 2))
            middle = float(np.median(profile[depth // 3 : depth - depth // 3]))
            low = profile < FALL * middle
            beyond = low[depth // 2 :] if upwards else low[: depth // 2][::-1]
            # Nothing of the sample may follow: a gap between particles is no face.
            last = int(np.flatnonzero(~beyond)[-1]) if not beyond.all() else -1
            if last < len(beyond) - 1:
                points.append((row.mean(), column.mean(), depth // 2 + last if upwards else depth // 2 - 1 - last))
    if len(points) < LEAST * len(rows) * len(columns):
        return None
    y, x, z = np.array(points, dtype=float).T
    terms = np.stack([np.ones_like(y), y, x], axis=1)
    weights = np.ones_like(z)
    for _ in range(2):
        plane = np.linalg.lstsq(terms * weights[:, None], z * weights, rcond=None)[0]
        away = np.abs(z - terms @ plane)
        weights = (away <= NEAR * max(1.0, 1.4826 * float(np.median(away)))).astype(float)
    return np.asarray(plane[0] + plane[1] * np.arange(height)[:, None] + plane[2] * np.arange(width))
