"""Places of particles in a map of probabilities (z, y, x): peaks, components, mean shift. Positions are x, y, z in map voxels."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import center_of_mass, gaussian_filter, label
from scipy.spatial import cKDTree

from ...geometry.suppression import suppress_neighbours
from ..peaks import find_peaks

SMOOTHING = 1.0  # map voxels: deviation of the Gaussian before peaks are looked for
LEAST_VOXELS = 5  # of a component
MOVED = 0.05  # map voxels: a mean that moves less has arrived
STEPS = 50  # of a mean, at most
NEAR = 1.5  # map voxels between peaks at least
CONNECTED = np.ones((3, 3, 3), dtype=int)  # all 26 neighbours


def peaks(particle: np.ndarray, lowest: float) -> np.ndarray:
    """(n, 3) maxima of the smoothed map above `lowest`, the best first."""
    return find_peaks(gaussian_filter(particle, SMOOTHING), NEAR, threshold=lowest).positions


def components(particle: np.ndarray, tau: float) -> np.ndarray:
    """(n, 3) weighted centres of the connected voxels above tau, at least LEAST_VOXELS of them.

    However large a component is, it stays: there is a particle at least. Touching particles are one component.
    """
    numbers, count = label(particle > tau, CONNECTED)
    if not count:
        return np.zeros((0, 3))
    large = np.flatnonzero(np.bincount(numbers.ravel())[1:] >= LEAST_VOXELS) + 1
    if not len(large):
        return np.zeros((0, 3))
    return np.array(center_of_mass(particle, numbers, large))[:, ::-1]


def mean_shift(particle: np.ndarray, tau: float, bandwidth: float) -> np.ndarray:
    """(n, 3) modes of the voxels above tau under a flat kernel of `bandwidth` map voxels, those of most voxels first.

    Means start at the components and on a grid as wide as the kernel. Modes within the kernel of one with more voxels are one
    with it.
    """
    voxels = np.argwhere(particle > tau)[:, ::-1].astype(float)
    if not len(voxels):
        return np.zeros((0, 3))
    tree = cKDTree(voxels)
    means = np.concatenate([components(particle, tau), _grid_means(voxels, bandwidth)])
    moving = np.ones(len(means), dtype=bool)
    for _ in range(STEPS):
        if not moving.any():
            break
        before = means[moving]
        after = np.array([voxels[near].mean(axis=0) for near in _within(tree, before, bandwidth)])
        means[moving] = after
        moving[np.flatnonzero(moving)[np.linalg.norm(after - before, axis=1) < MOVED]] = False
    members = np.array([len(near) for near in tree.query_ball_point(means, bandwidth)])
    order = np.lexsort((*means.T, -members))
    modes = means[order][members[order] >= LEAST_VOXELS]
    rank = np.arange(len(modes))
    return np.asarray(modes[suppress_neighbours(modes, bandwidth, rank) == rank])


def _grid_means(voxels: np.ndarray, width: float) -> np.ndarray:
    """(n, 3) mean of the voxels of each cell of a grid."""
    _, cell = np.unique(np.floor(voxels / width).astype(int), axis=0, return_inverse=True)
    count = np.bincount(cell)
    return np.stack([np.bincount(cell, weights=voxels[:, axis]) / count for axis in range(3)], axis=1)


def _within(tree: cKDTree, places: np.ndarray, radius: float) -> list[list[int]]:
    """The points within the radius of each place; of a place with none, the nearest one."""
    found = tree.query_ball_point(places, radius)
    return [near or [int(tree.query(place)[1])] for near, place in zip(found, places, strict=True)]
