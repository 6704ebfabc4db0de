"""Labels: votes and references."""

import numpy as np
import pytest

from tomo_particles.consensus.labels import DOUBTFUL, NEGATIVE, POSITIVE, agreement_labels, explained_by, label_by_votes

NONE = np.zeros((0, 3))


@pytest.mark.parametrize("number", [1, 2, 3, 10])
def test_the_number_of_votes_decides(number):
    # STYLE flaw: threshold option read but never used (`> 2` hard-coded: with two pickers nothing was ever positive)
    support = np.arange(1, 11)
    assert label_by_votes(support, number).tolist() == [POSITIVE if s >= number else DOUBTFUL for s in support]


def test_a_pick_of_one_picker_is_doubtful_never_negative():
    # STYLE flaw: single-picker picks used as negatives
    assert NEGATIVE not in label_by_votes(np.array([1, 1, 2, 3]), 2)


def test_no_clusters_no_labels():
    assert len(label_by_votes(np.zeros(0, dtype=int), 2)) == 0
    assert len(explained_by(NONE, np.ones((1, 3)), np.ones((1, 3)), 5.0)) == 0


def test_the_nearest_reference_within_the_radius_explains_a_pick():
    positions = np.array([[0, 0, 0], [10, 0, 0], [20, 0, 0], [40, 0, 0]], dtype=float)
    positive, negative = np.array([[1.0, 0, 0], [13, 0, 0]]), np.array([[12.0, 0, 0], [20, 4, 0]])
    assert explained_by(positions, positive, negative, 5.0).tolist() == [POSITIVE, NEGATIVE, NEGATIVE, DOUBTFUL]


def test_without_references_everything_is_open():
    assert explained_by(np.zeros((3, 3)), NONE, NONE, 5.0).tolist() == [DOUBTFUL] * 3


@pytest.mark.parametrize(("distance", "expected"), [(5.0, POSITIVE), (5.001, DOUBTFUL)])
def test_the_edge_of_the_radius(distance, expected):
    assert explained_by(np.array([[distance, 0, 0]]), np.zeros((1, 3)), NONE, 5.0).tolist() == [expected]


def test_the_label_to_learn_from_grows_with_the_agreement():
    support = np.array([1, 2, 3, 3, 2, 1])
    assert agreement_labels(support, 3).tolist() == [0, 0.25, 1, 1, 0.25, 0]


def test_an_agreement_that_almost_no_pick_reaches_is_not_the_measure():
    support = np.repeat([1, 2, 3, 5], [100, 60, 40, 3])  # 5 of 5 pickers on three picks only
    assert agreement_labels(support, 5)[[0, 100, 160, 200]].tolist() == [0, 0.25, 1, 1]
    assert agreement_labels(support, 5, number=5)[[160, 200]].tolist() == [0.25, 1]


def test_of_two_pickers_a_single_vote_is_no_agreement():
    assert agreement_labels(np.array([1, 2]), 2).tolist() == [0, 1]
    assert len(agreement_labels(np.zeros(0, dtype=int), 3)) == 0
