"""Answers of persons and the picks they are about."""

import numpy as np
import pytest

from tomo_particles.consensus.answered_scores import contradicts
from tomo_particles.consensus.answered_table import answered_table
from tomo_particles.consensus.answers import Answer, answered_picks
from tomo_particles.consensus.merged_picks import MergedPicks

POSITIONS = np.array([[10.0, 10, 10], [20, 10, 10], [10, 10, 10]])
TOMOGRAMS = np.array(["a", "a", "b"], dtype=object)


def said(tomo_id, position, yes, rate=10.0, who="me"):
    return Answer(tomo_id, position, rate, yes, who, "now")


def matched(*answers):
    return answered_picks(answers, TOMOGRAMS, POSITIONS, 10.0, 3.0)


def test_an_answer_is_about_the_nearest_pick_of_its_tomogram_and_the_last_counts():
    found = matched(said("a", (11, 10, 10), True), said("b", (10, 12, 10), False), said("a", (9, 10, 10), False, who="you"))
    assert found.rows.tolist() == [0, 2] and found.yes.tolist() == [False, False] and found.added == []
    assert [answer.who for answer in found.of] == ["you", "me"]


def test_an_answer_in_voxels_of_a_finer_tomogram_is_about_the_same_place():
    # voxel centres are at integers: 20.5 of 5 Å is the centre of 10 of 10 Å
    assert matched(said("a", (20.5, 20.5, 20.5), True, rate=5.0)).rows.tolist() == [0]


def test_a_particle_without_a_pick_is_added_until_it_is_taken_back():
    place = said("a", (50, 50, 50), True)
    assert matched(place).added == [place]
    assert matched(place, said("a", (51, 50, 50), True)).added[0].position == (51, 50, 50)  # one particle, not two
    assert matched(place, said("b", (50, 50, 50), False)).added == [place]
    assert matched(place, said("a", (50, 51, 50), False)).added == []
    assert matched(said("c", (1, 1, 1), False)).added == []


def test_what_becomes_of_every_answer_is_told():
    answers = [
        said("a", (10, 10, 10), True),
        said("a", (10, 10, 11), False),  # the same pick: the one before is replaced
        said("a", (50, 50, 79), True),
        said("a", (50, 50, 80), True),  # beyond the last voxel of 80
        said("a", (158.467, 121.227, 9999.0), True, rate=1.0),  # written in Å
        said("b", (30, 30, 30), False),  # no pick is there
    ]
    found = answered_picks(answers, TOMOGRAMS, POSITIONS, 10.0, 3.0, {"a": (100, 100, 80)})
    assert found.of == [answers[1]] and found.superseded == [answers[0]]
    assert found.added == [answers[2]] and found.outside == answers[3:5] and found.idle == [answers[5]]


def test_answers_that_contradict_the_scores_are_told_from_chance():
    score = np.array([0.9] * 10 + [0.1] * 10)
    foretold = np.array([True] * 9 + [False] + [False] * 9 + [True])
    assert contradicts(score, foretold) == 0
    assert contradicts(score, ~foretold) == 18
    assert contradicts(score[:5], ~foretold[:5]) == 0  # too few to say
    assert contradicts(np.full(20, 0.5), foretold) == 0  # doubtful picks: no answer is against them


@pytest.fixture
def columns():
    return {
        "x": [10.0, 20, 10],
        "y": [10.0] * 3,
        "z": [10.0] * 3,
        "particleId": [4, 9, 2],
        "tiltSeriesId": ["a", "a", "b"],
        "tomogramVolume": ["a.mrc", "a.mrc", "b.mrc"],
        "samplingRate": [10.0] * 3,
        "particleSize": [24] * 3,
        "comment": ["1+2", "1", "0+2"],
        "keywords": ["0.5+nan", "0.7", "nan+3"],
        "enabled": [1, 0, 1],
        "count": [2, 1, 1],
        "CoordConsScore": [0.9, 0.2, 0.4],
        "zScoreDeepLearning1": [0.8, 0.3, 0.5],
        "image": ["1@b.mrcs"] * 3,
    }


def test_answers_become_references_that_keep_their_votes(columns):
    answered = matched(
        said("a", (10, 10, 10), False), said("a", (20, 10, 10), True), said("b", (10, 10, 10), False), said("b", (70, 8, 9), True)
    )
    table = answered_table(columns, np.array([0.0, 1.0, 0.0]), answered)
    picks = MergedPicks.from_columns(table)
    assert picks.accepted(0.5).tolist() == [False, True, False, True] and picks.known.tolist() == [False, True, False, True]
    assert table["comment"] == ["0+1+2", "0+1", "0+2", "0"] and table["keywords"] == ["nan+0.5+nan", "nan+0.7", "nan+3", "nan"]
    assert table["enabled"] == [-1, 1, -1, 1] and picks.support.tolist() == [2, 1, 1, 0]
    added = {name: values[-1] for name, values in table.items()}
    assert (added["x"], added["y"], added["z"], added["particleId"], added["tomogramVolume"]) == (70, 8, 9, 10, "b.mrc")
    assert "image" not in table and columns["comment"] == ["1+2", "1", "0+2"]
