"""Which pick hits which particle: both rules, the best matching, and the one that follows the scores."""

import itertools

import numpy as np
import pytest

from tomo_particles.evaluation.matching import (
    CandidatePairs,
    best_matching,
    counts_by_score,
    matches_of,
    pairs_in_volume,
    pairs_within,
)

RNG = np.random.default_rng(5)


def on_x(*values: float) -> np.ndarray:
    return np.array([[value, 0, 0] for value in values], dtype=float).reshape(-1, 3)


def pairs(candidates: CandidatePairs) -> set[tuple[int, int]]:
    return set(zip(candidates.pick.tolist(), candidates.particle.tolist(), strict=True))


def best_by_trying(distance: np.ndarray) -> tuple[int, float]:
    """Most pairs, and their least sum, over every one-to-one matching; distance (n, m), inf where there is no pair."""
    n, m = distance.shape
    best = (0, 0.0)
    for size in range(1, min(n, m) + 1):
        sums = [
            sum(distance[r, c] for r, c in zip(rows, columns, strict=True))
            for rows in itertools.combinations(range(n), size)
            for columns in itertools.permutations(range(m), size)
        ]
        if min(sums) < np.inf:
            best = (size, min(sums))
    return best


def test_every_particle_has_its_own_radius():
    candidates = pairs_within(on_x(0, 3, 9), on_x(2, 12), np.array([1.5, 4.0]))
    assert pairs(candidates) == {(1, 0), (2, 1)} and sorted(candidates.distance) == [1, 3]
    assert pairs(pairs_within(on_x(0, 3, 9), on_x(2, 12), 2.0)) == {(0, 0), (1, 0)}


@pytest.mark.parametrize("radius", [2.0, np.array([2.0])])
def test_the_edge_of_the_radius_is_a_hit(radius):
    assert pairs(pairs_within(on_x(0, 2, 2.001), on_x(0), radius)) == {(0, 0), (1, 0)}


def test_the_voxel_under_the_rounded_position_decides():
    volume = np.zeros((3, 4, 5), dtype=np.uint16)
    volume[2, 3, 4], volume[0, 0, 0] = 2, 1
    picks = np.array([[4.4, 2.6, 2.4], [0.4, -0.4, 0], [3, 3, 2], [5, 3, 2], [-0.6, 0, 0], [4.49, 3.49, 2.49]])
    truth = np.array([[0.0, 0, 0], [4, 3, 1]])
    candidates = pairs_in_volume(picks, truth, volume)
    assert pairs(candidates) == {(0, 1), (1, 0), (5, 1)}
    assert candidates.distance[0] == pytest.approx(np.linalg.norm([0.4, -0.4, 1.4]))


@pytest.mark.parametrize("number", [3, -1])
def test_a_number_without_a_row_is_refused(number):
    with pytest.raises(ValueError, match=str(number)):
        pairs_in_volume(on_x(0), on_x(0, 1), np.full((2, 2, 2), number, dtype=np.int16))


def test_surplus_picks_hit_but_do_not_count():
    matches = matches_of(pairs_within(on_x(3, 0, 1, 50), on_x(0.9, 100), 5.0))
    assert matches.particle.tolist() == [0, 0, 0, -1] and matches.counts.tolist() == [False, False, True, False]
    np.testing.assert_allclose(matches.distance, [2.1, 0.9, 0.1, np.nan])


@pytest.mark.parametrize("seed", range(20))
def test_the_best_matching_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    picks, truth = rng.random((rng.integers(1, 6), 3)) * 6, rng.random((rng.integers(1, 6), 3)) * 6
    distance = np.linalg.norm(picks[:, None] - truth[None], axis=2)
    radii = rng.choice([2.0, 3.5], len(truth))
    candidates = pairs_within(picks, truth, radii)
    found = best_matching(candidates)
    size, least = best_by_trying(np.where(distance <= radii, distance, np.inf))
    assert (len(found), candidates.distance[found].sum()) == (size, pytest.approx(least))
    assert len(set(candidates.pick[found])) == len(set(candidates.particle[found])) == size


def test_picks_on_the_very_centre():
    candidates = pairs_within(on_x(7, 7, 7), on_x(7, 7), 1.0)
    assert len(candidates.pick) == 6 and len(best_matching(candidates)) == 2


def test_the_better_scored_pick_counts_and_gives_way_to_none():
    candidates = pairs_within(on_x(0, 3), on_x(0), 5.0)
    assert counts_by_score(candidates, np.array([0.2, 0.9])).tolist() == [False, True]
    assert counts_by_score(candidates, np.array([0.2, np.nan])).tolist() == [True, False]


def test_a_better_scored_pick_moves_on_to_let_another_in():
    candidates = pairs_within(on_x(4, 1), on_x(0, 8), 4.5)  # the first reaches both particles, the second only one
    assert counts_by_score(candidates, np.array([0.9, 0.1])).all()


@pytest.mark.parametrize("seed", range(5))
def test_down_to_any_score_as_many_count_as_can_be_matched(seed):
    rng = np.random.default_rng(seed)
    picks, truth = rng.random((60, 3)) * 20, rng.random((40, 3)) * 20
    score = rng.random(60).round(1)
    candidates = pairs_within(picks, truth, 4.0)
    counts = counts_by_score(candidates, score)
    for cut in np.unique(score):
        kept = score >= cut
        assert counts[kept].sum() == len(best_matching(candidates.between(kept, np.ones(40, dtype=bool))))


def test_tomograms_are_numbered_through():
    one, other = pairs_within(on_x(0, 9), on_x(0), 1.0), pairs_within(on_x(5), on_x(9, 5), 1.0)
    joined = CandidatePairs.joined([one, other])
    assert pairs(joined) == {(0, 0), (2, 2)} and (joined.n_picks, joined.n_particles) == (3, 3)
    assert pairs(joined.between(np.array([True, True, False]), np.ones(3, dtype=bool))) == {(0, 0)}


def test_nothing_reaches_nothing():
    for picks, truth in ((on_x(), on_x(1)), (on_x(1), on_x()), (on_x(1), on_x(9))):
        candidates = pairs_within(picks, truth, 2.0)
        matches = matches_of(candidates)
        assert len(best_matching(candidates)) == 0 and not matches.counts.any() and (matches.particle == -1).all()
        assert not counts_by_score(candidates, np.ones(len(picks))).any()


def test_ten_thousand_picks_and_particles():
    truth = RNG.random((10_000, 3)) * (512, 512, 200)
    picks = RNG.permutation(truth + RNG.normal(0, 3, truth.shape))
    candidates = pairs_within(picks, truth, 8.0)
    assert len(candidates.pick) < 40_000  # the pairs near each other, of which the matching is made, not every pair
    assert matches_of(candidates).counts.mean() > 0.9
