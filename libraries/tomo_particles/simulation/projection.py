"""Rays through a tilted sample as one sparse matrix per tilt. The tilt axis is y, so the matrix is the same for every section."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

Columns = np.ndarray  # (z * x, y) float32: a volume with y last, so that a voxel's line along the tilt axis is contiguous


def as_columns(volume: np.ndarray) -> Columns:
    """A volume (z, y, x) as (z * x, y)."""
    depth, height, width = volume.shape
    return np.ascontiguousarray(volume.transpose(0, 2, 1), dtype=np.float32).reshape(depth * width, height)


def detector_positions(width: int, margin: int = 0) -> np.ndarray:
    """x' of the detector's pixels, in voxels from the tilt axis, with `margin` more pixels on either side."""
    return np.arange(-margin, width + margin) - width // 2


def rays(angle: float, depth: int, width: int, margin: int = 0) -> csr_matrix:
    """(width + 2 margin, depth * width) matrix that projects at a tilt in degrees: sums grey values times path, voxels.

    At a tilt t a voxel is projected to x' = x cos t + z sin t (from the centre, size // 2). A ray is sampled once per plane z,
    linearly in x. The sample is periodic along x, because a real one does not end at the edge of the camera.
    """
    t = np.radians(angle)
    z = np.arange(depth) - depth // 2
    x = (detector_positions(width, margin)[:, None] - z * np.sin(t)) / np.cos(t) + width // 2  # (x', z)
    left = np.floor(x).astype(np.int64)
    share = (x - left).astype(np.float32)
    columns = np.stack([left % width, (left + 1) % width], axis=-1) + (np.arange(depth) * width)[:, None]
    weights = np.stack([1 - share, share], axis=-1) / np.float32(np.cos(t))
    return _rows_of_equal_length(weights, columns, len(x), depth * width)


def slice_of_samples(angle: float, depth: int, width: int, margin: int, thickness: float) -> tuple[np.ndarray, int]:
    """(x', z) number of the slice across the beam, `thickness` voxels each, of every sample of `rays`; and how many there are.

    Along the beam the sample at x', z is at z' = z / cos t - x' tan t.
    """
    t = np.radians(angle)
    z = np.arange(depth) - depth // 2
    along = z / np.cos(t) - detector_positions(width, margin)[:, None] * np.tan(t)
    # Slices are symmetric about z' = 0, the plane with the nominal defocus.
    half = int(np.ceil(np.abs(along).max() / thickness - 0.5))
    return np.rint(along / thickness).astype(np.int64) + half, 2 * half + 1


def sliced(matrix: csr_matrix, slices: np.ndarray, count: int) -> csr_matrix:
    """The rays cut into slices: (count * x', ...) rows, slice by slice."""
    detector = len(slices)
    rows = np.repeat((slices * detector + np.arange(detector)[:, None]).ravel(), 2)
    return csr_matrix((matrix.data, (rows, matrix.indices)), shape=(count * detector, matrix.shape[1]))


def back_rays(angles: np.ndarray, planes: np.ndarray, depth: int, width: int) -> csr_matrix:
    """(planes * x, tilts * x') matrix that back-projects into some planes z of a volume; linear in x'.

    A tilt whose detector does not cover a voxel adds nothing to it.
    """
    t = np.radians(angles)
    x, z = np.arange(width) - width // 2, np.asarray(planes) - depth // 2
    at = x[None, :, None] * np.cos(t) + z[:, None, None] * np.sin(t) + width // 2  # (z, x, tilt)
    left = np.floor(at).astype(np.int64)
    share = (at - left).astype(np.float32)
    pixels = np.stack([left, left + 1], axis=-1)
    weights = np.stack([1 - share, share], axis=-1)
    weights[(pixels < 0) | (pixels >= width)] = 0
    columns = np.clip(pixels, 0, width - 1) + (np.arange(len(t)) * width)[:, None]
    return _rows_of_equal_length(weights, columns, len(z) * width, len(t) * width)


def _rows_of_equal_length(weights: np.ndarray, columns: np.ndarray, rows: int, width: int) -> csr_matrix:
    starts = np.arange(rows + 1) * (weights.size // rows)
    values, indices = weights.ravel().astype(np.float32), columns.ravel().astype(np.int32)
    return csr_matrix((values, indices, starts.astype(np.int32)), shape=(rows, width))
