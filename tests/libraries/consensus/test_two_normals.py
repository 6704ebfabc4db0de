"""The mixture of two normal distributions finds two groups without votes."""

import numpy as np
import pytest

from tomo_particles.consensus.final_score import odds_by_network_score
from tomo_particles.consensus.log_odds import expit
from tomo_particles.consensus.two_normals import SUREST, odds_of_two_normals


def two_groups(n_low=150, n_high=100, apart=4.0, seed=1):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(-apart / 2, 1, n_low), rng.normal(apart / 2, 0.7, n_high)])
    return values, np.arange(n_low + n_high) >= n_low


def test_the_share_and_the_members_of_the_upper_group_are_found():
    values, upper = two_groups()
    found = expit(odds_of_two_normals(values, values))
    assert found.sum() == pytest.approx(100, abs=4)
    assert ((found > 0.5) == upper).mean() > 0.97


def test_a_start_that_takes_faint_members_for_others_is_mended():
    values, upper = two_groups()
    found = odds_of_two_normals(values, values - 2.5)  # would take half of the upper group
    assert (expit(values - 2.5)[upper] > 0.5).mean() < 0.55
    assert (found[upper] > 0).mean() > 0.95


@pytest.mark.parametrize("wide", ["low", "high"])
def test_the_odds_never_fall_with_the_value(wide):
    rng = np.random.default_rng(2)
    spread = {"low": (2.5, 0.3), "high": (0.3, 2.5)}[wide]
    values = np.concatenate([rng.normal(-1, spread[0], 200), rng.normal(1, spread[1], 100)])
    found = odds_of_two_normals(values, values)
    assert np.diff(found[np.argsort(values)]).min() >= -1e-9
    assert np.abs(found).max() <= SUREST


def test_equal_values_keep_the_first_odds():
    assert odds_of_two_normals(np.full(5, 0.3), np.full(5, 20.0)).tolist() == [SUREST] * 5


def test_a_picker_that_misses_the_faint_particles_no_longer_lowers_the_promise():
    """Two pickers: agreed are the bright particles only. By agreement alone half of the particles pass for others."""
    values, particle = two_groups(n_low=110, n_high=110, seed=3)
    rng = np.random.default_rng(4)
    brightness = expit(2.5 * (values - 2.3))
    agreed = np.where(particle, rng.random(len(values)) < 0.8 * brightness, rng.random(len(values)) < 0.03)
    score = expit(values)
    alone, both = (expit(odds_by_network_score(score, agreed.astype(float), twice)).sum() for twice in (False, True))
    assert alone < 85
    assert both == pytest.approx(110, abs=20)


def test_where_the_others_are_of_several_kinds_agreement_alone_decides():
    """Many lookalikes between noise and particles: two groups would take them for particles."""
    rng = np.random.default_rng(5)
    values = np.concatenate([rng.normal(-6.7, 0.1, 200), rng.uniform(-6.5, 0.5, 470), rng.normal(2, 1.5, 110)])
    particle = np.arange(len(values)) >= 670
    agreed = np.where(particle, rng.random(len(values)) < 0.85, rng.random(len(values)) < 0.12)
    score = expit(values)
    alone, both = (odds_by_network_score(score, agreed.astype(float), twice) for twice in (False, True))
    assert both.tolist() == alone.tolist()
    assert expit(odds_of_two_normals(np.log(score / (1 - score)), alone)).sum() > 250
