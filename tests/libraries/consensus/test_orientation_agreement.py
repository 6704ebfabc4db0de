"""The angles between the orientations of pickers and those of merged picks."""

import numpy as np

from tomo_particles.consensus.orientation_agreement import angles_to_merged, median_angles, notes_of_pickers
from tomo_particles.core.picks import Picks
from tomo_particles.geometry.symmetry import symmetry_group

POSITIONS = np.array([[10.0, 10, 10], [30, 10, 10]])
ANGLES = np.array([[0.0, 0, 0], [40, 50, 60]])
C1 = symmetry_group("c1")


def off(positions, angles, pickers, symmetry=C1):
    picks = Picks("TS_1", np.array(positions, float), 10.0, picker=np.array(pickers), angles=np.array(angles, float))
    return angles_to_merged(picks, POSITIONS, ANGLES, 3.0, symmetry)


def test_each_picker_is_compared_with_the_nearest_merged_pick():
    found = off([[10, 10, 11], [30, 11, 10], [11, 10, 10]], [[0, 0, 30], [40, 50, 60], [0, 90, 0]], [1, 2, 3])
    assert sorted(found) == [1, 2, 3]
    np.testing.assert_allclose([found[k][0] for k in (1, 2, 3)], [30, 0, 90], atol=1e-5)


def test_symmetry_makes_equal_orientations_equal():
    np.testing.assert_allclose(off([[10, 10, 10]], [[0, 0, 180]], [1], symmetry_group("c2"))[1], 0, atol=1e-5)


def test_what_is_far_away_or_has_no_orientation_does_not_count():
    assert off([[20, 10, 10], [10, 10, 10]], [[0, 0, 0], [np.nan] * 3], [1, 2]) == {}
    assert angles_to_merged(Picks("TS_1", POSITIONS, 10.0, angles=ANGLES), np.zeros((0, 3)), np.zeros((0, 3)), 3.0, C1) == {}


def test_medians_are_over_all_tomograms():
    found = [{2: np.array([1.0, 2.0])}, {}, {1: np.array([7.0]), 2: np.array([9.0])}]
    assert list(median_angles(found).items()) == [(1, 7.0), (2, 2.0)]


def test_a_picker_with_other_orientations_is_named():
    (note,) = notes_of_pickers({"one": 3.0, "two": 89.6}, C1)
    assert note.startswith("the orientations of picker 'two' are 90 degrees from the merged ones")
