"""The second look joined to the network score: more evidence separates better, none changes nothing; centres move half way."""

import numpy as np
import pytest

from tomo_particles.consensus.looks import joined_scores, moved_midway, worth_of


def drawn(seed=0, m=600, k=300):
    """Network scores and looks of picks (half of them particles) and noise, drawn independently; agreement with errors."""
    rng = np.random.default_rng(seed)
    true = np.arange(m) < m // 2
    network = 1 / (1 + np.exp(-rng.normal(np.where(true, 0.7, -0.7), 1)))
    features = np.column_stack([rng.normal(np.where(true, 1.2, -1.2), 1), rng.normal(0, 1, m)])
    agreement = np.where(true, rng.random(m) < 0.7, rng.random(m) < 0.2).astype(float)
    noise = 1 / (1 + np.exp(-rng.normal(-0.7, 1, k)))
    return true, network, features, agreement, noise, np.column_stack([rng.normal(-1.2, 1, k), rng.normal(0, 1, k)])


def separation(values, true):
    return float((values[true][:, None] > values[~true]).mean())


def test_the_look_adds_what_the_network_does_not_see():
    true, network, features, agreement, noise, of_noise = drawn()
    joined, joined_noise = joined_scores(network, features, agreement, 1.0, noise, of_noise)
    assert separation(joined, true) > separation(network, true) + 0.05
    assert len(joined_noise) == len(noise) and np.median(joined_noise) < np.median(joined[true])


def test_a_look_of_noise_hardly_changes_the_scores():
    true, network, features, agreement, noise, of_noise = drawn()
    shuffled = np.random.default_rng(1).permutation(features)
    joined, _ = joined_scores(network, shuffled, agreement, 1.0, noise, of_noise)
    assert separation(joined, true) > separation(network, true) - 0.01


def test_a_look_of_no_worth_changes_nothing():
    _, network, features, agreement, noise, of_noise = drawn()
    joined, joined_noise = joined_scores(network, features, agreement, 0.0, noise, of_noise)
    assert np.array_equal(joined, network) and np.array_equal(joined_noise, noise)


def test_references_are_not_fitted_but_scored():
    _, network, features, agreement, noise, of_noise = drawn()
    agreement[:5] = np.nan
    joined, _ = joined_scores(network, features, agreement, 1.0, noise, of_noise)
    assert np.isfinite(joined).all()


def test_picks_that_were_not_compared_are_not_fitted():
    """They may all have one label, as picks at the border that one picker takes: then zero would tell particles from the rest."""
    _true, network, features, agreement, noise, of_noise = drawn()
    alone = joined_scores(network, features, agreement, 1.0, noise, of_noise)
    border = [np.r_[network, np.full(200, 0.5)], np.r_[features, np.zeros((200, 2))], np.r_[agreement, np.zeros(200)]]
    joined, joined_noise = joined_scores(*border, 1.0, noise, of_noise)
    assert np.array_equal(joined[: len(network)], alone[0]) and np.array_equal(joined_noise, alone[1])
    assert np.isfinite(joined).all() and np.ptp(joined[len(network) :]) == 0


def test_without_agreement_picks_are_parted_from_noise():
    true, network, features, _, noise, of_noise = drawn()
    joined, joined_noise = joined_scores(network, features, None, 1.0, noise, of_noise)
    assert separation(joined, true) > separation(network, true) + 0.05
    assert separation(np.r_[joined[true], joined_noise], np.arange(true.sum() + len(noise)) < true.sum()) > 0.9


@pytest.mark.parametrize("votes", [0.0, 1.0, np.nan, None])
def test_where_all_labels_are_the_same_the_network_scores_stay(votes):
    """One picker; every pick found by all; references alone; no agreement, and no noise. A fit would give all 0, or all 1."""
    _, network, features, agreement, noise, of_noise = drawn()
    labels = None if votes is None else np.full_like(agreement, votes)
    if votes is None:
        noise, of_noise = noise[:0], of_noise[:0]
    joined, joined_noise = joined_scores(network, features, labels, 1.0, noise, of_noise)
    assert np.array_equal(joined, network) and np.array_equal(joined_noise, noise)


def test_the_worth_grows_with_the_agreement_of_the_halves():
    assert worth_of(0.5) == 0 and worth_of(0.9) == 1 and worth_of(0.77) == pytest.approx(0.5)


def test_picks_move_half_of_the_way_and_never_together_or_out():
    places = np.array([[20.0, 20, 20], [30, 20, 20], [60, 60, 20], [1, 50, 20]])
    shifts = np.array([[4.0, 0, 0], [-8, 0, 0], [0, 2, -2], [-6, 0, 0]])
    moved = moved_midway(places, shifts, 1.0, 5.0, (100, 100, 40))
    assert moved[2].tolist() == [60, 61, 19]
    assert np.array_equal(moved[[0, 1, 3]], places[[0, 1, 3]])  # the first two would be 4 apart, the last would leave
    assert moved_midway(np.zeros((0, 3)), np.zeros((0, 3)), 1.0, 5.0, (100, 100, 40)).shape == (0, 3)
    assert moved_midway(places[2:3], shifts[2:3], 0.5, 5.0, (100, 100, 40))[0].tolist() == [60, 60.5, 19.5]


def test_two_picks_of_one_particle_do_not_become_one_place():
    """Nearer than the least distance from the beginning: they may move together or apart, but not to each other."""
    places = np.array([[20.0, 20, 20], [23, 20, 20]] * 3) + np.repeat([[0, 0, 0], [30, 0, 0], [60, 0, 0]], 2, axis=0)
    shifts = np.array([[4.0, 0, 0], [-2, 0, 0], [4, 0, 2], [4, 0, 2], [-2, 0, 0], [2, 0, 0]])
    moved = moved_midway(places, shifts, 1.0, 5.0, (100, 100, 40))
    assert moved.tolist() == [*places[:2].tolist(), *(places[2:] + shifts[2:] / 2).tolist()]


def test_a_pick_that_stays_is_not_approached():
    """The first would leave the tomogram and stays; the second, which would follow it, then comes too near, and so on."""
    places = np.array([[1.0, 20, 20], [7, 20, 20], [13, 20, 20], [40, 20, 20]])
    shifts = np.array([[-6.0, 0, 0]] * 4)
    assert moved_midway(places, shifts, 1.0, 5.0, (100, 100, 40)).tolist() == [*places[:3].tolist(), [37, 20, 20]]
