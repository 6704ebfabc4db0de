"""Candidates of a model as picks."""

from __future__ import annotations

import numpy as np

from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.picks import Picks
from tomo_particles.learning.voxels.description import VoxelModel
from tomo_particles.pickers.voxelwise.calibration import calibrated
from tomo_particles.pickers.voxelwise.candidates import Candidates
from tomo_particles.pickers.voxelwise.choice import Sizes


def sizes_of(model: VoxelModel) -> Sizes:
    """The sizes of the model's classes and of the voxels of its maps."""
    voxel = model.sampling_rate * model.how.step
    return Sizes(np.array([one.radius for one in model.classes]), np.array([one.ball for one in model.classes]), voxel)


def box_diameter(model: VoxelModel) -> float:
    """Å: twice the radius of the largest class, for the box size in an XMD."""
    return 2 * max(one.radius for one in model.classes)


def as_picks(
    candidates: Candidates,
    model: VoxelModel,
    tomo_id: str,
    seen_rate: float,
    own_rate: float,
    thresholds: np.ndarray | None = None,
    number: int | None = None,
) -> Picks:
    """The accepted candidates, best first, in voxels of the tomogram's own rate; scores are probabilities where calibrated.

    thresholds: (C,), by default the model's; number: the best n, whatever the thresholds.
    """
    rule, how = model.rule, model.how
    scores = calibrated(candidates.scores, np.array(rule.scores), np.array(rule.probabilities))
    lowest = np.array(rule.thresholds or [0.5] * len(model.classes)) if thresholds is None else thresholds
    kept = np.flatnonzero(scores >= lowest[candidates.classes]) if number is None else np.arange(min(number, len(scores)))
    names = np.array([one.name for one in model.classes], dtype=object)
    return Picks(
        tomo_id,
        rescale_positions(candidates.positions[kept] * how.step + how.offset, seen_rate, own_rate),
        own_rate,
        score=scores[kept],
        species=names[candidates.classes[kept]],
    )
