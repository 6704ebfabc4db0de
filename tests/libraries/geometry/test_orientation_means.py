"""Means of orientations: known answers, and that neither order nor outliers nor the copies of a symmetry matter."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.core.errors import InputError
from tomo_particles.geometry.orientation_means import angles_between, mean_orientations
from tomo_particles.geometry.orientations import angles_of, rotation_of
from tomo_particles.geometry.symmetry import agreement_angle, symmetry_group

C1 = symmetry_group("c1")
NONE = np.full(3, np.nan)


def noisy(rng: np.random.Generator, truth: Rotation, n: int, sigma: float) -> Rotation:
    """(n * len(truth)) rotations about each truth, truth by truth; sigma: degrees about each axis."""
    off = Rotation.from_rotvec(rng.normal(0, sigma, (n * len(truth), 3)), degrees=True)
    return truth[np.repeat(np.arange(len(truth)), n)] * off


def error(mean, truth: Rotation, symmetry: Rotation = C1) -> np.ndarray:
    return angles_between(rotation_of(mean.angles), truth, symmetry)


# ---- symmetries
@pytest.mark.parametrize(
    ("name", "order"),
    [("c1", 1), ("C4", 4), ("d2", 4), ("D7", 14), ("t", 12), ("O", 24), ("i", 60), ("I1", 60), ("i2", 60), ("c12", 12)],
)
def test_groups_are_groups(name, order):
    group = symmetry_group(name)
    assert len(group) == order
    products = group[np.repeat(np.arange(order), order)] * group[np.tile(np.arange(order), order)]
    distances = np.array([(element.inv() * group).magnitude().min() for element in products[:: max(1, order // 4)]])
    assert distances.max() < 1e-6
    assert group.magnitude().min() < 1e-9


@pytest.mark.parametrize(
    ("name", "fold", "axis"),
    [
        ("c5", 5, (0, 0, 1)),
        ("d3", 3, (0, 0, 1)),
        ("d3", 2, (1, 0, 0)),
        ("o", 4, (0, 0, 1)),
        ("t", 3, (0, 0, 1)),
        ("t", 2, (0, 0.816496, 0.577350)),
        ("o", 3, (0.577350, 0.577350, 0.577350)),
        ("i1", 2, (1, 0, 0)),
        ("i1", 5, (0.850651, 0, -0.525731)),
        ("i1", 3, (0.934172, 0.356822, 0)),
        ("i2", 2, (0, 0, 1)),
        ("i2", 5, (0.525731, 0, 0.850651)),
        ("i2", 3, (0, 0.356822, 0.934172)),
        ("i", 5, (0.525731, 0, 0.850651)),
    ],
)
def test_axes_are_those_of_xmipp_and_relion(name, fold, axis):
    """The generators of Xmipp's symmetry files."""
    turn = Rotation.from_rotvec(np.array(axis) / np.linalg.norm(axis) * 360 / fold, degrees=True)
    assert np.rad2deg((turn.inv() * symmetry_group(name)).magnitude().min()) < 1e-3


@pytest.mark.parametrize("name", ["", "c0", "x", "c", "d", "i5", "c1 ", "c100", "3"])
def test_other_names_are_refused(name):
    with pytest.raises(InputError, match=r"^symmetry: must be c1"):
        symmetry_group(name)


@pytest.mark.parametrize("name", ["c1", "c6", "d2", "d7", "t", "o", "i"])
def test_random_orientations_seldom_agree(name):
    rng, group = np.random.default_rng(0), symmetry_group(name)
    apart = angles_between(Rotation.random(4000, rng), Rotation.random(4000, rng), group)
    assert (apart < agreement_angle(group)).mean() < 0.065
    assert agreement_angle(group) >= 14


# ---- means
def test_the_mean_of_noisy_orientations_is_nearer_than_any_of_them():
    rng = np.random.default_rng(1)
    truth = Rotation.random(200, rng)
    members = noisy(rng, truth, 9, 4.0)
    mean = mean_orientations(angles_of(members), np.repeat(np.arange(200), 9), 200, C1)
    off = error(mean, truth)
    assert off.mean() < 3.0  # 6.4 degrees over the root of 9, and some
    assert np.median(mean.disagreement) == pytest.approx(6.0, abs=0.5)


def test_two_orientations_meet_half_way():
    mean = mean_orientations(np.array([[10, 40, 0], [20, 40, 0.0]]), np.zeros(2, int), 1, C1)
    np.testing.assert_allclose(mean.angles, [[15, 40, 0]], atol=1e-9)
    np.testing.assert_allclose(mean.disagreement, [5], atol=1e-6)


