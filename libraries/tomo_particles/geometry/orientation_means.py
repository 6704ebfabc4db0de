"""Means of orientations: one for each group of picks, under the symmetry of the particle, that an outlier does not turn.

The same particle may be given as R or as R g for every rotation g of its symmetry: distances are those of the nearest copies.
In each group the orientation that the others agree with best is found (the least sum of distances, each cut where agreement
ends, so that picks at random cannot outweigh two that agree), and the mean is taken of those that agree with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.errors import InputError
from .orientations import angles_of, rotation_of

# Orientations agree within this angle, degrees: twice the step of a usual search for orientations, and the error of a pick.
MAX_AGREEMENT = 30.0
# Of many copies one is always near. Two random orientations may agree by chance in so many cases, and no more.
CHANCE = 0.05

_NAME = re.compile(r"(?P<kind>[cd])(?P<order>[1-9]\d?)|t|o|i[12]?", re.IGNORECASE)
# From scipy's axes to those of Xmipp and RELION: the tetrahedron stands with a three-fold axis along z and a two-fold one in
# the y z plane; scipy's icosahedron is I1, and I (I2) is turned by 90 degrees about z.
_TETRAHEDRON = Rotation.from_matrix(np.array([[0, -3, 3], [2 * 3**0.5, -(3**0.5), -(3**0.5)], [6**0.5] * 3]) / 18**0.5)
_ICOSAHEDRON = Rotation.from_euler("z", 90, degrees=True)


def symmetry_group(name: str, option: str = "--symmetry") -> Rotation:
    """Every rotation of a symmetry, the identity among them, with the axes of Xmipp and RELION.

    name: c1, c2, ... c99 (axis z), d2 ... (also x), t, o, i1, i2 or i (as i2), in capitals or not.
    Raises InputError for any other.
    """
    found = _NAME.fullmatch(name)
    if not found:
        raise InputError(f"{option}: must be c1, a cyclic (c2, c3...) or dihedral (d2, d3...) symmetry, t, o, i1 or i2, "
                         f"received '{name}'")
    if found["kind"]:
        return Rotation.create_group(name.upper())
    group, lower = Rotation.create_group(name[0].upper()), name.lower()
    turn = _TETRAHEDRON if lower == "t" else _ICOSAHEDRON if lower in ("i", "i2") else Rotation.identity()
    return turn * group * turn.inv()


def agreement_angle(symmetry: Rotation) -> float:
    """Degrees within which two orientations agree; less where the symmetry has so many copies that one is always near."""
    # The share of all rotations within a small angle a of one of them is about a^3 / (6 pi)
    return min(MAX_AGREEMENT, float(np.rad2deg((6 * np.pi * CHANCE / len(symmetry)) ** (1 / 3))))


def angles_between(one: Rotation, other: Rotation, symmetry: Rotation) -> np.ndarray:
    """(n,) degrees between orientations, pair by pair, of the nearest copies under the symmetry."""
    return _nearest_copies((one.inv() * other).as_quat().reshape(-1, 4), symmetry)[0]


@dataclass(frozen=True)
class MeanOrientations:
    """Of each of m groups: angles (m, 3) rot, tilt, psi, degrees, NaN where no member has any.

    disagreement: (m,) mean angle of the members to the mean, degrees; NaN for fewer than two members with an orientation.
    """

    angles: np.ndarray
    disagreement: np.ndarray


def mean_orientations(angles: np.ndarray, labels: np.ndarray, m: int, symmetry: Rotation) -> MeanOrientations:
    """The mean of each group; members without an orientation are left out.

    angles: (n, 3) rot, tilt, psi, degrees, NaN for none.  labels: (n,) group of each, 0..m-1.  Where two orientations have as
    many others on their side, the one that comes first leads: an order that only the picks decide makes the result theirs.
    A lone orientation, or one that no other agrees with, is given back as it came.
    """
    means = MeanOrientations(np.full((m, 3), np.nan), np.full(m, np.nan))
    rows = np.flatnonzero(np.isfinite(angles).all(axis=1))
    if not len(rows):
        return means
    rows = rows[np.argsort(labels[rows], kind="stable")]
    members, group, n_of = np.unique(labels[rows], return_inverse=True, return_counts=True)
    rotations = rotation_of(angles[rows])
    leader = _leaders(rotations, group, n_of, symmetry)
    own = leader[group]
    off, copy = _nearest_copies((rotations[own].inv() * rotations).as_quat(), symmetry)
    agreeing = off <= agreement_angle(symmetry)
    mean = _means((rotations * symmetry[copy]).as_quat(), rotations[own].as_quat(), group, agreeing)
    means.angles[members] = angles_of(mean)
    alone = np.bincount(group, agreeing) == 1
    means.angles[members[alone]] = angles[rows[leader[alone]]]
    far = angles_between(mean[group], rotations, symmetry)
    several = n_of > 1
    means.disagreement[members[several]] = (np.bincount(group, far) / n_of)[several]
    return means


def _nearest_copies(relative: np.ndarray, symmetry: Rotation) -> tuple[np.ndarray, np.ndarray]:
    """For rotations (n, 4), quaternions from one orientation to another: degrees of the least of their copies, and its index."""
    copies = symmetry.as_quat().reshape(-1, 4) * [-1, -1, -1, 1]
    cosines = np.abs(relative @ copies.T)  # of half the angle of relative * copy: the real part of their product
    best = np.argmax(cosines, axis=1)
    cosine = cosines[np.arange(len(best)), best]
    # Near 0 the arc of the cosine is rounded to 1e-6 degrees, as fine as the tables' digits
    return np.rad2deg(2 * np.arccos(np.minimum(cosine, 1.0))), best


def _leaders(rotations: Rotation, group: np.ndarray, n_of: np.ndarray, symmetry: Rotation) -> np.ndarray:
    """(m,) of each group, in rows of one another, the row that the others agree with best; the first of equals."""
    limit = agreement_angle(symmetry)
    cost = np.zeros(len(group))
    for step in range(1, int(n_of.max())):
        first = np.flatnonzero(group[step:] == group[:-step])
        distance = np.minimum(angles_between(rotations[first], rotations[first + step], symmetry), limit)
        for end in (first, first + step):
            cost[end] += distance
    order = np.lexsort((np.arange(len(group)), np.round(cost, 6), group))
    return order[np.r_[0, np.cumsum(n_of)[:-1]]]


def _means(quaternions: np.ndarray, leaders: np.ndarray, group: np.ndarray, agreeing: np.ndarray) -> Rotation:
    """The mean of the agreeing rotations of each group, of the two signs of a quaternion that near the leader's."""
    sign = np.where((quaternions * leaders).sum(axis=1) < 0, -1.0, 1.0)
    weights = sign * agreeing
    return Rotation.from_quat(np.stack([np.bincount(group, weights * part) for part in quaternions.T], axis=1))
