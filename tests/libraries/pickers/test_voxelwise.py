"""From a map to picks: places, classes, doubles, probabilities, thresholds."""

import numpy as np
import pytest

from tomo_particles.evaluation.calibration import expected_calibration_error
from tomo_particles.evaluation.matching import counts_by_score, pairs_within
from tomo_particles.pickers.voxelwise import places
from tomo_particles.pickers.voxelwise.calibration import KNOTS, best_threshold, calibrated, isotonic
from tomo_particles.pickers.voxelwise.candidates import Candidates, find_candidates
from tomo_particles.pickers.voxelwise.choice import Clustering, Known, Sizes, calibrate, clusterings, f_of_classes, judge

SIZES = Sizes(np.array([60.0, 60.0]), np.array([48.0, 48.0]), 20.0)  # map voxels of 20 Å


def balls(centres: np.ndarray, radius: float, shape=(40, 50, 60), height: float = 0.9) -> np.ndarray:
    """A map (z, y, x) with balls at x, y, z."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)[..., ::-1]
    return np.max([height * (np.linalg.norm(grid - one, axis=-1) <= radius) for one in centres], axis=0).astype(np.float32)


CENTRES = np.array([[10.0, 10, 10], [30, 20, 12], [50, 40, 30]])


@pytest.mark.parametrize(
    "find",
    [
        lambda found: places.peaks(found, 0.1),
        lambda found: places.components(found, 0.5),
        lambda found: places.mean_shift(found, 0.5, 3.0),
    ],
)
def test_every_way_finds_balls_where_they_are(find):
    found = find(balls(CENTRES, 2.5))
    assert len(found) == 3
    assert np.abs(found[np.argsort(found[:, 0])] - CENTRES).max() < 0.3
    assert find(np.zeros((10, 10, 10), dtype=np.float32)).shape == (0, 3)


def test_touching_particles_are_two_for_the_mean_shift_and_one_component_that_is_kept():
    touching = balls(np.array([[20.0, 20, 20], [25, 20, 20]]), 2.6)
    assert len(places.components(touching, 0.5)) == 1
    found = places.mean_shift(touching, 0.5, 3.0)
    assert np.sort(found[:, 0]) == pytest.approx([20, 25], abs=0.5)
    assert len(places.components(np.full((30, 30, 30), 0.9, dtype=np.float32), 0.5)) == 1  # however large


def test_one_particle_is_picked_once_and_near_a_face_too():
    rough = balls(np.array([[20.0, 20, 20]]), 2.5)
    rough *= 1 - 0.2 * np.random.default_rng(0).random(rough.shape, dtype=np.float32)
    for cluster in ("peaks", "components", "meanshift"):
        assert len(find_candidates(rough[..., None], rough, cluster, 0.5, 3.0, np.array([3.0]), np.array([2.4]))) == 1
    edge = balls(np.array([[0.0, 20, 39]]), 2.5)
    found = find_candidates(edge[..., None], edge, "peaks", 0.5, 3.0, np.array([3.0]), np.array([2.4]))
    assert len(found) == 1 and np.linalg.norm(found.positions[0] - [0, 20, 39]) < 1.5 and found.scores[0] > 0.8


def test_the_class_is_that_of_the_largest_mean_or_of_most_voxels():
    ball = balls(np.array([[20.0, 20, 20]]), 2.5)
    half = np.arange(60) < 20  # the second class is sure of few voxels, the first less sure of more
    classes = np.stack([ball * np.where(half, 0.1, 0.45), ball * np.where(half, 0.9, 0.44)], axis=-1)
    of = {
        majority: find_candidates(classes, ball, "components", 0.5, 3.0, *SIZES_IN_VOXELS, majority) for majority in (False, True)
    }
    assert of[False].classes.tolist() == [1] and of[True].classes.tolist() == [0]
    assert of[False].scores[0] == pytest.approx(0.9, abs=0.01)


SIZES_IN_VOXELS = (SIZES.radii / SIZES.voxel, SIZES.balls / SIZES.voxel)


def test_the_score_is_a_probability_and_not_the_size_of_a_cluster():
    small, large = balls(np.array([[20.0, 20, 20]]), 2.5, height=0.9), balls(np.array([[45.0, 30, 20]]), 5, height=0.6)
    both = np.maximum(small, large)
    found = find_candidates(both[..., None], both, "components", 0.3, 3.0, np.array([3.0]), np.array([2.4]))
    assert found.scores == pytest.approx([0.9, 0.6], abs=0.02) and found.positions[0, 0] == pytest.approx(20)


def test_isotonic_scores_are_calibrated_and_rise():
    rng = np.random.default_rng(0)
    score = rng.random(4000)
    true = rng.random(4000) < score**3
    knots, values = isotonic(score[:2000], true[:2000])
    assert len(knots) <= KNOTS and (np.diff(knots) > 0).all() and (np.diff(values) > 0).all() and 0 < values[0] < values[-1] < 1
    assert expected_calibration_error(calibrated(score[2000:], knots, values), true[2000:]) < 0.03
    assert expected_calibration_error(score[2000:], true[2000:]) > 0.2


@pytest.mark.parametrize(
    ("score", "true", "particles", "expected"),
    [
        ([0.9, 0.8, 0.3], [True, True, False], 2, (0.55, 1.0)),
        ([0.9, 0.8, 0.3], [True, False, True], 2, (0.15, 0.8)),
        ([0.5, 0.5, 0.5], [True, False, False], 1, (0.25, 0.5)),  # equal ones are accepted together
        ([], [], 3, (0.5, 0.0)),
    ],
)
def test_the_threshold_is_that_of_the_best_f_score(score, true, particles, expected):
    assert best_threshold(np.array(score), np.array(true, dtype=bool), particles) == pytest.approx(expected)


def test_each_class_has_its_own_threshold_and_equal_scores_are_not_calibrated():
    rng = np.random.default_rng(1)
    score = rng.random(800)
    classes = np.repeat([0, 1], 400)
    true = score > np.where(classes == 0, 0.3, 0.7)
    known = _judged(score, classes, true)
    found = calibrate(known, 2)
    assert found.thresholds[0] < found.thresholds[1] and found.f_score > 0.85
    assert len(calibrate(_judged(np.full(50, 0.4), np.zeros(50, int), true[:50]), 1).scores) == 0


def _judged(score, classes, true):
    from tomo_particles.pickers.voxelwise.choice import Judged

    return Judged(score, classes, true, int(true.sum()))


def test_candidates_at_doubtful_places_are_neither_right_nor_wrong():
    found = find_candidates(
        *(lambda m: (m[..., None], m))(balls(CENTRES, 2.5)), "peaks", 0.5, 3.0, np.array([3.0]), np.array([2.4])
    )
    known = Known(found, CENTRES[:1], np.zeros(1, int), CENTRES[1:2])
    one = Sizes(np.array([60.0]), np.array([48.0]), 20.0)
    judged = judge([known], one, lambda p, t, r, s: counts_by_score(pairs_within(p, t, r), s))
    assert judged.true.sum() == 1 and len(judged.true) == 2 and judged.particles == 1


def test_the_f_score_counts_places_and_that_of_a_class_its_own_only():
    hits = lambda p, t, r, s: counts_by_score(pairs_within(p, t, r), s)  # noqa: E731
    rng = np.random.default_rng(0)
    places = 40.0 * np.arange(60)[:, None] + np.zeros(3)
    truth = np.repeat([0, 1], 30)
    known = Known(Candidates(places, 1 - truth, rng.random(60)), places, truth, np.zeros((0, 3)))
    found = calibrate(judge([known], SIZES, hits), 2)
    assert found.f_score == pytest.approx(1) and f_of_classes([known], SIZES, hits, found).tolist() == [0, 0]
    known = Known(Candidates(places, np.zeros(60, int), rng.random(60)), places, truth, np.zeros((0, 3)))
    found = calibrate(judge([known], SIZES, hits), 2)
    assert f_of_classes([known], SIZES, hits, found) == pytest.approx([2 * 30 / (60 + 30), 0])


def test_several_bandwidths_are_tried_and_none_smaller_than_the_smallest_sensible_one():
    tried = list(clusterings(("peaks", "meanshift"), 35.0))
    assert {one.bandwidth for one in tried if one.cluster == "meanshift"} == {60.0, 78.0}
    assert sum(one.cluster == "peaks" for one in tried) == 1 and Clustering("meanshift", 0.5, 60.0) in tried
