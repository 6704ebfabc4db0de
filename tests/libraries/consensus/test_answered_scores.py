"""Scores with the answers of a person: what they learn, and what they leave alone."""

import numpy as np
import pytest

from tomo_particles.consensus.answered_scores import FEWEST_ANSWERS, answered_scores, contradicted, evidence_of
from tomo_particles.consensus.log_odds import expit
from tomo_particles.evaluation.calibration import expected_calibration_error


@pytest.fixture
def wrong():
    """400 picks whose score knows nothing of the first picker, that alone sees particles: score, evidence, true."""
    rng = np.random.default_rng(3)
    true = rng.random(400) < 0.4
    comments = np.where(true, "1", "2")
    score = expit(rng.normal(0, 1, 400) + 0.5)
    return score, evidence_of(np.full(400, np.nan), comments, ["nan"] * 400), true


def test_answers_correct_scores_that_are_wrong(wrong):
    score, evidence, true = wrong
    rows = np.arange(30)
    found = answered_scores(score, evidence, rows, true[rows])
    rest = np.arange(400) >= 30
    assert ((score >= 0.5) == true)[rest].mean() < 0.6
    assert ((found >= 0.5) == true)[rest].mean() == 1.0
    assert expected_calibration_error(found[rest], true[rest]) < 0.15 < expected_calibration_error(score[rest], true[rest])


def test_answers_that_the_scores_foretold_change_nothing_else():
    rng = np.random.default_rng(1)
    score = np.where(np.arange(300) % 2, 0.95, 0.05)
    evidence = evidence_of(rng.random(300), ["1"] * 300, ["nan"] * 300)
    rows = np.arange(60)
    found = answered_scores(score, evidence, rows, score[rows] > 0.5)
    assert ((found >= 0.5) == (score >= 0.5)).all()
    assert np.abs(found[60:] - score[60:]).max() < 0.06


def test_the_word_of_the_person_holds_and_few_answers_change_nothing_else(wrong):
    score, evidence, _ = wrong
    rows = np.arange(FEWEST_ANSWERS - 1)
    yes = np.arange(len(rows)) % 2 == 0
    found = answered_scores(score, evidence, rows, yes)
    assert (found[rows] == yes).all() and (found[len(rows) :] == score[len(rows) :]).all()
    assert (answered_scores(score, evidence, np.zeros(0, dtype=int), np.zeros(0, dtype=bool)) == score).all()


def test_one_kind_of_answer_alone_is_no_error(wrong):
    score, evidence, _ = wrong
    rows = np.arange(40)
    found = answered_scores(score, evidence, rows, np.ones(40, dtype=bool))
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1


def test_a_slip_is_found_and_only_the_slip(wrong):
    score, evidence, true = wrong
    rows = np.arange(60)
    said = true[rows].copy()
    said[7] = ~said[7]
    assert contradicted(score, evidence, rows, said).tolist() == [7]
    assert not len(contradicted(score, evidence, rows, true[rows]))
    assert not len(contradicted(score, evidence, rows[:5], ~true[:5]))


def test_evidence_has_deviation_one_and_no_nan():
    found = evidence_of(np.array([0.1, 0.9, np.nan]), ["1", "1+2", "2"], ["0.5", "0.4+2", "nan"])
    assert np.isfinite(found).all() and found.shape == (3, 7)
    assert set(np.round(found.std(axis=0), 6)) <= {0.0, 1.0}
