"""References of the user over merged picks: what they replace, and what they take over from it."""

import numpy as np
import pytest

from tomo_particles.consensus.attributes import merged_identity
from tomo_particles.consensus.merged_picks import DOUBTFUL, NEGATIVE, POSITIVE, REFERENCE
from tomo_particles.consensus.merging import merge_picks
from tomo_particles.consensus.references import label_with_references
from tomo_particles.core.picks import Picks
from tomo_particles.geometry.symmetry import symmetry_group

RADIUS = 3.0
POSITIONS = [[10, 10, 10], [10, 10, 11], [30, 10, 10], [50, 10, 10], [50, 10, 11]]
PICKERS = [1, 2, 2, 1, 3]
SCORES = [0.9, 0.4, np.nan, 0.2, 0.8]
NONE = np.zeros((0, 3))


def picks_at(positions, **more) -> Picks:
    return Picks("TS_1", np.array(positions, dtype=float).reshape(-1, 3), 10.0, **more)


def labelled(positive=NONE, negative=NONE, positions=POSITIONS, pickers=PICKERS, scores=SCORES, **more):
    angles = np.full((len(positions), 3), np.nan)
    angles[:1] = 20.0
    picks = picks_at(positions, picker=np.array(pickers, dtype=int), score=np.array(scores, dtype=float), angles=angles)
    clusters = merge_picks(picks, RADIUS, 1)
    identity = merged_identity(picks, clusters, symmetry_group("c1"))
    found = label_with_references(
        picks, clusters, identity, picks_at(positive, **more), picks_at(negative), radius=RADIUS, number=2
    )
    n = len(found.picks)
    assert (len(found.labels), len(found.disagreement), len(found.pickers), len(found.scores)) == (n, n, n, n)
    return found


def test_without_references_the_votes_decide():
    found = labelled()
    by_x = np.argsort(found.picks.positions[:, 0])
    assert found.labels[by_x].tolist() == [POSITIVE, DOUBTFUL, POSITIVE]
    assert [found.pickers[i] for i in by_x] == [(1, 2), (2,), (1, 3)]
    assert [found.scores[i] for i in by_x] == [(0.9, 0.4), pytest.approx((np.nan,), nan_ok=True), (0.2, 0.8)]
    assert found.support[by_x].tolist() == [2, 1, 2]


def test_references_stand_for_what_is_near_them_and_come_last():
    found = labelled(positive=[[11, 10, 10], [90, 90, 90]], negative=[[50, 11, 10]])
    assert found.labels.tolist() == [DOUBTFUL, POSITIVE, POSITIVE, NEGATIVE]
    assert found.pickers == [(2,), (REFERENCE, 1, 2), (REFERENCE,), (REFERENCE, 1, 3)]
    assert found.support.tolist() == [1, 2, 0, 2]
    np.testing.assert_allclose(found.picks.positions[1:], [[11, 10, 10], [90, 90, 90], [50, 11, 10]])
    assert all(np.isnan(scores).all() for scores in found.scores[1:])


def test_a_reference_takes_over_an_orientation_only_if_it_has_none():
    near, far = labelled(positive=[[11, 10, 10], [90, 90, 90]]).picks.angles[-2:]
    np.testing.assert_allclose(near, [20, 20, 20], atol=1e-6)
    assert np.isnan(far).all()
    own = labelled(positive=[[11, 10, 10]], angles=np.full((1, 3), 70.0))
    np.testing.assert_allclose(own.picks.angles[-1], [70, 70, 70])


def test_references_alone_are_a_result():
    found = labelled(positive=[[1, 2, 3]], negative=[[9, 9, 9]], positions=NONE, pickers=[], scores=[])
    assert found.labels.tolist() == [POSITIVE, NEGATIVE]
    assert found.pickers == [(REFERENCE,), (REFERENCE,)]
