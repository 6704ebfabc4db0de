"""Kinds of picks: what the votes of some pickers say together with the network score, and where they say nothing."""

import numpy as np
import pytest

from tomo_particles.consensus.kinds import Kinds
from tomo_particles.consensus.labels import agreement_labels

# Two blob detectors take every complex; template matching and two learned pickers take the particle, seldom a lookalike.
FOUND_BY = {"particle": (1, 1, 0.95, 0.85, 0.7), "lookalike": (1, 1, 0.2, 0.2, 0.1), "noise": (0.6, 0.6, 0, 0, 0.05)}
LOG_ODDS = {"particle": 1.0, "lookalike": 0.6, "noise": -4.0}  # the network hardly tells the first two apart


def picks(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Votes, log-odds of the network, agreement and kind of picks that at least one picker found."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(list(FOUND_BY), [120, 150, 400])
    seen = rng.random((len(kind), 5)) < np.array([FOUND_BY[name] for name in kind])
    log_odds = rng.normal([LOG_ODDS[name] for name in kind], 1.0)
    found = seen.any(axis=1)
    return seen[found], log_odds[found], agreement_labels(seen[found].sum(axis=1), 5), kind[found]


def test_lookalikes_that_the_network_takes_for_particles_are_told_by_the_pickers_that_seldom_take_them():
    seen, log_odds, agreement, kind = picks()
    kinds = Kinds.learned(seen, log_odds, agreement)
    share = kinds.particle_share(seen, log_odds)
    accepted = share >= 0.5
    assert (accepted & (kind == "particle")).sum() > 0.9 * (kind == "particle").sum()
    assert (kind[accepted] == "particle").mean() > 0.9
    assert share[accepted].mean() == pytest.approx((kind[accepted] == "particle").mean(), abs=0.1)
    by_network = log_odds > 0
    assert (kind[by_network] == "particle").mean() < 0.6


def test_neither_the_order_of_the_picks_nor_of_the_pickers_matters():
    seen, log_odds, agreement, _ = picks()
    rows, columns = np.random.default_rng(1).permutation(len(seen)), [3, 1, 4, 0, 2]
    expected = Kinds.learned(seen, log_odds, agreement).particle_share(seen, log_odds)
    shuffled = Kinds.learned(seen[rows][:, columns], log_odds[rows], agreement[rows])
    np.testing.assert_allclose(shuffled.particle_share(seen[:, columns], log_odds), expected, atol=1e-6)


def test_a_picker_given_twice_changes_nothing():
    seen, log_odds, agreement, _ = picks()
    twice = np.column_stack([seen, seen[:, 2]])
    expected = Kinds.learned(seen, log_odds, agreement).particle_share(seen, log_odds)
    found = Kinds.learned(twice, log_odds, agreement)
    assert found.rate.shape[1] == 5 and found.witness[5] == found.witness[2]
    np.testing.assert_allclose(found.particle_share(twice, log_odds), expected, atol=1e-9)


@pytest.mark.parametrize("pickers", [1, 2])
def test_two_pickers_have_no_kinds(pickers):
    seen, log_odds, agreement, _ = picks()
    one = seen[:, 2 : 2 + pickers]
    found = one.any(axis=1)
    assert Kinds.learned(one[found], log_odds[found], agreement[found]) is None


def test_picks_of_one_kind_have_no_kinds():
    rng = np.random.default_rng(2)
    seen = rng.random((300, 3)) < 0.8
    seen[~seen.any(axis=1), 0] = True
    assert Kinds.learned(seen, rng.normal(2, 1, 300), agreement_labels(seen.sum(axis=1), 3)) is None
    assert Kinds.learned(np.zeros((0, 3), dtype=bool), np.zeros(0), np.zeros(0)) is None


def test_particles_that_one_picker_misses_stay_particles():
    rng = np.random.default_rng(3)
    easy = np.arange(300) < 150
    seen = np.column_stack([rng.random(300) < 0.95, rng.random(300) < 0.95, rng.random(300) < np.where(easy, 0.95, 0.6)])
    other = rng.random((300, 3)) < 0.2
    other[~other.any(axis=1), 0] = True
    votes, log_odds = np.concatenate([seen, other]), np.concatenate([rng.normal(3, 1, 300), rng.normal(-3, 1, 300)])
    votes[~votes.any(axis=1), 0] = True
    share = Kinds.learned(votes, log_odds, agreement_labels(votes.sum(axis=1), 3)).particle_share(votes, log_odds)
    assert (share[:300] >= 0.5).mean() > 0.95 and (share[300:] < 0.5).mean() > 0.95


def test_faint_particles_that_fewer_pickers_find_stay_particles():
    """On the large job of the benchmarks they were a kind of their own, whose share of particles was thought to be 0.3 to 0.7."""
    rng = np.random.default_rng(5)
    found_by = {"bright": (0.87, 0.78, 0.74), "faint": (0.82, 0.7, 0.67), "noise": (0.15, 0.2, 0.3)}
    kind = np.repeat(list(found_by), [5000, 2500, 5000])
    seen = rng.random((len(kind), 3)) < np.array([found_by[name] for name in kind])
    log_odds = np.array([rng.normal(*{"bright": (1.2, 0.2), "faint": (0.3, 0.4), "noise": (-4, 1.5)}[name]) for name in kind])
    some = seen.any(axis=1)
    seen, log_odds, kind = seen[some], log_odds[some], kind[some]
    share = Kinds.learned(seen, log_odds, agreement_labels(seen.sum(axis=1), 3)).particle_share(seen, log_odds)
    assert (share[kind == "faint"] >= 0.5).mean() > 0.95 and (share[kind == "noise"] < 0.5).mean() > 0.98
    assert share[kind == "faint"].mean() > 0.9
