"""Mean orientation of each group of picks, under the symmetry of the particle, robust against outliers.

The same particle may be given as R or as R g for every rotation g of its symmetry: distances are those of the nearest copies.
In each group the orientation with the least sum of distances to the others is found. Each distance is limited to the angle of
agreement, so that random orientations do not outweigh two that agree. The mean is taken of those that agree with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .orientations import angles_of, rotation_of
from .symmetry import agreement_angle


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

    angles: (n, 3) rot, tilt, psi, degrees, NaN for none.  labels: (n,) group of each, 0..m-1.  If two
    orientations agree equally well with the others, the first one is used. Order the picks by their own properties, so that the
    result does not depend on the order of input. An orientation that no other agrees with is returned unchanged.
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
    """For rotations (n, 4), quaternions from one orientation to another: angle in degrees of the nearest copy, and its index."""
    copies = symmetry.as_quat().reshape(-1, 4) * [-1, -1, -1, 1]
    cosines = np.abs(relative @ copies.T)  # of half the angle of relative * copy: the real part of their product
    best = np.argmax(cosines, axis=1)
    cosine = cosines[np.arange(len(best)), best]
    # Near 0 the arc of the cosine is rounded to 1e-6 degrees, as fine as the tables' digits
    return np.rad2deg(2 * np.arccos(np.minimum(cosine, 1.0))), best


def _leaders(rotations: Rotation, group: np.ndarray, n_of: np.ndarray, symmetry: Rotation) -> np.ndarray:
    """(m,) for each group, whose rows are adjacent, the row that agrees best with the others; the first of equals."""
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
    """The mean of the agreeing rotations of each group; each quaternion gets the sign that is nearer to the leader's."""
    sign = np.where((quaternions * leaders).sum(axis=1) < 0, -1.0, 1.0)
    weights = sign * agreeing
    return Rotation.from_quat(np.stack([np.bincount(group, weights * part) for part in quaternions.T], axis=1))
