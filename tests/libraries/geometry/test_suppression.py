"""Points that stay apart: what taking one after the other gives, in few passes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tomo_particles.geometry.suppression import suppress_neighbours

RADIUS = 6.0


def one_after_the_other(points: np.ndarray, rank: np.ndarray) -> list[int]:
    owner = [-1] * len(points)
    for point in np.argsort(rank):
        if owner[point] < 0:
            for other in np.flatnonzero(np.linalg.norm(points - points[point], axis=1) <= RADIUS):
                owner[other] = point if owner[other] < 0 else owner[other]
    return owner


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 60), spread=st.floats(3, 60))
def test_the_best_first_take_what_is_near_them(seed, n, spread):
    rng = np.random.default_rng(seed)
    points, rank = rng.random((n, 3)) * spread, rng.permutation(n)
    assert suppress_neighbours(points, RADIUS, rank).tolist() == one_after_the_other(points, rank)


def test_a_row_in_which_every_point_waits_for_the_one_before():
    row = np.stack([np.arange(50) * RADIUS * 0.9, np.zeros(50), np.zeros(50)], axis=1)
    assert suppress_neighbours(row, RADIUS, np.arange(50)).tolist() == (np.arange(50) // 2 * 2).tolist()


def test_equal_points_are_one():
    assert suppress_neighbours(np.ones((9, 3)), RADIUS, np.arange(9)[::-1]).tolist() == [8] * 9
