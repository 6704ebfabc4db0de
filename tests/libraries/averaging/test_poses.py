"""Random turns and halves depend on tomograms and places alone; poses against another reference."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.poses import Poses, random_turns, split_halves

NAMES = ["b", "a", "a", "b", "a"]
PLACES = np.array([[1, 2, 3], [4, 5, 6], [90, 8, 9], [50, 5, 5], [5, 5, 6.0]])


def test_a_random_turn_belongs_to_its_pick():
    turns = random_turns(NAMES, PLACES, 1).as_quat()
    order = np.array([3, 0, 4, 2, 1])
    assert random_turns([NAMES[i] for i in order], PLACES[order], 1).as_quat() == pytest.approx(turns[order])
    assert not np.allclose(random_turns(NAMES, PLACES, 2).as_quat(), turns)


def test_random_turns_are_uniform():
    places = np.random.default_rng(0).random((3000, 3)) * 100
    views = random_turns(["t"] * 3000, places, 1).apply([0, 0, 1])
    assert views.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.05)
    assert np.cov(views.T) == pytest.approx(np.eye(3) / 3, abs=0.03)


def test_near_picks_share_a_half_and_the_rest_is_shared_out():
    half = split_halves(NAMES, PLACES, 10)
    assert half[1] == half[4]  # 1.4 apart in one tomogram
    order = np.array([3, 0, 4, 2, 1])
    assert (split_halves([NAMES[i] for i in order], PLACES[order], 10) == half[order]).all()
    rng = np.random.default_rng(0)
    many, names = rng.random((200, 3)) * 1000, ["t"] * 100 + ["u"] * 100
    halves = split_halves(names, many, 60)
    assert abs(np.bincount(halves)[0] - 100) <= 5
    for name in "tu":
        own = np.array(names) == name
        apart = np.linalg.norm(many[own][:, None] - many[own][None], axis=2)
        assert (halves[own][:, None] == halves[own][None])[apart < 60].all()


def test_the_same_place_in_two_tomograms_is_not_near():
    half = split_halves(["a", "b"], np.zeros((2, 3)), 10)
    assert sorted(half) == [0, 1]


def test_a_pose_against_another_reference_points_at_the_same_place():
    rng = np.random.default_rng(3)
    poses = Poses.of(Rotation.from_quat(rng.standard_normal((4, 4))), rng.standard_normal((4, 3)))
    turn, shift = Rotation.from_euler("xyz", [20, 40, 60], degrees=True), np.array([1.0, 2.0, 3.0])
    x = rng.standard_normal(3)  # a point of the first reference lies at turn(x) + shift of the second
    before = poses.rotations.apply(turn.apply(x) + shift) + poses.shifts
    after = poses.onto(turn, shift)
    assert after.rotations.apply(x) + after.shifts == pytest.approx(before)
