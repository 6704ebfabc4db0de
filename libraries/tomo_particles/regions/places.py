"""What the finders of regions share: maps in robust deviations, places grown from seeds, components by their extent."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import find_objects, gaussian_filter, label

from ..core.grey_values import robust_scale
from .binning import TOUCHING

WINDOW = np.sqrt(12)  # a window of so many standard deviations has the extent of a box


def deviations(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values (z, y, x) in robust deviations from the median of the known ones; the others are 0."""
    median, deviation = robust_scale(values[known])
    scaled = (values - median) / (deviation or 1.0)
    scaled[~known] = 0
    return np.asarray(scaled, dtype=np.float32)


def window_means(values: np.ndarray, known: np.ndarray, extent: tuple[float, float, float]) -> np.ndarray:
    """Means (z, y, x) of the known values in soft windows; extent z, y, x in voxels; 0 where almost nothing is known."""
    sigma = [edge / WINDOW for edge in extent]
    weight = gaussian_filter(known.astype(np.float32), sigma)
    total = gaussian_filter(np.where(known, values, 0).astype(np.float32), sigma)
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0.05)


def grown(values: np.ndarray, seed: float, least: float, known: np.ndarray) -> np.ndarray:
    """(z, y, x) bool: the connected places above `least` that hold a value above `seed`."""
    places = (values > least) & known
    labels, count = label(places, TOUCHING)
    has_seed = np.zeros(count + 1, dtype=bool)
    has_seed[labels[places & (values > seed)]] = True
    return np.asarray(has_seed[labels])


def components_longer(places: np.ndarray, length: float) -> np.ndarray:
    """(z, y, x) bool: the connected places whose bounding box has a diagonal of at least `length` voxels."""
    labels, _ = label(places, TOUCHING)
    extents = [np.linalg.norm([side.stop - side.start for side in box]) for box in find_objects(labels)]
    return np.asarray(np.array([False, *(extent >= length for extent in extents)])[labels])
