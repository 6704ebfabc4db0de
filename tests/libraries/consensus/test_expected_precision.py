"""Sums of probabilities: known answers, invariants, and what a threshold truly gives on simulated truth."""

import numpy as np
import pytest

from tomo_particles.consensus.expected_precision import expected_precision_recall

THRESHOLDS = np.linspace(0, 1, 101)


def test_known_answer():
    expected = expected_precision_recall(np.array([0.9, 0.5, 0.1]), np.array([0.0, 0.5, 0.6, 0.95]))
    assert expected.accepted.tolist() == [3, 2, 1, 0]
    assert expected.particles == pytest.approx([1.5, 1.4, 0.9, 0.0])
    assert expected.precision == pytest.approx([0.5, 0.7, 0.9, np.nan], nan_ok=True)
    assert expected.recall == pytest.approx([1.0, 1.4 / 1.5, 0.6, 0.0])


def test_recall_falls_and_the_order_of_picks_changes_nothing():
    rng = np.random.default_rng(2)
    probability = rng.random(300)
    expected = expected_precision_recall(probability, THRESHOLDS)
    assert (np.diff(expected.recall) <= 1e-12).all() and (np.diff(expected.precision[expected.accepted > 0]) >= -1e-12).all()
    assert (expected_precision_recall(rng.permutation(probability), THRESHOLDS).recall == expected.recall).all()
    assert expected.f1[expected.best] == pytest.approx(expected.f1.max())


def test_true_probabilities_promise_what_comes():
    rng = np.random.default_rng(3)
    probability = rng.beta(0.4, 0.6, 20_000)
    true = rng.random(20_000) < probability
    expected = expected_precision_recall(probability, THRESHOLDS)
    at = 60
    accepted = probability >= expected.threshold[at]
    assert expected.precision[at] == pytest.approx(true[accepted].mean(), abs=0.01)
    assert expected.recall[at] == pytest.approx(true[accepted].sum() / true.sum(), abs=0.01)


@pytest.mark.parametrize("probability", [np.zeros(0), np.zeros(4), np.ones(1)])
def test_nothing_and_the_extremes_have_no_division_by_zero(probability):
    expected = expected_precision_recall(probability, THRESHOLDS)
    assert np.isfinite([*expected.recall, *expected.f1]).all()
    assert (np.isfinite(expected.precision) == (expected.accepted > 0)).all()
    assert 0 <= expected.best < len(THRESHOLDS)
