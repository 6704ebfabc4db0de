"""Complete linkage in passes over arrays: as few passes and as few pairs as promised, and the same clusters as one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from tomo_particles.geometry import complete_linkage as linkage
from tomo_particles.geometry.complete_linkage import complete_linkage

RADIUS = 6.0


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """Numbers of pairs that each pass looked at."""
    seen: list[int] = []
    original = linkage._nearest_of_both

    def counted(first, second, length, n):
        seen.append(len(first))
        return original(first, second, length, n)

    monkeypatch.setattr(linkage, "_nearest_of_both", counted)
    return seen


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 120), spread=st.floats(5, 60))
def test_all_at_once_gives_the_clusters_of_one_by_one(seed, n, spread):
    points = np.random.default_rng(seed).random((n, 3)) * spread
    at_once = complete_linkage(points, RADIUS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linkage, "SLOW", -1.0)  # after one pass
        assert partition(complete_linkage(points, RADIUS)) == partition(at_once)


def test_passes_grow_like_the_logarithm_of_the_picks(passes):
    for n in (1000, 10_000):
        complete_linkage(np.random.default_rng(0).random((n, 3)) * 30 * np.cbrt(n / 1000), RADIUS)
    assert 0 < len(passes) < 2 * 40 and sum(passes) < 5 * max(passes)


def test_pairs_that_tie_everywhere_do_not_wait_for_each_other(passes):
    """In a grid, all nearest distances are equal."""
    grid = np.stack(np.meshgrid(*[np.arange(12) * 4.0] * 3), axis=-1).reshape(-1, 3)
    labels = complete_linkage(grid, RADIUS)
    assert len(passes) < 20
    for label in range(labels.max() + 1):
        members = grid[labels == label]
        assert len(members) == 1 or pdist(members).max() <= RADIUS


def test_a_chain_that_merges_from_one_end_is_left_to_the_queue(passes):
    """Ever shorter steps: only the last pair is nearest for both its ends, so that every pass would merge one pair."""
    along = np.cumsum(np.linspace(5, 4, 2000))
    labels = complete_linkage(np.stack([along, 0 * along, 0 * along], axis=1), RADIUS)
    assert len(passes) < 10
    assert np.bincount(labels).max() == 2 and len(np.unique(labels)) < 1100


def test_no_points_one_point_and_equal_points():
    assert complete_linkage(np.zeros((0, 3)), RADIUS).tolist() == []
    assert complete_linkage(np.zeros((1, 3)), RADIUS).tolist() == [0]
    assert complete_linkage(np.zeros((9, 3)), RADIUS).tolist() == [0] * 9


@pytest.mark.parametrize("side", [1.0, 12.0, 40.0])
def test_a_crowd_is_put_together_in_cells_and_nothing_is_farther_apart_than_the_radius(monkeypatch, passes, side):
    monkeypatch.setattr(linkage, "MOST_PAIRS", 20_000)
    points = np.random.default_rng(1).random((6000, 3)) * side
    labels = complete_linkage(points, RADIUS)
    assert passes[:1] < [200_000]  # all pairs are 18 million
    for label in range(labels.max() + 1):
        members = points[labels == label]
        assert len(members) == 1 or pdist(members).max() <= RADIUS
    turned = np.random.default_rng(2).permutation(len(points))
    assert partition(complete_linkage(points[turned], RADIUS)) == {
        frozenset(np.flatnonzero(np.isin(turned, list(part))).tolist()) for part in partition(labels)
    }


def test_copies_cost_nothing(passes):
    points = np.random.default_rng(1).random((50, 3)) * 100
    copies = np.tile(points, (20_000, 1))
    labels = complete_linkage(copies, RADIUS)
    assert (labels.reshape(20_000, 50) == labels[:50]).all()
    assert sum(passes) <= 50 * 49 and partition(labels[:50]) == partition(complete_linkage(points, RADIUS))


def test_a_million_picks_in_a_small_tomogram_take_little_memory():
    points = np.random.default_rng(0).random((1_000_000, 3)) * [96, 96, 48]
    labels = complete_linkage(points, 5.6)
    low, high = (np.full((labels.max() + 1, 3), edge) for edge in (np.inf, -np.inf))
    np.minimum.at(low, labels, points)
    np.maximum.at(high, labels, points)
    assert np.linalg.norm(high - low, axis=1).max() <= 5.6 * np.sqrt(3)