def test_an_outlier_does_not_turn_the_mean_but_is_reported():
    angles = np.array([[10, 40, 0], [14, 40, 0], [100, 140, 70]])
    mean = mean_orientations(angles, np.zeros(3, int), 1, C1)
    np.testing.assert_allclose(mean.angles, [[12, 40, 0]], atol=1e-9)
    assert mean.disagreement[0] > 30


def test_two_that_agree_outweigh_many_that_do_not():
    rng = np.random.default_rng(2)
    truth = Rotation.random(100, rng)
    members = [
        np.concatenate([angles_of(noisy(rng, truth[i : i + 1], 2, 3.0)), angles_of(Rotation.random(3, rng))]) for i in range(100)
    ]
    mean = mean_orientations(np.concatenate(members), np.repeat(np.arange(100), 5), 100, C1)
    assert (error(mean, truth) < 12).mean() > 0.9


@pytest.mark.parametrize("name", ["c4", "d3", "t", "o", "i1", "i2"])
def test_copies_of_a_symmetry_are_one_orientation(name):
    rng, group = np.random.default_rng(3), symmetry_group(name)
    truth = Rotation.random(60, rng)
    members = noisy(rng, truth, 5, 1.0) * group[rng.integers(0, len(group), 300)]
    labels = np.repeat(np.arange(60), 5)
    mean = mean_orientations(angles_of(members), labels, 60, group)
    assert error(mean, truth, group).max() < 2.5 and mean.disagreement.max() < 4
    plain = mean_orientations(angles_of(members), labels, 60, C1)
    assert np.median(plain.disagreement) > 20


def test_only_the_set_of_members_matters():
    """Up to the copy of the symmetry that stands for the mean, and the leader of a draw."""
    rng, group = np.random.default_rng(4), symmetry_group("d2")
    labels = np.repeat(np.arange(40), 3)
    members = noisy(rng, Rotation.random(40, rng), 3, 3.0) * group[rng.integers(0, 4, 120)]
    order = rng.permutation(120)
    one = mean_orientations(angles_of(members), labels, 40, group)
    two = mean_orientations(angles_of(members[order]), labels[order], 40, group)
    assert error(one, rotation_of(two.angles), group).max() < 1e-5
    np.testing.assert_allclose(one.disagreement, two.disagreement, atol=1e-5)


def test_turning_everything_turns_the_mean():
    rng = np.random.default_rng(5)
    members, turn = noisy(rng, Rotation.random(30, rng), 4, 5.0), Rotation.random(random_state=6)
    labels = np.repeat(np.arange(30), 4)
    one = mean_orientations(angles_of(members), labels, 30, C1)
    two = mean_orientations(angles_of(turn * members), labels, 30, C1)
    assert angles_between(turn * rotation_of(one.angles), rotation_of(two.angles), C1).max() < 1e-4


def test_members_without_an_orientation_are_left_out():
    angles = np.array([NONE, [10, 40, 5], NONE, NONE, [10, 40, 0], [20, 40, 0]])
    mean = mean_orientations(angles, np.array([0, 0, 1, 1, 3, 3]), 5, C1)
    np.testing.assert_allclose(mean.angles, [[10, 40, 5], NONE, NONE, [15, 40, 0], NONE], atol=1e-9)
    np.testing.assert_allclose(mean.disagreement, [np.nan, np.nan, np.nan, 5, np.nan], atol=1e-6)


def test_a_lone_orientation_stays_as_it_was_given():
    angles = np.array([[400.0, -20, 5], [0, 0, 0], [10, 90, 10], [200, 150, 10]])
    mean = mean_orientations(angles, np.array([0, 1, 2, 2]), 3, C1)
    np.testing.assert_array_equal(mean.angles, angles[:3])


def test_nothing_has_no_mean():
    mean = mean_orientations(np.zeros((0, 3)), np.zeros(0, int), 2, C1)
    assert np.isnan(mean.angles).all() and np.isnan(mean.disagreement).all()
    assert mean_orientations(np.full((4, 3), np.nan), np.zeros(4, int), 1, C1).angles.shape == (1, 3)


def test_upright_orientations_have_angles_too():
    """Where tilt is 0 only the sum of rot and psi counts, and nothing warns."""
    mean = mean_orientations(np.array([[10, 0, 20], [40, 0, -4.0]]), np.zeros(2, int), 1, C1)
    assert mean.angles[0, 1] == pytest.approx(0) and mean.angles[0, [0, 2]].sum() == pytest.approx(33)
