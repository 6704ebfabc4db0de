"""The estimate of the time that a training still takes."""

import pytest

from tomo_particles.learning.training_time import in_minutes, training_left

ONE_BY_ONE = [(1, 1, 2.0), (1, 2, 4.0), (2, 1, 3.0)]  # the first network stopped early
TOGETHER = [(1, 1, 2.0), (3, 1, 4.0), (2, 1, 3.0), (1, 2, 3.0)]


@pytest.mark.parametrize(("log", "done"), [([], 0), (ONE_BY_ONE[:1], 1), (ONE_BY_ONE, 13), (TOGETHER, 4)])
def test_every_epoch_that_is_left_takes_the_mean_of_those_before(log, done):
    share, left = training_left(log, folds=3, epochs=12)
    assert share == pytest.approx(done / 36)
    assert left == pytest.approx((36 - done) * 3.0 if log[1:] else (36 - done) * 2.0 * len(log))


def test_times_are_told_in_minutes():
    assert [in_minutes(seconds) for seconds in (0, 59, 60, 119, 5399, 5400)] == [
        "a minute",
        "a minute",
        "1 min",
        "2 min",
        "90 min",
        "1.5 h",
    ]
