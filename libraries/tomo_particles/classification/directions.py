"""Directions of view that cover the hemisphere evenly, and the particles that were seen from near each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.errors import InputError, parameter

LEAST_IN_CONE = 20
WIDEST = 45.0  # degrees
MOST_LOST = 0.05  # of the particles that no cone holds
WIDER = 2**0.5


@dataclass(frozen=True)
class Cone:
    """Particles seen from near one direction. rows: (n,) of the set.  mirrored: (n,) bool, seen from the other side.

    rotations: (n,) of the axes of the images into the volume, after the mirroring, in the copy of the symmetry that is nearest:
    their rows are the axes x, y of an image and the view.
    """

    rows: np.ndarray
    mirrored: np.ndarray
    axes: np.ndarray


def view_directions(step: float) -> np.ndarray:
    """(n, 3) unit vectors x, y, z >= 0 of a spiral, about `step` degrees apart: 2 pi over the square of the step in radians."""
    count = max(1, round(2 * np.pi / np.radians(step) ** 2))
    index = np.arange(count) + 0.5
    z = 1 - index / count
    turn = np.pi * (1 + np.sqrt(5)) * index
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)


def axes_of(rotations: Rotation) -> np.ndarray:
    """(n, 3, 3) the axes x, y of each image and its view, as rows in the volume; rotations: from `geometry.rotation_of`."""
    return rotations.as_matrix().reshape(-1, 3, 3)


def cone_of(direction: np.ndarray, axes: np.ndarray, distance: float, symmetry: Rotation) -> Cone:
    """The particles seen from within `distance` degrees of a direction (3,), or of its opposite, in any copy of the symmetry.

    axes: (n, 3, 3) from `axes_of`.  symmetry: from `symmetry_group`.
    """
    copies = symmetry.as_matrix().reshape(-1, 3, 3)
    products = np.einsum("i,gij,nj->ng", direction, copies, axes[:, 2])
    best = np.abs(products).argmax(axis=1)
    nearest = products[np.arange(len(axes)), best]
    rows = np.flatnonzero(np.abs(nearest) >= np.cos(np.radians(distance)))
    own = np.einsum("nij,nkj->nik", axes[rows], copies[best[rows]])  # R g^T
    mirrored = nearest[rows] < 0
    own[mirrored] *= np.array([-1.0, 1.0, -1.0])[:, None]
    return Cone(rows, mirrored, own)


@dataclass(frozen=True)
class Cones:
    """directions: (k, 3), each with its cone.  distance: degrees that a view may be from its direction.

    dropped: directions with too few particles.  lost: particles in no cone.
    """

    directions: np.ndarray
    cones: list[Cone]
    distance: float
    dropped: int
    lost: int


def cones_of(axes: np.ndarray, step: float, distance: float, symmetry: Rotation) -> Cones:
    """The cones about all directions; wider ones where these hold too few of the particles.

    Raises InputError if the widest do.
    """
    directions = view_directions(step)
    while True:
        cones = [cone_of(direction, axes, distance, symmetry) for direction in directions]
        kept = [number for number, cone in enumerate(cones) if len(cone.rows) >= LEAST_IN_CONE]
        held = np.unique(np.concatenate([cones[number].rows for number in kept])) if kept else np.zeros(0)
        if len(held) >= (1 - MOST_LOST) * len(axes):
            lost = len(axes) - len(held)
            return Cones(directions[kept], [cones[number] for number in kept], distance, len(cones) - len(kept), lost)
        if distance >= WIDEST:
            raise InputError(
                f"{parameter('input')}: even cones of {WIDEST:g} degrees with {LEAST_IN_CONE} particles hold only {len(held)} of "
                f"the {len(axes)} particles; give more"
            )
        distance = min(WIDEST, distance * WIDER)


def rot_tilt(directions: np.ndarray) -> np.ndarray:
    """(k, 2) degrees of directions (k, 3)."""
    x, y, z = directions.T
    return np.stack([np.degrees(np.arctan2(y, x)), np.degrees(np.arccos(np.clip(z, -1, 1)))], axis=1)
