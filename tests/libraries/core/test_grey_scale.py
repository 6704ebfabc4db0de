"""The grey scale of a tomogram, from a regular sample of its voxels."""

import numpy as np
import pytest

from tomo_particles.core.grey_values import MOST_SAMPLED, grey_scale, sample_of


def test_of_a_large_tomogram_no_more_than_a_million_voxels_are_sampled_everywhere():
    plane = np.random.default_rng(0).normal(3, 2, (900, 900)).astype(np.float32)
    volume = np.broadcast_to(plane, (320, 900, 900))  # takes the memory of one plane
    assert MOST_SAMPLED / 2 < len(sample_of(volume)) <= MOST_SAMPLED
    assert grey_scale(volume) == pytest.approx((3, 2), rel=0.03)
    assert grey_scale(volume)[1] == pytest.approx(grey_scale(volume[:40])[1], rel=0.02)
