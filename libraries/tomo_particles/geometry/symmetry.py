"""The rotations of a symmetry, and the angle within which two orientations agree under it."""

from __future__ import annotations

import re

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.errors import InputError, parameter

# Orientations agree within this angle, degrees: twice the step of a usual search for orientations, and the error of a pick.
MAX_AGREEMENT = 30.0
# With many symmetry copies one is always near. At most this share of random pairs of orientations may agree by chance.
CHANCE = 0.05
_NAME = re.compile(r"(?P<kind>[cd])(?P<order>[1-9]\d?)|t|o|i[12]?", re.IGNORECASE)
# From scipy's axes to those of Xmipp and RELION: the tetrahedron stands with a three-fold axis along z and a two-fold one in
# the y z plane; scipy's icosahedron is I1, and I (I2) is turned by 90 degrees about z.
_TETRAHEDRON = Rotation.from_matrix(np.array([[0, -3, 3], [2 * 3**0.5, -(3**0.5), -(3**0.5)], [6**0.5] * 3]) / 18**0.5)
_ICOSAHEDRON = Rotation.from_euler("z", 90, degrees=True)


def symmetry_group(name: str, option: str = parameter("symmetry")) -> Rotation:
    """Every rotation of a symmetry, the identity among them, with the axes of Xmipp and RELION.

    name: c1, c2, ... c99 (axis z), d2 ... (also x), t, o, i1, i2 or i (as i2), in capitals or not.
    Raises InputError for any other.
    """
    found = _NAME.fullmatch(name)
    if not found:
        raise InputError(
            f"{option}: must be c1, a cyclic (c2, c3...) or dihedral (d2, d3...) symmetry, t, o, i1 or i2, received '{name}'"
        )
    if found["kind"]:
        return Rotation.create_group(name.upper())
    group, lower = Rotation.create_group(name[0].upper()), name.lower()
    turn = _TETRAHEDRON if lower == "t" else _ICOSAHEDRON if lower in ("i", "i2") else Rotation.identity()
    return turn * group * turn.inv()


def agreement_angle(symmetry: Rotation) -> float:
    """Degrees within which two orientations agree; smaller for symmetries with many copies, of which one is always near."""
    # The share of all rotations within a small angle a of one of them is about a^3 / (6 pi)
    return min(MAX_AGREEMENT, float(np.rad2deg((6 * np.pi * CHANCE / len(symmetry)) ** (1 / 3))))
