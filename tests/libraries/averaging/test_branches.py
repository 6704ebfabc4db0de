"""As many picks of each branch, and averages in one frame."""

import numpy as np
import pytest
from averaged_scene import DIAMETER, EDGE, RATE, density, make_scene
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.alignment import Settings
from tomo_particles.averaging.average_set import SetAverage
from tomo_particles.averaging.branches import drawn, in_box, laid_on
from tomo_particles.averaging.picked_boxes import PickedBoxes
from tomo_particles.averaging.poses import Poses


def test_each_tomogram_gives_the_same_share_whatever_the_order():
    names = np.array(["a"] * 60 + ["b"] * 30 + ["c"] * 10)
    places = np.random.default_rng(0).random((100, 3))
    rows = drawn(names, places, 40, 1)
    assert len(set(rows)) == 40 and [int((names[rows] == name).sum()) for name in "abc"] == [24, 12, 4]
    turned = np.random.default_rng(1).permutation(100)
    again = turned[drawn(names[turned], places[turned], 40, 1)]
    assert set(again) == set(rows) != set(drawn(names, places, 40, 2))
    assert drawn(names, places, 100, 5).tolist() == list(range(100))
    odd = drawn(names[:70], places[:70], 33, 1)  # 28.3 and 4.7: the larger remainder gets one more
    assert len(odd) == 33 and (names[odd] == "b").sum() == 5


def test_an_average_is_laid_on_a_map_and_its_places_follow():
    scene = make_scene(count=25, noise=0.1)
    boxes = PickedBoxes(scene.sources(), DIAMETER, 2)
    true = Rotation.concatenate([scene.rotations[boxes.sources[n].name][row] for n, row in boxes.places])
    turn, shift = Rotation.from_euler("ZYZ", [40, 70, -20], degrees=True), np.array([12.0, -8.0, 6.0])
    settings = Settings(DIAMETER)
    half = np.arange(len(boxes)) % 2
    made = SetAverage(boxes, settings, 36.0, 25.0, 1, halves=False).of(Poses.of(true).onto(turn, shift), half)
    assert np.linalg.norm(made.poses.shifts, axis=1).min() > 15
    found = laid_on(in_box(density(), RATE, boxes), made, boxes, settings, 36.0)
    assert (
        np.linalg.norm(found.poses.shifts, axis=1).max() < 4
        and np.degrees((true.inv() * found.poses.rotations).magnitude()).max() < 4
    )
    assert np.array_equal(found.half, half) and len(found.halves) == 2 and found.fsc is not None


def test_a_map_of_another_rate_keeps_its_centre_and_scale():
    boxes = PickedBoxes(make_scene(count=3, tomograms=1).sources(), DIAMETER, 1)
    fine = np.zeros((64,) * 3, dtype=np.float32)
    z, y, x = np.indices(fine.shape) - 32
    fine += np.exp(-((x - 8) ** 2 + y**2 + z**2) / (2 * 5.0**2))  # 8 voxels of 5 A along x
    found = in_box(fine, 5.0, boxes)
    centre = boxes.edge // 2
    assert found.shape == (boxes.edge,) * 3
    assert np.unravel_index(found.argmax(), found.shape) == (centre, centre, centre + 4)
    same = in_box(density(), RATE, boxes)
    start = EDGE // 2 - centre
    cut = slice(start, start + boxes.edge)
    assert same == pytest.approx(density()[cut, cut, cut], abs=1e-4)
