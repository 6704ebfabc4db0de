"""The grey scale of a tomogram, from a regular sample of its voxels, and the contrast at a pick."""

import numpy as np
import pytest

from tomo_particles.core.grey_values import MOST_SAMPLED, extremes, grey_scale, sample_of


def test_of_a_large_tomogram_no_more_than_a_million_voxels_are_sampled_everywhere():
    plane = np.random.default_rng(0).normal(3, 2, (900, 900)).astype(np.float32)
    volume = np.broadcast_to(plane, (320, 900, 900))  # takes the memory of one plane
    assert MOST_SAMPLED / 2 < len(sample_of(volume)) <= MOST_SAMPLED
    assert grey_scale(volume) == pytest.approx((3, 2), rel=0.03)
    assert grey_scale(volume)[1] == pytest.approx(grey_scale(volume[:40])[1], rel=0.02)


def test_a_padding_far_from_the_data_does_not_change_the_scale():
    volume = np.random.default_rng(0).normal(2000, 1, (40, 80, 80)).astype(np.float32)
    volume[:, :4] = 0
    assert grey_scale(volume) == pytest.approx((2000, 1), rel=0.1)


@pytest.mark.parametrize("noise", [0, 1e-12, 1e-4])
def test_where_most_is_empty_the_scale_is_that_of_the_rest(noise):
    volume = np.random.default_rng(0).standard_normal((40, 80, 80)).astype(np.float32)
    volume[:, :60] *= noise
    assert grey_scale(volume) == pytest.approx((0, 1), abs=0.1)


def test_where_there_are_no_numbers_there_is_no_contrast():
    volume = np.full((20, 20, 20), np.nan, dtype=np.float32)
    volume[:4] = 1000
    for position in ((10, 10, 12), (10, 10, 19)):
        assert extremes(volume, np.array(position), 3, (1000.0, 1.0)) == (0, 0)
