"""Ranking and calibration of scores, every number worked out by hand."""

import numpy as np
import pytest

from tomo_particles.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    precision_recall,
    reliability_bins,
    why_not_probabilities,
)


def test_average_precision_of_a_known_ranking():
    """Hit, false, hit, false among four particles: precision 1 at recall 1/4, 2/3 at 2/4; (1 + 2/3) / 4."""
    curve = precision_recall(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False]), 4)
    assert curve.average_precision == pytest.approx(5 / 12)
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3, 1 / 2])
    np.testing.assert_allclose(curve.recall, [0.25, 0.25, 0.5, 0.5])
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.6]


def test_ties_are_one_step():
    """Precision 1 at recall 1/2, then four picks of which two are hits at recall 1: 1/2 + 1/2 x 1/2."""
    score, true = np.array([0.5, 0.9, 0.5, 0.5]), np.array([True, True, False, False])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        assert precision_recall(score[order], true[order], 2).average_precision == pytest.approx(0.75)


def test_picks_without_a_score_come_last():
    curve = precision_recall(np.array([np.nan, -5.0, np.nan]), np.array([True, True, False]), 2)
    np.testing.assert_allclose(curve.precision, [1, 2 / 3])


def test_only_the_order_of_the_scores_matters_to_the_ranking():
    rng = np.random.default_rng(0)
    score, true = rng.normal(size=50), rng.random(50) < 0.5
    first = precision_recall(score, true, 40).average_precision
    assert precision_recall(np.exp(score), true, 40).average_precision == pytest.approx(first)


def test_perfect_and_empty_rankings():
    assert precision_recall(np.array([3.0, 2.0]), np.array([True, True]), 2).average_precision == 1.0
    assert precision_recall(np.array([3.0]), np.array([False]), 2).average_precision == 0.0
    assert precision_recall(np.zeros(0), np.zeros(0, dtype=bool), 2).average_precision == 0.0
    assert precision_recall(np.array([1.0]), np.array([False]), 0).average_precision == 0.0


SCORE, TRUE = np.array([0.8, 0.3, 0.6, 1.0]), np.array([True, False, False, True])


def test_brier_by_hand():
    assert brier_score(SCORE, TRUE) == pytest.approx((0.2**2 + 0.3**2 + 0.6**2 + 0) / 4)


def test_calibration_error_by_hand():
    assert expected_calibration_error(SCORE, TRUE) == pytest.approx((0.2 + 0.3 + 0.6 + 0) / 4)  # a bin each
    score, true = np.array([0.62, 0.68, 0.1]), np.array([True, False, False])
    assert expected_calibration_error(score, true) == pytest.approx((2 * abs(0.65 - 0.5) + 0.1) / 3)
    assert expected_calibration_error(score, true, bins=1) == pytest.approx(abs(1.4 / 3 - 1 / 3))


def test_bins_hold_their_lower_edge_and_the_last_one_holds_one():
    bins = reliability_bins(np.array([0.0, 0.5, 0.49, 1.0]), np.array([False, True, False, True]), bins=2)
    assert bins.count.tolist() == [2, 2] and bins.share.tolist() == [0, 1]
    np.testing.assert_allclose(bins.score, [0.245, 0.75])


def test_a_calibrated_score_has_a_small_error():
    rng = np.random.default_rng(1)
    score = rng.random(20_000)
    assert expected_calibration_error(score, rng.random(20_000) < score) < 0.02


@pytest.mark.parametrize(
    ("score", "said"),
    [([0, 0.5, 1], ""), ([], "no pick"), ([np.nan] * 2, "no scores"), ([0.5, np.nan], "1 of 2"), ([-0.1, 3.5], "-0.1 to 3.5")],
)
def test_why_scores_are_no_probabilities(score, said):
    reason = why_not_probabilities(np.array(score, dtype=float))
    assert said in reason and bool(reason) == bool(said)
