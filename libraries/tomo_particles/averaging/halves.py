"""Two independent halves of a set: one rigid motion lays the second on the first, and their correlation says the resolution."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ..geometry.orientations import rotation_grid
from .alignment import Settings, unit_cell
from .average import Particles, turned_back
from .band import Band
from .poses import Poses
from .search import mask_of, search_everywhere, search_nearby

EVERYWHERE = (-90.0, 90.0)  # tilts of what has no missing wedge
GRID = 18.0  # degrees
FINER_STEPS = (9.0, 4.5, 2.0, 1.0)  # degrees
REACH = 0.4  # diameters that the centres of two averages may be apart


def rigid_motion(
    first: np.ndarray, second: np.ndarray, band: Band, settings: Settings, *, everywhere: bool = True
) -> tuple[Rotation, np.ndarray, float]:
    """The turn and then the shift (x, y, z, Å) that take the first average (packed) onto the second, and their correlation.

    everywhere: over all turns; else only small ones.
    """
    mask, reach = mask_of(band, settings.diameter), REACH * settings.diameter
    one = Particles(band, second[None], np.array([EVERYWHERE]), np.ones(1))
    poses = Poses.of(Rotation.identity(1))
    if everywhere:
        poses = search_everywhere(one, first, unit_cell(rotation_grid(GRID), settings.symmetry), mask, reach).poses
    for step in FINER_STEPS:
        found = search_nearby(turned_back(one, poses), band, first, poses, step, mask, reach)
        poses = found.poses
    norm = float(np.sqrt(np.square(np.abs(second)).sum()))
    return poses.rotations[0], poses.shifts[0], float(found.scores[0]) / max(norm, 1e-30)
