"""The final probability: right where pickers err alike, where they err apart, and where there is little to go by."""

import numpy as np
import pytest

from deep_consensus_tomo.judgement import features_of, judge, upper_group


def correlated(seed: int = 0) -> tuple[np.ndarray, ...]:
    """Two blob detectors see everything; the third sees particles with high scores, and some others with low ones."""
    rng = np.random.default_rng(seed)
    is_true = np.arange(400) < 200
    seen = np.ones((400, 3), dtype=bool)
    seen[:, 2] = is_true | (rng.random(400) < 0.3)
    scores = np.where(seen, rng.normal(np.where(is_true, 1.5, 0.0)[:, None] * [0.3, 0.3, 2], 1), np.nan)
    look = 1 / (1 + np.exp(-rng.normal(np.where(is_true, 2, -1), 1.5)))
    return look, seen, scores, is_true


def f1(accepted: np.ndarray, is_true: np.ndarray) -> float:
    return 2 * (accepted & is_true).sum() / (accepted.sum() + is_true.sum())


def test_pickers_that_err_alike_do_not_count_twice():
    look, seen, scores, is_true = correlated()
    probability = judge(look, seen, scores)
    best_vote = max(f1(seen.sum(axis=1) >= n, is_true) for n in (1, 2, 3))
    assert f1(probability >= 0.5, is_true) > max(best_vote, f1(look >= 0.5, is_true)) + 0.05


def test_neither_the_order_of_the_picks_nor_of_the_pickers_nor_the_unit_of_a_score_matters():
    look, seen, scores, _ = correlated()
    rows, columns = np.random.default_rng(1).permutation(len(look)), np.array([2, 0, 1])
    expected = judge(look, seen, scores)
    np.testing.assert_allclose(judge(look[rows], seen[rows][:, columns], scores[rows][:, columns]), expected[rows], atol=1e-9)
    np.testing.assert_allclose(judge(look, seen, scores * [1, 100, 1e-3] + [5, 0, -2]), expected, atol=1e-6)


def test_without_scores_votes_and_look_decide():
    look, seen, scores, is_true = correlated()
    assert f1(judge(look, seen, np.full(scores.shape, np.nan)) >= 0.5, is_true) > f1(look >= 0.5, is_true)


def test_where_all_are_particles_none_is_rejected_for_the_sake_of_two_groups():
    rng = np.random.default_rng(3)
    look = 1 / (1 + np.exp(-rng.normal(3, 0.7, 300)))
    assert (judge(look, np.ones((300, 2), dtype=bool), np.full((300, 2), np.nan)) > 0.5).mean() > 0.97


def test_a_few_extreme_picks_are_not_a_group_of_their_own():
    look, seen, scores, is_true = correlated()
    look, seen, scores = look.copy(), seen.copy(), scores.copy()
    look[-15:], seen[-15:], scores[-15:] = 1e-6, [False, False, True], [np.nan, np.nan, -30]
    assert f1(judge(look, seen, scores) >= 0.5, is_true) > 0.9


@pytest.mark.parametrize("n", [0, 1, 5, 25])
def test_few_or_equal_picks_give_probabilities(n):
    probability = judge(np.full(n, 0.7), np.ones((n, 2), dtype=bool), np.full((n, 2), np.nan))
    assert probability.shape == (n,) and ((probability > 0.5) & (probability < 1)).all()


def test_a_higher_value_never_has_a_lower_probability():
    rng = np.random.default_rng(4)
    values = np.sort(np.concatenate([rng.normal(-2, 3, 300), rng.normal(3, 0.5, 100)]))
    probability = upper_group(values)
    assert (np.diff(probability) >= 0).all() and probability[0] < 0.1 and probability[-1] > 0.9


def test_features_are_neutral_where_a_picker_said_nothing():
    features = features_of(np.array([[True, False], [True, True]]), np.array([[1.0, np.nan], [3.0, np.nan]]))
    np.testing.assert_allclose(features, [[1, 0, -1, 0, 0, 0], [1, 1, 1, 0, 0, 0]], atol=1e-12)
