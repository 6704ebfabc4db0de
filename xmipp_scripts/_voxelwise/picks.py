"""Candidates of a model as picks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.picks import Picks
from tomo_particles.learning.voxels.description import PickingRule, VoxelModel
from tomo_particles.learning.voxels.grey import SeenTomogram
from tomo_particles.pickers.voxelwise.calibration import calibrated
from tomo_particles.pickers.voxelwise.candidates import Candidates
from tomo_particles.pickers.voxelwise.choice import Clustering, Judged, Sizes

if TYPE_CHECKING:
    from tomo_particles.network.voxels import ScoreMap


def sizes_of(model: VoxelModel) -> Sizes:
    """The sizes of the model's classes and of the voxels of its maps."""
    voxel = model.sampling_rate * model.how.step
    return Sizes(np.array([one.radius for one in model.classes]), np.array([one.ball for one in model.classes]), voxel)


def candidates_of(found: ScoreMap, tomogram: SeenTomogram, model: VoxelModel, how: Clustering | PickingRule) -> Candidates:
    """The candidates of a map of a tomogram, none in a bad region. A particle beside one has the score of its whole ball."""
    particle, mask, voxel = found.particle, tomogram.mask, tomogram.sampling_rate * found.step
    bad = None if mask is None else mask.bad_voxels(particle.shape, voxel)
    way = Clustering(how.cluster, how.tau, how.bandwidth)
    candidates = sizes_of(model).candidates(found.classes, particle, way, model.how.majority, bad)
    return candidates if mask is None else candidates[~mask.is_bad_at(candidates.positions, voxel)]


def probabilities_of(candidates: Candidates | Judged, model: VoxelModel) -> np.ndarray:
    """(n,) the probability that each candidate is a particle, where the model is calibrated; else its score."""
    return calibrated(candidates.scores, np.array(model.rule.scores), np.array(model.rule.probabilities))


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
    rule, how, scores = model.rule, model.how, probabilities_of(candidates, model)
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
