"""Non-maximum suppression: the result of taking one point after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from tomo_particles.geometry import suppression
from tomo_particles.geometry.suppression import far_from, suppress_neighbours

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


@pytest.mark.parametrize("block", [1, 7, 100])
def test_blocks_change_nothing(monkeypatch, block):
    rng = np.random.default_rng(block)
    points, rank = rng.integers(0, 25, (200, 3)), rng.permutation(200)
    expected = one_after_the_other(points, rank)
    monkeypatch.setattr(suppression, "BLOCK", block)
    assert suppress_neighbours(points, RADIUS, rank).tolist() == expected


@pytest.mark.parametrize("number", [0, 1, 5, 1000])
def test_with_a_number_the_best_are_those_of_the_whole(monkeypatch, number):
    points = np.random.default_rng(0).random((200, 3)) * 30
    every = np.flatnonzero(suppress_neighbours(points, RADIUS) == np.arange(200))
    monkeypatch.setattr(suppression, "BLOCK", 20)
    some = np.flatnonzero(suppress_neighbours(points, RADIUS, number=number) == np.arange(200))
    assert some[:number].tolist() == every[:number].tolist()


def test_a_point_at_the_distance_is_far():
    points = np.array([[5.0, 0, 0], [4.9, 0, 0]])
    assert far_from(cKDTree(np.zeros((1, 3))), points, 5.0).tolist() == [True, False]
    assert far_from(None, points, 5.0).all() and len(far_from(None, points[:0], 5.0)) == 0
