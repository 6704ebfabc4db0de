"""How far the orientations of each picker are from those of the merged picks: a picker that means something else by its angles
is far off in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ..core.picks import Picks
from ..geometry.orientation_means import angles_between
from ..geometry.orientations import rotation_of
from ..geometry.symmetry import agreement_angle


def angles_to_merged(
    picks: Picks, positions: np.ndarray, angles: np.ndarray, reach: float, symmetry: Rotation
) -> dict[int, np.ndarray]:
    """By picker, the angle (degrees) from each of its orientations to that of the nearest merged pick, if that is within `reach`.

    picks: the pickers' own picks of one tomogram.  positions (m, 3) x, y, z, voxels, and angles (m, 3) rot, tilt, psi, degrees:
    of its merged picks, at the same sampling rate.
    """
    picks = picks[np.isfinite(picks.angles).all(axis=1)]
    if not len(picks) or not len(positions):
        return {}
    distance, row = cKDTree(positions).query(picks.positions)
    near = distance <= reach
    picks, angles = picks[near], angles[row[near]]
    if not len(picks):
        return {}
    off = angles_between(rotation_of(picks.angles), rotation_of(angles), symmetry)
    return {int(picker): off[picks.picker == picker] for picker in np.unique(picks.picker)}


def median_angles(of_tomograms: Iterable[Mapping[int, np.ndarray]]) -> dict[int, float]:
    """By picker, the median (degrees) of what `angles_to_merged` found in several tomograms."""
    off: dict[int, list[np.ndarray]] = {}
    for of_pickers in of_tomograms:
        for picker, own in of_pickers.items():
            off.setdefault(picker, []).append(own)
    return {picker: float(np.median(np.concatenate(off[picker]))) for picker in sorted(off)}


def notes_of_pickers(off: Mapping[str, float], symmetry: Rotation) -> list[str]:
    """A warning of each picker whose orientations are those of no other. off: by name, what `median_angles` found."""
    return [
        f"the orientations of picker '{name}' are {angle:.0f} degrees from the merged ones (median): check that it had the same "
        "reference as the others, its angle convention, and the symmetry"
        for name, angle in off.items()
        if angle > agreement_angle(symmetry)
    ]
