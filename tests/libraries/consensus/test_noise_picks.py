"""Noise picks: far from everything, inside, apart, uniform, seeded, and never waiting for room that is not there."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from tomo_particles.consensus import noise_picks as noise_module
from tomo_particles.consensus.noise_picks import SMALLEST_SHRINK, box_limits, pick_noise

SIZE, BOX = (90, 70, 50), 12
NONE = np.zeros((0, 3))


def noise(avoid: np.ndarray, count: int, seed: int = 0, radius: float = 8.0, size=SIZE, **options):
    return pick_noise(avoid, size, BOX, radius, count, rng=np.random.default_rng(seed), **options)


def random_picks(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 3)) * (np.array(SIZE) - 1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 120), radius=st.floats(1.0, 20.0), block=st.sampled_from([1, 8_000_000]))
def test_every_noise_pick_avoids_every_pick_the_borders_and_the_others(seed, n, radius, block):
    # STYLE flaw: noise that avoids only the positives, ignores the borders
    avoid = random_picks(seed, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise_module, "BLOCK_CELLS", block)
        found = noise(avoid, 40, seed, radius)
    if n and len(found.positions):
        assert cKDTree(avoid).query(found.positions)[0].min() >= radius
    start = np.rint(found.positions) - BOX // 2
    assert (start >= 0).all() and (start + BOX <= np.array(SIZE)).all(), "a box reaches out of the tomogram"
    if len(found.positions) > 1:
        assert pdist(found.positions).min() > radius
    assert len(found.positions) <= 40 and (len(found.positions) == 40) == (found.note == "")


def test_the_seed_decides():
    # STYLE flaw: noise has no seed
    avoid = random_picks(1, 30)
    one, same, other = (noise(avoid, 25, seed).positions for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_change_the_result(threads):
    # STYLE flaw: threads option ignored, or deciding what comes out
    avoid = random_picks(1, 30)
    np.testing.assert_array_equal(noise(avoid, 25, 4, threads=threads).positions, noise(avoid, 25, 4).positions)


@pytest.mark.parametrize("block", [1, 8_000_000])
def test_closed_cells_are_covered_and_draws_fall_evenly_into_the_open_ones(monkeypatch, block):
    """Whether the cells are kept in one block or in several: nothing happens at the borders between blocks."""
    monkeypatch.setattr(noise_module, "BLOCK_CELLS", block)
    rng, radius = np.random.default_rng(0), 9.0
    avoid = np.concatenate([random_picks(1, 25), [[-4.0, 20, 20], [95, 40, 20], [40, 35, 58]]])  # some beside the tomogram
    low, high = box_limits(SIZE, BOX)
    cells = noise_module._Cells(low, high, radius, 1000)
    assert len(cells._bits) == (1 if block > 1 else 3)
    everywhere = len(cells)
    cells.close(avoid[:10])
    cells.close(avoid[10:])
    drawn = cells.draw(200_000, rng)
    anywhere = low + rng.random((200_000, 3)) * (high - low)
    free, free_anywhere = (cKDTree(avoid).query(points)[0] >= radius for points in (drawn, anywhere))
    really_free = free_anywhere.mean()
    assert abs(free.mean() * len(cells) / everywhere - really_free) < 0.01, "closed cells had room, or draws prefer some cells"
    assert really_free < len(cells) / everywhere < really_free + 0.7 * (1 - really_free), "few of the covered cells are closed"
    edges = np.linspace(low[0], high[0], 14)
    counts, expected = (np.histogram(x[:, 0], edges)[0] for x in (drawn[free], anywhere[free_anywhere]))
    np.testing.assert_allclose(counts / counts.sum(), expected / expected.sum(), rtol=0.1)


def test_noise_is_uniform_in_the_free_space():
    """Chi square over 27 equal parts of the free space beside a wall of picks; two points a run do not crowd."""
    y, z = np.meshgrid(np.arange(0, 70, 2.0), np.arange(0, 50, 2.0))
    wall = np.stack([np.full(y.size, 45.0), y.ravel(), z.ravel()], axis=1)
    points = np.concatenate([noise(wall, 2, seed).positions for seed in range(500)])
    low, high = box_limits(SIZE, BOX)
    left, right = points[points[:, 0] < 37], points[points[:, 0] > 53]
    for part, (start, stop) in ((left, (low[0], 37.0)), (right, (53.0, high[0]))):
        inner = part[(part[:, 0] > start) & (part[:, 0] < stop)]
        ends = np.array([[start, stop], [low[1], high[1]], [low[2], high[2]]])
        cells = np.floor(3 * (inner - ends[:, 0]) / (ends[:, 1] - ends[:, 0])).clip(0, 2).astype(int)
        counts = np.bincount(cells @ [9, 3, 1], minlength=27)
        chi2 = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
        assert chi2 < 54.1, f"26 degrees of freedom, p = 0.001: {counts}"
    share = len(left) / len(points)
    assert abs(share - (37 - low[0]) / (37 - low[0] + high[0] - 53)) < 0.05


def test_a_crowded_tomogram_ends_at_once_with_what_fits_and_says_so():
    # STYLE flaw: noise gives up silently (the thesis tried for minutes)
    grid = np.array(np.meshgrid(*(np.arange(0, n, 10.0) for n in SIZE))).reshape(3, -1).T
    full = noise(grid, 50, radius=9.0)
    assert len(full.positions) == 0 and "only 0 of 50" in full.note
    hole = grid[np.linalg.norm(grid - [40, 30, 20], axis=1) > 1]  # one free place
    one = noise(hole, 50, radius=8.7)
    assert len(one.positions) == 1 and "only 1 of 50" in one.note
    assert np.linalg.norm(one.positions[0] - [40, 30, 20]) < 5


def test_more_than_the_tomogram_holds():
    found = noise(NONE, 10_000, radius=8.0, size=(50, 50, 40))
    assert 30 < len(found.positions) < 10_000 and f"only {len(found.positions)} of 10000" in found.note
    assert pdist(found.positions).min() > 8.0


def test_the_space_is_really_full_when_it_is_called_full():
    """Random sequential packing in the end leaves almost no place where one more would fit."""
    avoid = random_picks(2, 20)
    found = noise(avoid, 10_000, radius=8.0)
    low, high = box_limits(SIZE, BOX)
    tries = low + np.random.default_rng(9).random((4000, 3)) * (high - low)
    free = (cKDTree(avoid).query(tries)[0] > 8.0) & (cKDTree(found.positions).query(tries)[0] > 8.0)
    assert free.mean() < 0.03


def test_the_radius_shrinks_only_if_asked_and_to_half_at_the_least():
    avoid = np.array(np.meshgrid(*(np.arange(3, n, 12.0) for n in SIZE))).reshape(3, -1).T
    static = noise(avoid, 30, radius=11.0)
    assert static.radius == 11.0 and len(static.positions) < 30
    shrunk = noise(avoid, 30, radius=11.0, shrink=True)
    assert SMALLEST_SHRINK * 11.0 <= shrunk.radius < 11.0 and len(shrunk.positions) == 30
    assert "lowered from 11.0" in shrunk.note
    assert cKDTree(avoid).query(shrunk.positions)[0].min() >= shrunk.radius
    hopeless = noise(avoid, 30, radius=60.0, shrink=True)
    assert len(hopeless.positions) == 0 and hopeless.radius >= 30.0 and "only 0 of 30" in hopeless.note


@pytest.mark.parametrize("spacing", [30.0, 20.0, 16.0, 14.0, 11.0, 8.0])
def test_the_work_does_not_grow_with_crowding(monkeypatch, spacing):
    """Distances are asked for a bounded number of points, however little room is left; the thesis tried for minutes."""
    asked: list[int] = []
    original = noise_module._farther

    def counted(tree, points, *options):
        asked.append(len(points))
        return original(tree, points, *options)

    monkeypatch.setattr(noise_module, "_farther", counted)
    size = (200, 200, 60)
    grid = np.array(np.meshgrid(*(np.arange(0, n, spacing) for n in size))).reshape(3, -1).T
    noise(grid, len(grid), radius=10.0, size=size)
    cells = np.prod(np.array(size) / (10.0 / noise_module.CELLS_PER_RADIUS))
    assert sum(asked) < 2 * cells and len(asked) < 100


def test_memory_does_not_grow_with_the_tomogram():
    tracemalloc.start()
    try:
        found = noise(random_picks(0, 20), 50, radius=8.0, size=(4000, 4000, 1000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.positions) == 50 and peak < 150e6


def test_a_box_larger_than_the_tomogram_is_said():
    found = noise(NONE, 5, size=(90, 70, BOX - 1))
    assert len(found.positions) == 0 and "does not fit" in found.note


def test_a_box_as_large_as_the_tomogram_has_one_place():
    found = noise(NONE, 1, size=(BOX, BOX, BOX))
    np.testing.assert_allclose(found.positions, [[BOX // 2] * 3], atol=1e-6)


def test_nothing_asked_nothing_given():
    found = noise(random_picks(0, 5), 0)
    assert len(found.positions) == 0 and found.note == ""


def test_picks_far_outside_the_tomogram_do_no_harm():
    found = noise(np.array([[-500.0, 0, 0], [1000, 1000, 1000]]), 10)
    assert len(found.positions) == 10


@pytest.mark.parametrize("radius", [0.1, 0.5, 1.0])
def test_a_tiny_radius(radius):
    avoid = random_picks(3, 50)
    found = noise(avoid, 20, radius=radius, size=(40, 40, 40))
    assert len(found.positions) == 20
    assert cKDTree(avoid).query(found.positions)[0].min() >= radius


@pytest.mark.parametrize("depth", [BOX, BOX + 1, BOX + 3])
def test_a_thin_tomogram_is_filled_like_a_thick_one(depth):
    """The layer that boxes leave free is thinner than a cell of the search."""
    found = noise(NONE, 5, radius=20.0, size=(90, 70, depth))
    assert len(found.positions) == 5
