"""More than two classes: judged together, split again only while that is supported."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.search import soft_ball
from tomo_particles.classification.directions import axes_of
from tomo_particles.classification.observations import Space
from tomo_particles.classification.projections import Projections
from tomo_particles.classification.repeated_splits import Attempt, Partition, judged_together, split_again
from tomo_particles.evaluation.class_agreement import adjusted_rand_index

EDGE, RATE, COUNT = 16, 20.0, 360
PARTS = ((-3.5, 0, 0, 1.3), (0, 3.5, 0, 1.3), (0, 0, -3.5, 1.3))


def blob(x, y, z, width):
    grid = np.indices((EDGE,) * 3) - EDGE // 2
    return np.exp(-((grid[2] - x) ** 2 + (grid[1] - y) ** 2 + (grid[0] - z) ** 2) / (2 * width**2)).astype(np.float32)


@pytest.fixture(scope="module")
def three():
    """What was seen of three structures, each with a part of its own, and the labels."""
    rng = np.random.default_rng(1)
    labels = np.arange(COUNT) % 3
    axes = axes_of(Rotation.from_quat(rng.standard_normal((COUNT, 4))))
    structures = [blob(0, 0, 0, 2.5) + blob(1.5, -1, 1, 1.5) + blob(*part) for part in PARTS]
    bare = Projections(np.zeros((COUNT, EDGE, EDGE)), RATE, axes, np.zeros((COUNT, 2)))
    band = bare.band(3 * RATE)
    seen = bare.observed(Space(band, soft_ball(band.edge, 0.42 * band.edge, 1.0)))
    clean = [seen.of_volume(band.volume(band.pack(one))) for one in structures]
    values = np.choose(labels[:, None], clean)
    noise = 0.6 * np.abs(clean[0] - clean[1]).std()
    white = rng.standard_normal((*values.shape, 2)).view(np.complex128)[..., 0]
    seen.values[:] = values + noise * white
    return seen, labels


def test_three_classes_are_judged_together(three):
    seen, labels = three
    rng = np.random.default_rng(2)
    begin = np.eye(3)[np.where(rng.random(COUNT) < 0.4, rng.integers(0, 3, COUNT), labels)] * 0.8 + 0.2 / 3
    assert adjusted_rand_index(begin.argmax(axis=1), labels) < 0.5
    found = judged_together(seen, begin)
    assert adjusted_rand_index(found.argmax(axis=1), labels) > 0.8
    assert found.sum(axis=1) == pytest.approx(1)


def test_a_class_is_split_only_while_it_is_supported(three):
    seen, labels = three
    first = np.where(labels == 0, 0.95, 0.05)
    asked = []

    def split(rows):
        asked.append(len(rows))
        two = len(set(labels[rows])) > 1
        return np.where(labels[rows] == 1, 0.9, 0.1), Attempt(len(rows), 0.6 if two else 0.1, 0.2, two)

    good = Attempt(COUNT, 0.6, 0.2, True)
    found = split_again(seen, first, good, 5, split)
    assert found.probabilities.shape == (COUNT, 3) and adjusted_rand_index(found.labels, labels) > 0.8
    assert [one.supported for one in found.attempts] == [True, True] and asked == [240]  # the class of 120 would leave too few
    assert split_again(seen, first, good, 2, split).probabilities.shape[1] == 2
    lone = split_again(seen, first, Attempt(COUNT, 0.1, 0.2, False), 5, split)
    assert lone.probabilities.shape[1] == 2 and len(asked) == 1  # what is not supported is not split further


def test_log_odds_are_of_class_1_or_of_the_own_class():
    two = Partition(np.array([[0.9, 0.1], [0.2, 0.8]]), [])
    assert two.log_odds() == pytest.approx([np.log(9), -np.log(4)]) and two.labels.tolist() == [1, 2]
    three = Partition(np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]), [])
    assert three.log_odds() == pytest.approx([np.log(7 / 3), 0]) and three.weights == pytest.approx([0.7, 0.5])
