"""The estimate of the time that a training still takes."""

import pytest

from tomo_particles.learning.training_time import in_minutes, training_left

TOGETHER = [(1, 1, 2.0), (2, 1, 4.0), (3, 1, 3.0), (1, 2, 3.0)]
ONE_BY_ONE = [(1, 1, 2.0), (1, 2, 4.0), (2, 1, 3.0)]


@pytest.mark.parametrize(("log", "ended", "done"), [(TOGETHER[:3], (), 3), (TOGETHER, (), 4), (ONE_BY_ONE, (1,), 13)])
def test_every_epoch_that_is_left_takes_the_mean_of_those_before(log, ended, done):
    """Three seconds; a network that stopped early has no epochs left."""
    assert training_left(log, 3, 12, ended) == pytest.approx((done / 36, (36 - done) * 3.0))
    assert training_left([], 3, 12) == (0, 0)


def test_times_are_told_in_minutes():
    assert [in_minutes(seconds) for seconds in (0, 59, 60, 119, 5399, 5400)] == [
        "a minute",
        "a minute",
        "1 min",
        "2 min",
        "90 min",
        "1.5 h",
    ]
