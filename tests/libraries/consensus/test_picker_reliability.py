"""Reliability of pickers from their agreement: recovered where it is known, independent of order, sane where there is nothing."""

import numpy as np
import pytest

from tomo_particles.consensus.final_score import score_merged_picks
from tomo_particles.consensus.merged_picks import scores_of, votes_of
from tomo_particles.consensus.picker_reliability import estimate_reliability

RECALL = np.array([0.9, 0.8, 0.6])


def simulated(n_true: int = 600, n_false=(60, 150, 400), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(m, 3) who saw each pick and (m,) which are particles; the third picker makes most false picks."""
    rng = np.random.default_rng(seed)
    true = rng.random((n_true, 3)) < RECALL
    true = true[true.any(axis=1)]
    false = np.repeat(np.eye(3, dtype=bool), n_false, axis=0)
    return np.concatenate([true, false]), np.arange(len(true) + len(false)) < len(true)


def test_recall_and_precision_of_known_pickers_are_recovered():
    seen, is_true = simulated()
    found = estimate_reliability(seen, np.array([1, 2, 3]))
    np.testing.assert_allclose(found.recall, RECALL, atol=0.08)
    precision = seen[is_true].sum(axis=0) / seen.sum(axis=0)
    np.testing.assert_allclose(found.precision, precision, atol=0.12)
    assert found.precision[0] > found.precision[1] > found.precision[2]


def test_agreement_is_worth_more_than_a_single_vote_and_a_good_picker_more_than_a_bad_one():
    found = estimate_reliability(simulated()[0], np.array([1, 2, 3]))
    posterior = {tuple(row): value for row, value in zip(simulated()[0].tolist(), found.posterior, strict=True)}
    assert (
        posterior[True, True, True] > posterior[True, True, False] > posterior[True, False, False] > posterior[False, False, True]
    )
    assert ((found.posterior >= 0) & (found.posterior <= 1)).all()


def test_neither_the_order_of_the_rows_nor_of_the_pickers_matters():
    seen, _ = simulated()
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(len(seen)), np.array([2, 0, 1])
    one, two = estimate_reliability(seen, np.array([1, 2, 3])), estimate_reliability(seen[rows][:, columns], np.array([3, 1, 2]))
    np.testing.assert_allclose(two.posterior, one.posterior[rows], atol=1e-6)
    np.testing.assert_allclose(two.recall, one.recall[columns], atol=1e-6)


@pytest.mark.parametrize(
    "seen",
    [np.ones((1, 2), bool), np.eye(2, dtype=bool), np.ones((50, 1), bool), np.ones((20, 10), bool), np.zeros((0, 2), bool)],
)
def test_few_picks_or_pickers_give_finite_numbers(seen):
    found = estimate_reliability(seen, np.arange(seen.shape[1]) + 1)
    for values in (found.posterior, found.recall, found.precision, found.false_share, found.coincidence):
        assert np.isfinite(values).all()
    assert found.posterior.shape == (len(seen),)


def test_votes_are_read_from_the_texts_of_the_consensus():
    seen, pickers = votes_of(["1+3", "12", "0+3", "0"])
    assert pickers.tolist() == [1, 3, 12]
    assert seen.tolist() == [[True, True, False], [False, False, True], [False, True, False], [False, False, False]]


def test_references_are_taken_at_their_word():
    comments = ["1+2", "1", "2", "0+1+2", "0", "0+2"]
    scored = score_merged_picks(comments, np.array([1, 0, 0, -1, 1, 1]))
    assert scored.posterior[3:].tolist() == [0, 1, 1]
    assert scored.posterior[0] > scored.posterior[1]


def test_scores_stand_with_the_picker_that_gave_them():
    table = scores_of(["1+3", "3", "0+1", "1"], ["0.5+nan", "7", "nan+nan", "2"], np.array([1, 3]))
    np.testing.assert_array_equal(table, [[0.5, np.nan], [np.nan, 7], [np.nan, np.nan], [2, np.nan]])
    assert np.isnan(scores_of(["1+3"], None, np.array([1, 3]))).all()


def test_precision_and_recall_follow_from_the_final_scores_where_a_network_has_looked():
    seen, is_true = simulated()
    comments = ["+".join(str(k + 1) for k in np.flatnonzero(row)) for row in seen]
    network_score = np.clip(np.random.default_rng(2).normal(np.where(is_true, 0.9, 0.1), 0.05), 0, 1)
    scored = score_merged_picks(comments, np.zeros(len(seen)), network_score)
    np.testing.assert_allclose(scored.precision, seen[is_true].sum(axis=0) / seen.sum(axis=0), atol=0.03)
    np.testing.assert_allclose(scored.recall, seen[is_true].mean(axis=0), atol=0.05)
