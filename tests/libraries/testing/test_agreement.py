"""A picking against ground truth, in cases worked out by hand."""

import numpy as np
import pytest

from tomo_particles.testing.agreement import Agreement, agreement, match_picks

NONE = np.zeros((0, 3))


def on_x(*values: float) -> np.ndarray:
    return np.array([[value, 0, 0] for value in values], dtype=float).reshape(-1, 3)


def test_a_second_pick_of_a_particle_is_no_hit():
    found = agreement(on_x(0, 0.5, 1, 50), on_x(0, 100), 5.0)
    assert (found.reported, found.hits, found.particles) == (4, 1, 2)
    assert found.precision == 0.25 and found.recall == 0.5 and found.f1 == pytest.approx(1 / 3)


def test_a_pick_serves_one_particle():
    assert agreement(on_x(0), on_x(-1, 1), 5.0).hits == 1


def test_hits_come_before_distances():
    """Greedily the pick at 2 takes the particle at 3 and leaves the pick at 6 none; both can be matched."""
    picks, truth = match_picks(on_x(2, 6), on_x(-2, 3), 4.5)
    assert picks.tolist() == [0, 1] and truth.tolist() == [0, 1]
    # Three hits at 4.4 each cost more than two at 0.1 and a miss, if a miss is cheap.
    assert agreement(on_x(4.4, 8.9, 13.4), on_x(0, 4.5, 9.0), 4.5).hits == 3


def test_among_equals_the_nearest_match():
    picks, truth = match_picks(on_x(0, 3), on_x(2.8, 0.1), 5.0)
    assert dict(zip(picks, truth, strict=True)) == {0: 1, 1: 0}


@pytest.mark.parametrize(("distance", "hits"), [(5.0, 1), (5.001, 0), (0.0, 1)])
def test_the_edge_of_the_radius(distance, hits):
    assert agreement(on_x(0), on_x(distance), 5.0).hits == hits


def test_identical_points():
    assert agreement(on_x(*[7] * 5), on_x(*[7] * 3), 2.0).hits == 3


def test_nothing_picked_or_nothing_there():
    for picks, truth in ((NONE, on_x(1)), (on_x(1), NONE), (NONE, NONE)):
        found = agreement(picks, truth, 5.0)
        assert (found.hits, found.precision, found.recall, found.f1) == (0, 0.0, 0.0, 0.0)


def test_a_perfect_picking_in_another_order():
    points = np.random.default_rng(0).random((200, 3)) * 100
    found = agreement(points[::-1], points, 0.5)
    assert found.precision == found.recall == found.f1 == 1.0


def test_tomograms_add_up():
    total = Agreement(4, 2, 5) + Agreement(6, 3, 5)
    assert total == Agreement(10, 5, 10) and total.f1 == 0.5


def test_every_particle_may_have_its_own_radius():
    picks, truth = match_picks(on_x(0, 13), on_x(2, 10), np.array([1.0, 5.0]))
    assert picks.tolist() == [1] and truth.tolist() == [1]
    assert agreement(on_x(0, 13), on_x(2, 10), np.array([2.0, 3.0])).hits == 2
