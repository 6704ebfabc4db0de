"""The final probability: right where pickers err alike, where they err apart, and where there is little to go by."""

from dataclasses import replace

import numpy as np
import pytest

from tomo_particles.consensus import final_score
from tomo_particles.consensus.final_score import Evidence, ScoreSpread
from tomo_particles.consensus.labels import agreement_labels
from tomo_particles.consensus.log_odds import expit, fit_odds


def correlated(seed: int = 0) -> tuple[np.ndarray, ...]:
    """Two blob detectors see everything; the third sees particles with high scores, and some others with low ones."""
    rng = np.random.default_rng(seed)
    is_true = np.arange(400) < 200
    seen = np.ones((400, 3), dtype=bool)
    seen[:, 2] = is_true | (rng.random(400) < 0.3)
    scores = np.where(seen, rng.normal(np.where(is_true, 1.5, 0.0)[:, None] * [0.3, 0.3, 2], 1), np.nan)
    network_score = 1 / (1 + np.exp(-rng.normal(np.where(is_true, 2, -1), 1.5)))
    return network_score, seen, scores, is_true


def final_probability(network_score: np.ndarray, seen: np.ndarray, scores: np.ndarray) -> np.ndarray:
    agreement = agreement_labels(seen.sum(axis=1), seen.shape[1])
    return final_score.final_probability(network_score, seen, scores, agreement)


def f1(accepted: np.ndarray, is_true: np.ndarray) -> float:
    return 2 * (accepted & is_true).sum() / (accepted.sum() + is_true.sum())


def test_pickers_that_err_alike_do_not_count_twice():
    network_score, seen, scores, is_true = correlated()
    probability = final_probability(network_score, seen, scores)
    best_vote = max(f1(seen.sum(axis=1) >= n, is_true) for n in (1, 2, 3))
    assert f1(probability >= 0.5, is_true) > max(best_vote, f1(network_score >= 0.5, is_true)) + 0.05


def test_neither_the_order_of_the_picks_nor_of_the_pickers_nor_the_unit_of_a_score_matters():
    network_score, seen, scores, _ = correlated()
    rows, columns = np.random.default_rng(1).permutation(len(network_score)), np.array([2, 0, 1])
    expected = final_probability(network_score, seen, scores)
    shuffled = final_probability(network_score[rows], seen[rows][:, columns], scores[rows][:, columns])
    np.testing.assert_allclose(shuffled, expected[rows], atol=1e-9)
    np.testing.assert_allclose(final_probability(network_score, seen, scores * [1, 100, 1e-3] + [5, 0, -2]), expected, atol=1e-6)


def test_without_scores_votes_and_look_decide():
    network_score, seen, scores, is_true = correlated()
    probability = final_probability(network_score, seen, np.full(scores.shape, np.nan))
    assert f1(probability >= 0.5, is_true) > f1(network_score >= 0.5, is_true)


def test_where_all_are_particles_none_is_rejected_for_the_sake_of_two_groups():
    rng = np.random.default_rng(3)
    network_score = 1 / (1 + np.exp(-rng.normal(3, 0.7, 300)))
    assert (final_probability(network_score, np.ones((300, 2), dtype=bool), np.full((300, 2), np.nan)) > 0.5).mean() > 0.97


def test_a_few_extreme_picks_do_not_decide_for_the_others():
    network_score, seen, scores, is_true = correlated()
    network_score[-15:], seen[-15:], scores[-15:] = 1e-6, [False, False, True], [np.nan, np.nan, -30]
    assert f1(final_probability(network_score, seen, scores) >= 0.5, is_true) > 0.85


