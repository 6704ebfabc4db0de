"""The estimate of the time that a training still takes."""

import pytest

from tomo_particles.learning.training_time import in_minutes, training_left


@pytest.mark.parametrize(("fold", "epoch", "left"), [(1, 1, 35), (1, 12, 24), (2, 4, 20), (3, 12, 0)])
def test_every_epoch_that_is_left_takes_the_mean_of_those_before(fold, epoch, left):
    assert training_left([2.0, 4.0], fold, epoch, folds=3, epochs=12) == pytest.approx(3.0 * left)


def test_times_are_told_in_minutes():
    assert [in_minutes(seconds) for seconds in (0, 59, 60, 119, 5399, 5400)] == [
        "a minute",
        "a minute",
        "1 min",
        "2 min",
        "90 min",
        "1.5 h",
    ]
