"""Peaks of score maps: where, how many, how far apart; refined between voxels; the same in any case of ties."""

import tracemalloc

import numpy as np
import pytest

from tomo_particles.geometry.suppression import suppress_neighbours
from tomo_particles.pickers.peaks import find_peaks, noise_threshold


def bump(shape, centre, height=1.0, width=2.0):
    z, y, x = np.indices(shape)
    cx, cy, cz = centre
    return (height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / (2 * width**2))).astype(np.float32)


def test_a_peak_between_voxels_is_found_where_it_is():
    found = find_peaks(bump((20, 24, 28), (11.3, 9.75, 8.5)), 5, threshold=0.1)
    assert len(found) == 1
    assert found.positions[0] == pytest.approx((11.3, 9.75, 8.5), abs=0.05)
    assert found.voxels[0] == pytest.approx((8, 10, 11), abs=1)


def test_the_best_come_first_and_a_near_worse_one_is_dropped():
    score = bump((20, 30, 30), (6, 6, 8), 1.0) + bump((20, 30, 30), (20, 20, 10), 0.8) + bump((20, 30, 30), (14, 6, 8), 0.5)
    assert find_peaks(score, 9, threshold=0.1).positions == pytest.approx(np.array([(6, 6, 8), (20, 20, 10)]), abs=0.1)
    assert len(find_peaks(score, 5, threshold=0.1)) == 3
    assert find_peaks(score, 5, number=1).positions == pytest.approx(np.array([(6, 6, 8)]), abs=0.1)
    assert len(find_peaks(score, 5, threshold=0.7)) == 2


def test_no_two_peaks_of_noise_are_nearer_than_the_distance_and_all_others_are_near_a_better_one():
    score = np.random.default_rng(0).standard_normal((24, 30, 30)).astype(np.float32)
    found = find_peaks(score, 4.0, threshold=1.0)
    between = np.linalg.norm(found.voxels[:, None] - found.voxels[None], axis=2) + 1e9 * np.eye(len(found))
    assert between.min() > 4.0
    assert (np.diff(found.scores) <= 0).all() and found.scores.min() > 1.0
    assert find_peaks(score, 4.0, number=7).scores == pytest.approx(found.scores[:7])


def test_every_peak_without_a_number_takes_little_memory_and_is_what_one_after_the_other_gives():
    score = np.random.default_rng(0).standard_normal((60, 60, 60)).astype(np.float32)
    tracemalloc.start()
    found = find_peaks(score, 12.0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20 * score.nbytes  # all pairs of the 8000 candidates would take 300 times
    every = find_peaks(score, 0.5)
    rows = np.arange(len(every))
    assert len(every) > 7000
    assert found.voxels.tolist() == every.voxels[suppress_neighbours(every.voxels, 12.0, rows) == rows].tolist()


def test_a_plain_is_no_peak():
    score = np.zeros((20, 20, 20), dtype=np.float32)
    assert len(find_peaks(score, 4, number=5)) == 0
    score[10, 10, 10] = 1.0
    assert find_peaks(score, 4, number=1).positions.tolist() == [[10.0, 10.0, 10.0]]


@pytest.mark.parametrize("score", [np.zeros((5, 6, 7), np.float32), np.full((5, 6, 7), -np.inf, np.float32)])
def test_nothing_to_find(score):
    found = find_peaks(score, 3, threshold=0.0)
    assert len(found) == 0 and found.positions.shape == (0, 3)


def test_a_peak_at_the_border_or_beside_unscored_voxels_stays_on_its_voxel():
    score = np.full((6, 6, 6), -np.inf, dtype=np.float32)
    score[0, 2, 3] = 1.0
    assert find_peaks(score, 2).positions.tolist() == [[3.0, 2.0, 0.0]]


def test_equal_peaks_come_in_the_order_of_the_voxels():
    score = np.zeros((4, 4, 20), dtype=np.float32)
    score[2, 2, [3, 9, 15]] = 1.0
    assert find_peaks(score, 4, threshold=0.5).positions[:, 0].tolist() == [3, 9, 15]


def test_gaussian_noise_passes_the_threshold_about_as_often_as_said():
    values = 2.0 + 0.5 * np.random.default_rng(1).standard_normal(200_000)
    assert 5 <= (values > noise_threshold(2.0, 0.5, len(values), 10)).sum() <= 18
