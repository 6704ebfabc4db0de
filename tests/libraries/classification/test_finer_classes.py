"""Classes judged at finer resolutions: taken where held-out particles say so, and only there."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.search import soft_ball
from tomo_particles.classification.directions import axes_of
from tomo_particles.classification.finer_classes import held_out_scores, judged_finer
from tomo_particles.classification.observations import Space
from tomo_particles.classification.projections import Projections
from tomo_particles.classification.repeated_splits import Partition
from tomo_particles.classification.residuals import consensus_of, residuals_of
from tomo_particles.classification.split_set import SplitSet
from tomo_particles.classification.two_classes import classes_of, log_odds_of
from tomo_particles.evaluation.class_agreement import right

EDGE, RATE, COUNT = 16, 20.0, 300
COARSE, FINE = 5 * RATE, 2.5 * RATE


def blob(x, y, z, width):
    grid = np.indices((EDGE,) * 3) - EDGE // 2
    return np.exp(-((grid[2] - x) ** 2 + (grid[1] - y) ** 2 + (grid[0] - z) ** 2) / (2 * width**2)).astype(np.float32)


def particles_of(part, noise):
    """Exact slices with white noise, up to the fine resolution; and the labels."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, COUNT)
    axes = axes_of(Rotation.from_quat(rng.standard_normal((COUNT, 4))))
    bare = Projections(np.zeros((COUNT, EDGE, EDGE)), RATE, axes, np.zeros((COUNT, 2)))
    white = rng.standard_normal((COUNT, len(bare.observed(space_of(bare, FINE)).values[0]), 2)).view(np.complex128)[..., 0]

    def observed(resolution):
        fine = bare.observed(space_of(bare, FINE))
        band, own = fine.space.band, bare.observed(space_of(bare, resolution))
        clean = [fine.of_volume(band.volume(band.pack(one))) for one in (BODY + part, BODY)]
        values = np.choose(labels[:, None], clean) + noise * white
        kept = [np.flatnonzero((band.integers[band.integers[:, 2] == 0] == k).all(axis=1))[0] for k in plane(own.space.band)]
        own.values[:] = values[:, kept]
        return own

    return observed, labels


def plane(band):
    return band.integers[band.integers[:, 2] == 0]


def space_of(bare, resolution):
    band = bare.band(resolution)
    return Space(band, soft_ball(band.edge, 0.42 * band.edge, 1.0))


BODY = blob(0, 0, 0, 2.2) + blob(1.5, -1, 1, 1.5)
SMALL_PART = blob(-3, 0, 0, 0.9) - 0.9 * blob(-3, 2, 0, 0.9)  # two neighbours that a coarse image does not tell apart


def begin(labels, wrong):
    rng = np.random.default_rng(2)
    first = np.where(rng.random(COUNT) < wrong, 1 - labels, labels) == 0
    return np.stack([np.where(first, 0.8, 0.2), np.where(first, 0.2, 0.8)], axis=1)


def test_a_finer_resolution_is_taken_where_it_explains_particles_that_had_no_part_in_the_classes():
    observed, labels = particles_of(SMALL_PART, 2.5e-3)
    before = begin(labels, 0.3)
    scores, judged = judged_finer(observed, [COARSE, FINE], before, rounds=2)
    assert judged == FINE
    assert right(scores.argmax(axis=1), labels).mean() > right(before.argmax(axis=1), labels).mean() + 0.1


def test_where_nothing_finer_helps_all_stays_as_it_was():
    observed, labels = particles_of(0 * SMALL_PART, 2.5e-3)  # one structure: classes explain nobody
    before = begin(labels, 0.3)
    scores, judged = judged_finer(observed, [COARSE, FINE], before, rounds=2)
    assert judged == COARSE and np.exp(scores) == pytest.approx(before)


def test_scores_are_of_particles_that_did_not_make_the_classes():
    """Classes at random fit the noise that they were made of: particles that made them follow them, others do not."""
    observed, labels = particles_of(0 * SMALL_PART, 2.5e-3)
    seen = observed(COARSE)
    residuals, random = residuals_of(seen, consensus_of(seen)), begin(labels, 0.5)
    scores, own = held_out_scores(residuals, random), log_odds_of(residuals, classes_of(residuals, random[:, 0]))
    follows = lambda odds: float(np.corrcoef(odds, random[:, 0])[0, 1])  # noqa: E731
    assert follows(own) > 0.3 and abs(follows(scores[:, 0] - scores[:, 1])) < 0.15


def test_scores_of_a_finer_judgement_become_classes_the_larger_one_first():
    """What the halves found alone keeps the names of the classes when these change places."""
    before = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    split = SplitSet(
        log_odds=np.log(before[:, 0] / before[:, 1]), in_halves=before[:, 0], contrast=np.ones(3), found=None, nulls=np.zeros(2),
        supported=True, follows="", continuous=False, attracted=False, partition=Partition(before, []),
    )  # fmt: skip
    scores = np.log(np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]])) + np.array([[5.0], [-3.0], [0.0]])
    again = split.judged_again(scores)
    assert again.partition.labels.tolist() == [2, 1, 1]
    assert again.log_odds == pytest.approx([-np.log(9), np.log(4), np.log(9)])
    assert again.partition.log_odds() == pytest.approx(again.log_odds) and again.in_halves == pytest.approx([0.1, 0.2, 0.3])
    same = split.judged_again(np.log(before))
    assert same.partition.probabilities == pytest.approx(before) and same.in_halves == pytest.approx(split.in_halves)
