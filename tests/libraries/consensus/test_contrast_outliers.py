"""Contrast outliers: gold beads are told from particles, in every tomogram by its own measure."""

import numpy as np

from tomo_particles.consensus.contrast_outliers import MIN_AGREED, contrast_outliers
from tomo_particles.core.grey_values import extremes, grey_scale


def test_the_grey_scale_is_not_moved_by_beads():
    volume = np.random.default_rng(0).normal(100, 5, (40, 40, 40)).astype(np.float32)
    volume[10:14, 10:14, 10:14] = -5000
    mean, deviation = grey_scale(volume)
    assert abs(mean - 100) < 1 and abs(deviation - 5) < 1


def test_a_flat_tomogram_has_a_scale_to_divide_by():
    assert grey_scale(np.full((8, 8, 8), 3.0)) == (3.0, 1.0)


def test_extremes_are_of_the_neighbourhood_only():
    volume = np.zeros((30, 30, 30), dtype=np.float32)
    volume[14:17, 14:17, 14:17] = -50  # at 15, 15, 15
    assert extremes(volume, np.array([15.0, 15, 15]), 4, (0.0, 10.0)) == (-5.0, 0.0)
    assert extremes(volume, np.array([25.0, 25, 25]), 4, (0.0, 10.0)) == (0.0, 0.0)
    np.testing.assert_allclose(extremes(volume + 7, np.array([15.0, 15, 15]), 4, (7.0, 10.0)), (-5.0, 0.0), atol=1e-5)


def test_a_bead_is_an_outlier_and_particles_are_not():
    rng = np.random.default_rng(0)
    tomo_ids = np.array(["a"] * 40 + ["b"] * 40)
    low = np.concatenate([rng.normal(-3, 0.3, 40), rng.normal(-30, 3, 40)])  # b has ten times the contrast of a
    low[[5, 45]] = -30, -300
    agreed = np.ones(80, dtype=bool)
    agreed[[5, 45]] = False
    assert np.flatnonzero(contrast_outliers(tomo_ids, low, np.ones(80), agreed)).tolist() == [5, 45]
    assert np.flatnonzero(contrast_outliers(tomo_ids, np.ones(80), -low, agreed)).tolist() == [5, 45], "bright ones too"


def test_a_particle_with_a_bright_place_beside_it_is_none():
    """From tests/averaged_scene.py, tomogram TS_2: the deviation of so few picks is small, and one is 8 deviations off."""
    low = np.full(20, -2.5)
    high = np.r_[np.linspace(0.36, 0.5, 19), 0.99]
    assert not contrast_outliers(np.array(["TS_2"] * 20), low, high, np.ones(20, dtype=bool)).any()
    high[-1] = 3.1
    assert np.flatnonzero(contrast_outliers(np.array(["TS_2"] * 20), low, high, np.ones(20, dtype=bool))).tolist() == [19]


def test_without_enough_agreed_picks_nothing_is_an_outlier():
    low = np.array([-3.0] * MIN_AGREED + [-3000.0])
    agreed = np.arange(len(low)) < MIN_AGREED - 1
    assert not contrast_outliers(np.array(["a"] * len(low)), low, -low, agreed).any()
    assert not contrast_outliers(np.zeros(0, dtype=str), np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool)).any()
