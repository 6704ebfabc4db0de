"""Network and template matching together: pairs, values of maps at places, the joint score."""

import numpy as np
import pytest

from tomo_particles.pickers.joined import JointScore, near_value, paired


def test_picks_that_are_each_others_nearest_are_of_one_particle():
    network = np.array([(0, 0, 0), (10, 0, 0), (20, 0, 0)], dtype=float)
    template = np.array([(21, 0, 0), (1, 0, 0), (2, 0, 0), (40, 0, 0)], dtype=float)
    assert paired(network, template, 3.0).tolist() == [[0, 1], [2, 0]]
    assert paired(network, template[:0], 3.0).shape == paired(network[:0], template, 3.0).shape == (0, 2)
    swapped = paired(template, network, 3.0)
    assert sorted(map(tuple, swapped[:, ::-1].tolist())) == [(0, 1), (2, 0)]


def test_maps_are_read_around_a_place():
    volume = np.zeros((6, 7, 8))
    volume[2, 3, 4] = 27.0
    volume[5, 6, 7] = np.inf
    places = np.array([(4.2, 3.4, 1.6), (1, 1, 4), (7, 6, 5), (99, 99, 99)])
    assert near_value(volume, places, largest=False).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert near_value(volume, places, largest=True).tolist() == [27.0, 0.0, 0.0, 0.0]
    assert np.isnan(near_value(np.full((3, 3, 3), np.nan), places[:1], largest=True)).all()


def test_both_scores_together_tell_more_than_one():
    rng = np.random.default_rng(1)
    true = rng.random(600) < 0.4
    network = 1 / (1 + np.exp(-(rng.normal(0, 1, 600) + np.where(true, 1.2, -1.2))))
    template = rng.normal(0, 1, 600) + np.where(true, 1.5, 0)
    template[:50] = np.nan
    learn = np.arange(600) < 400
    joint = JointScore.fitted(network[learn], template[learn], true[learn])
    score = joint.of(network, template)[~learn]
    wrong = [np.mean((one[~learn] > limit) != true[~learn]) for one, limit in ((network, 0.5), (template, 0.9))]
    assert np.mean((score > 0.5) != true[~learn]) < min(wrong) - 0.02
    assert abs(score.mean() - true[~learn].mean()) < 0.08 and min(joint.weights[1:]) > 0.5
    scaled = JointScore.fitted(network[learn], 10 * template[learn] + 3, true[learn])
    np.testing.assert_allclose(scaled.of(network, 10 * template + 3), joint.of(network, template), atol=1e-6)


def test_picks_of_one_kind_teach_nothing():
    for true in (np.ones(5), np.zeros(5), np.zeros(0)):
        with pytest.raises(ValueError, match="of one kind"):
            JointScore.fitted(np.full(len(true), 0.5), np.zeros(len(true)), true)
