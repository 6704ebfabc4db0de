"""The input of a network, made from a box. For the network 'small' its edge is at most 16 voxels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..core.errors import InputError
from ..core.subtomograms import ROUNDED

ARCHITECTURES = ("small", "reference")
SMALL_INPUT_EDGE = 16  # voxels: enough for the shape of a particle, and a quarter of the cost of 24
SMALL_VIEW = 0.8  # of the edge of the box: further out lie neighbours
SMOOTHING = 1 / 28  # standard deviation of the Gaussian that smooths boxes, in box edges


def require_architecture(name: object, option: str) -> None:
    """Raise InputError for anything but the name of a network."""
    if name not in ARCHITECTURES:
        raise InputError(f"{option}: expected {' or '.join(ARCHITECTURES)}, received {name!r}")


def input_edge(architecture: str, box_size: int) -> int:
    """Edge of the network input of boxes of `box_size`, voxels; even, so that the particle's centre is its centre."""
    return box_size if architecture == "reference" else min(SMALL_INPUT_EDGE, 2 * int(SMALL_VIEW * box_size / 2))


def input_sampling_rate(architecture: str, box_size: int, sampling_rate: float) -> float:
    """Å/voxel of the network input of boxes of `box_size` voxels of `sampling_rate` Å."""
    return sampling_rate * (1 if architecture == "reference" else SMALL_VIEW * box_size / input_edge(architecture, box_size))


def network_input(boxes: np.ndarray, architecture: str, *, flat: float = 0.0, own: bool = False) -> np.ndarray:
    """(n, edge, edge, edge) float32 network input of (n, box, box, box) boxes, each of zero mean and unit deviation.

    'reference' sees the box as it is, 'small' its inner part, smoothed and sampled with `sampling_weights`. Boxes that are
    flat, or not numbers, become 0.  flat: deviation of grey values up to which a box is flat, beside one that is only rounding.
    own: the boxes, float32, are not needed any more and may be changed, which is quicker.
    """
    boxes = boxes if own else np.array(boxes, dtype=np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = boxes[:, ::4, ::4, ::4].mean(axis=(1, 2, 3), keepdims=True)
        mean[~np.isfinite(mean)] = 0
        seen = _seen(boxes, mean, architecture)
    if not np.isfinite(seen).all():  # rare: a search in all voxels of all boxes would take longer
        seen = _seen(np.nan_to_num(boxes, nan=0, posinf=0, neginf=0), np.zeros_like(mean), architecture)
    return _normalised(seen, flat)


def network_input_of_parts(parts: Sequence[np.ndarray], architecture: str, *, flat: float = 0.0) -> np.ndarray:
    """`network_input` of n boxes that are parts of a larger float32 array: they are not copied.

    The grey values are numbers, and around 0, for the precision of the sums in float32.
    """
    if architecture == "reference":
        return network_input(np.stack(parts), architecture, flat=flat, own=True)
    box_size = len(parts[0])
    edge = input_edge(architecture, box_size)
    weights = sampling_weights(box_size, edge)
    along_x = np.ascontiguousarray(weights.T)  # the products of planes take half the time
    lines = np.empty((len(parts), box_size, box_size, edge), dtype=np.float32)
    for part, line in zip(parts, lines, strict=True):
        np.matmul(part, along_x, out=line)
    return _normalised(_along_y_and_z(lines, weights), flat)


def _normalised(seen: np.ndarray, flat: float) -> np.ndarray:
    rest = seen.mean(axis=(1, 2, 3), keepdims=True, dtype=float).astype(np.float32)  # exact where all values are equal
    seen = seen - rest
    deviation = seen.std(axis=(1, 2, 3), keepdims=True)
    return np.divide(seen, deviation, out=np.zeros_like(seen), where=deviation > np.maximum(flat, ROUNDED * np.abs(rest)))


def _seen(boxes: np.ndarray, mean: np.ndarray, architecture: str) -> np.ndarray:
    if architecture == "reference":
        return boxes
    box_size = boxes.shape[-1]
    weights = sampling_weights(box_size, input_edge(architecture, box_size))
    boxes -= mean  # for the precision of the sums in float32
    # Along x first, which is the quickest product, as long as the boxes are large; in one product of all planes, the threads of
    # numpy would round a box by what lies beside it
    return _along_y_and_z(np.matmul(boxes, np.ascontiguousarray(weights.T)), weights)


def _along_y_and_z(lines: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, edge, edge, edge) of lines (n, box, box, edge), which are sampled along x."""
    n, box_size, _, edge = lines.shape
    planes = (weights @ lines.reshape(n, box_size, box_size * edge)).reshape(n * edge, box_size, edge)
    return np.asarray((weights @ planes).reshape(n, edge, edge, edge))


@lru_cache(maxsize=8)
def sampling_weights(box_size: int, edge: int) -> np.ndarray:
    """(edge, box_size) float32: weights of the voxels of the box in each sample along an axis; rows add up to 1.

    Samples lie evenly in the inner SMALL_VIEW of the box, around its centre voxel box_size // 2. Each is a Gaussian mean: the
    noise of single voxels is far stronger than any detail that samples so far apart can show.
    """
    step = SMALL_VIEW * box_size / edge
    centres = box_size // 2 + step * (np.arange(edge) - (edge - 1) / 2)
    weights = np.exp(-0.5 * ((np.arange(box_size) - centres[:, None]) / (SMOOTHING * box_size)) ** 2)
    weights[weights < 1e-6] = 0  # else products are subnormal float32 numbers, a hundred times slower to compute with
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
