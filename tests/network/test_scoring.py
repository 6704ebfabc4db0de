"""Scores: by the network that never saw the place, whatever the order and the batch."""

import numpy as np
import pytest

from tomo_particles.learning.folds import fold_of
from tomo_particles.network import score, scoring
from tomo_particles.network.data import read_boxes


@pytest.fixture(scope="module")
def scores(trained, blobs):
    return score(blobs.images, blobs.tomo_ids, blobs.positions, trained[0])


def test_each_pick_is_scored_by_the_network_that_never_saw_it(trained, blobs, scores):
    ensemble = trained[0]
    folds = fold_of(ensemble.config.regions, blobs.tomo_ids, blobs.positions)
    assert set(folds) == {0, 1}
    boxes = read_boxes(blobs.images, ensemble.config)[..., None].astype(np.float32)
    both = np.stack([network(boxes).numpy()[:, 0] for network in ensemble.networks])
    assert np.abs(both[0] - both[1]).max() > 0.01  # else the test proves nothing
    assert np.allclose(scores, both[folds, np.arange(len(folds))], atol=1e-5)
    elsewhere = score(blobs.images, np.full(len(folds), "unknown"), blobs.positions, ensemble)
    assert np.allclose(elsewhere, both.mean(axis=0), atol=1e-5)


def test_order_batch_size_and_how_many_boxes_are_in_memory_do_not_matter(trained, blobs, scores, monkeypatch):
    monkeypatch.setattr(scoring, "VOXELS_AT_ONCE", 0)  # a batch at a time
    order = np.random.default_rng(0).permutation(len(blobs))
    again = score([blobs.images[i] for i in order], blobs.tomo_ids[order], blobs.positions[order], trained[0], batch_size=7)
    assert np.allclose(again, scores[order], atol=1e-5)


def test_no_boxes_no_scores(trained):
    assert score([], np.array([]), np.zeros((0, 3)), trained[0]).shape == (0,)


def test_one_box(trained, blobs, scores):
    assert score(blobs.images[:1], blobs.tomo_ids[:1], blobs.positions[:1], trained[0]) == pytest.approx(scores[:1], abs=1e-5)
