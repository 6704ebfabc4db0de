"""Coordinates in voxels: comparison of sampling rates, conversion to another rate, positions inside a volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import InputError, parameter

# Two sampling rates (Å/voxel) closer than this relative difference are the same: headers are rounded to
# the third decimal, and 1 % over a 1000-voxel tomogram would be a shift of 10 voxels.
MAX_RELATIVE_SAMPLING_MISMATCH = 1e-3
ORDERS = {  # of the columns of a file, other than x, y, z; the columns that hold x, y and z
    "z, y, x": [2, 1, 0],
    "x, z, y": [0, 2, 1],
    "y, x, z": [1, 0, 2],
    "z, x, y": [1, 2, 0],
    "y, z, x": [2, 0, 1],
}
FARTHEST = 1e9  # voxels: Xmipp's whole numbers reach twice as far
MIN_SPREAD = 0.1  # of an edge: picks that reach less far along all three axes are rarely right


def same_sampling_rate(a: float, b: float) -> bool:
    """Whether two sampling rates (Å/voxel) are equal up to the rounding of file headers."""
    return abs(a - b) <= MAX_RELATIVE_SAMPLING_MISMATCH * max(abs(a), abs(b))


def rescale_positions(positions: np.ndarray, from_rate: float, to_rate: float) -> np.ndarray:
    """Express voxel positions at another sampling rate, keeping the physical point.

    Voxel centres are at integers, so the outer corner of the volume is at -0.5. It is the same corner for every binning:
    voxels 0 and 1 average into the binned voxel 0, whose centre is at 0.5 of the original voxels.

    Parameters: positions (n, 3) x, y, z, voxels; rates in Å/voxel. Returns a new (n, 3) float array.
    """
    if same_sampling_rate(from_rate, to_rate):
        return np.array(positions, dtype=float)
    return (np.asarray(positions, dtype=float) + 0.5) * (from_rate / to_rate) - 0.5


def rescale_size(size: tuple[int, int, int], from_rate: float, to_rate: float) -> tuple[float, float, float]:
    """Extent x, y, z of a volume in voxels of another sampling rate; not rounded."""
    ratio = 1.0 if same_sampling_rate(from_rate, to_rate) else from_rate / to_rate
    return size[0] * ratio, size[1] * ratio, size[2] * ratio


def inside_volume(positions: np.ndarray, size: Sequence[float]) -> np.ndarray:
    """(n,) whether positions (n, 3) x, y, z lie in a volume of `size` x, y, z, in the same voxels, up to its outer faces."""
    return ((positions >= -0.5) & (positions <= np.asarray(size) - 0.5)).all(axis=1)


def require_places(positions: np.ndarray, source: str) -> None:
    """Refuse positions (n, 3) that are no places: not numbers, or further than FARTHEST. Raises InputError beginning with
    `source`."""
    places = (np.abs(positions) <= FARTHEST).all(axis=1)
    if not places.all():
        raise InputError(
            f"{source}: pick {int(np.argmin(places)) + 1} has a coordinate that is not a number, or beyond {FARTHEST:g} voxels; "
            "correct or remove that row, or correct the sampling rate"
        )


def check_inside(positions: np.ndarray, size: Sequence[float], source: str, rate: float | None = None) -> None:
    """Refuse positions (n, 3) x, y, z outside a volume of `size` x, y, z, in the same voxels.

    Raises InputError; `source` says where the picks come from, with the option, and where they should lie. rate: Å/voxel; with
    it the message says if the numbers look like Å, and the way out of a program that reads Å.
    """
    outside = np.flatnonzero(~inside_volume(positions, size))
    if len(outside):
        # Å would lie far outside in any order of the axes: an order that fits is the likelier mistake
        order = next((name for name, axes in ORDERS.items() if inside_volume(positions[:, axes], size).all()), "")
        angstrom = not order and rate is not None and _looks_like_angstrom(positions, size, rate)
        hint = f"they would fit as Å: divide them by {rate:g}; else " if angstrom else ""
        hint = f"they would fit with the axes in the order {order}: exchange the columns; else " if order else hint
        x, y, z = positions[outside[0]]
        edges = " x ".join(f"{edge:.0f}" for edge in size)
        raise InputError(
            f"{source}: {len(outside)} picks lie outside the tomogram of {edges} voxels, the first, "
            f"pick {outside[0] + 1}, at ({x:.1f}, {y:.1f}, {z:.1f}); {hint}check the sampling rate, the axis "
            "order and the origin",
            *([f"say that they are Å with {parameter('unit')} angstrom"] if angstrom else []),
        )


def _looks_like_angstrom(positions: np.ndarray, size: Sequence[float], rate: float) -> bool:
    """Whether positions (n, 3) that are not all inside a volume are so as Å, and spread out there.

    Most of them must lie outside as voxels: a few picks beyond a face, or exchanged axes, are no other unit.
    """
    voxels = positions / rate
    far = inside_volume(positions, size).mean() < 0.5 and (voxels.max(axis=0) / np.asarray(size)).max() > MIN_SPREAD
    return bool(rate > 1 and far and inside_volume(voxels, size).all())


def refuse_fractions(positions: np.ndarray, source: str) -> None:
    """Refuse positions (n, 3) in voxels that are fractions of the tomogram: all of them would lie in its first voxel.

    Warp's template matching counts so. Raises InputError; `source` says where the picks come from, with the option.
    """
    if ((positions >= -0.5) & (positions <= 1)).all() and (positions % 1).any():
        raise InputError(
            f"{source}: every position lies between 0 and 1: these are fractions of the tomogram, not voxels; "
            "multiply them by its size in voxels"
        )