def test_lookalikes_that_all_pickers_like_are_told_by_looking_only_half_like_the_particle():
    # Noise, a second complex on which the pickers agree nearly as often, and the particle, which one picker scores higher.
    rng = np.random.default_rng(6)
    kind = np.repeat([0, 1, 2], [200, 100, 120])
    seen = rng.random((420, 4)) < np.array([0.35, 0.75, 0.9])[kind][:, None]
    seen[~seen.any(axis=1), 0] = True
    scores = np.where(seen, rng.normal(size=(420, 4)), np.nan)
    scores[:, 3] += 2 * (kind == 2)
    network_score = 1 / (1 + np.exp(-rng.normal(np.array([-3.0, 0.0, 3.0])[kind], 1.0)))
    best_vote = max(f1(seen.sum(axis=1) >= n, kind == 2) for n in (1, 2, 3, 4))
    assert f1(final_probability(network_score, seen, scores) >= 0.5, kind == 2) > max(0.85, best_vote + 0.1)


@pytest.mark.parametrize("n", [0, 1, 5, 25])
def test_few_or_equal_picks_give_probabilities(n):
    probability = final_probability(np.full(n, 0.7), np.ones((n, 2), dtype=bool), np.full((n, 2), np.nan))
    assert probability.shape == (n,) and ((probability > 0.5) & (probability < 1)).all()


def test_the_odds_are_those_of_the_class_not_of_its_unsure_labels():
    rng = np.random.default_rng(4)
    is_true = np.arange(2000) < 600
    values = rng.normal(np.where(is_true, 3, -1), 1)
    label = (rng.random(2000) < np.where(is_true, 0.5, 0.1)).astype(float)  # half of the particles have it, and some others
    odds = fit_odds(values[:, None], label, 0.1).of(values[:, None])
    assert ((odds > 0) == is_true).mean() > 0.95
    assert (np.diff(odds[np.argsort(values)]) >= 0).all()


def test_a_look_that_tells_nothing_leaves_the_testimony_alone():
    _, seen, scores, _ = correlated()
    rng = np.random.default_rng(5)
    probability = [final_probability(rng.uniform(0.3, 0.7, len(seen)), seen, scores) for _ in range(2)]
    assert np.abs(probability[0] - probability[1]).mean() < 0.2


def test_features_are_neutral_where_a_picker_said_nothing():
    scores = np.array([[1.0, np.nan], [3.0, np.nan]])
    features = ScoreSpread.of(scores).features(np.array([[True, False], [True, True]]), scores)
    np.testing.assert_allclose(features, [[1, 0, -1, 0, 0, 0], [1, 1, 1, 0, 0, 0]], atol=1e-12)


@pytest.mark.parametrize(("foretold", "least", "most"), [(0.25, 0.6, 1.0), (0.0, 0.5, 0.6)])
def test_where_the_network_foretells_how_many_pickers_find_a_particle_the_kinds_count_more(foretold, least, most):
    """Then votes and network score are no two witnesses, and particles that one picker found scored too low."""
    rng = np.random.default_rng(0)
    is_true, ease = np.arange(9000) < 6000, rng.normal(size=9000)
    rates = np.where(is_true[:, None], expit(np.array([2.2, 1.6, 1.3]) + 0.5 * ease[:, None]), [[0.1, 0.3, 0.6]])
    seen = rng.random((9000, 3)) < rates
    of_particle = 1 + foretold * np.minimum(ease, 0.5) if foretold else 2.0
    network_score = expit(np.where(is_true, of_particle, -4.5) + rng.normal(0, np.where(is_true, 0.15, 1.5)))
    found = seen.any(axis=1)
    seen, network_score, is_true = seen[found], network_score[found], is_true[found]
    scores, every = np.full(seen.shape, np.nan), np.ones(len(seen), dtype=bool)
    evidence = Evidence.learned(network_score, seen, scores, agreement_labels(seen.sum(axis=1), 3))
    assert least < evidence.weight_of_kinds < most
    alone = is_true & (seen.sum(axis=1) == 1)
    now, half = (
        expit(replace(evidence, weight_of_kinds=weight).odds(network_score, seen, scores, every))[alone].mean()
        for weight in (evidence.weight_of_kinds, 0.5)
    )
    assert now > (1.2 if foretold else 1.0) * half
