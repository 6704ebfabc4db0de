"""Two structures seen through the missing wedge: mixture, adjoint, principal component, refinement, independent halves."""

from dataclasses import replace
from functools import cached_property

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.average import Particles
from tomo_particles.averaging.band import Band, in_wedge
from tomo_particles.averaging.poses import Poses
from tomo_particles.averaging.search import soft_ball
from tomo_particles.classification.independent_halves import is_supported, judged_by_the_other, split_halves
from tomo_particles.classification.nuisances import directions_of, nuisances_of
from tomo_particles.classification.observations import Observations, Space, dot, observe
from tomo_particles.classification.principal_component import principal_component
from tomo_particles.classification.residuals import consensus_of, residuals_of
from tomo_particles.classification.split_set import split_observations
from tomo_particles.classification.two_classes import classes_of, posterior, refined
from tomo_particles.core.mixture import fit_mixture, is_one_normal
from tomo_particles.evaluation.class_agreement import adjusted_rand_index, balanced_accuracy, matched_classes, right

EDGE, RATE, RESOLUTION = 20, 20.0, 80.0
BLOBS = ((-2.5, 0.0, 0.0, 2.2), (2.0, 2.0, 0.0, 1.8), (0.5, -2.5, 1.5, 1.6))
PART = (1.0, 1.5, -3.5, 1.2)


def blob(x, y, z, width):
    grid = np.indices((EDGE,) * 3) - EDGE // 2
    return np.exp(-((grid[2] - x) ** 2 + (grid[1] - y) ** 2 + (grid[0] - z) ** 2) / (2 * width**2)).astype(np.float32)


class Case:
    """n particles of two structures; every other one has the part. Spectra are exact, with white noise."""

    def __init__(self, n=160, noise=0.004, homogeneous=False, seed=0):
        rng = np.random.default_rng(seed)
        self.band = Band(EDGE, RATE, RESOLUTION)
        self.rotations = Rotation.from_quat(rng.standard_normal((n, 4)))
        self.labels = rng.integers(0, 2, n)
        body, part = sum(blob(*one) for one in BLOBS), blob(*PART)
        self.part = part
        self.space = Space(self.band, soft_ball(self.band.edge, 0.35 * self.band.edge, 2.0))
        empty = Particles(
            self.band, np.zeros((n, len(self.band.integers)), np.complex64), np.tile([-60.0, 60.0], (n, 1)), np.ones(n)
        )
        bare = observe(empty, Poses.of(self.rotations), self.space)
        coarse = [self.band.volume(self.band.pack(one)) for one in (body + 0.5 * part, part)]
        sign = np.zeros(n) if homogeneous else np.where(self.labels == 1, 0.5, -0.5)
        clean = bare.of_volume(coarse[0]) + sign[:, None] * bare.of_volume(coarse[1])
        white = rng.standard_normal((*clean.shape, 2)).astype(np.float32).view(np.complex64)[..., 0] / np.sqrt(2)
        seen = np.stack([in_wedge(self.band.frequencies, (-60.0, 60.0))] * n)
        self.seen = replace(bare, values=(seen * (clean + noise * white)).astype(np.complex64))
        self.difference = coarse[1] * self.space.mask

    @cached_property
    def halves(self) -> tuple[Observations, Observations]:
        n = len(self.seen)
        return self.seen[np.arange(0, n, 2)], self.seen[np.arange(1, n, 2)]


@pytest.fixture(scope="module")
def two():
    return Case()


def accuracy(first, labels):
    share = np.mean((first > 0) == (labels == 1))
    return max(share, 1 - share)


def correlation(one, other):
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


# ---- the mixture
def test_a_mixture_finds_means_share_and_variance():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(-2, 0.5, 600), rng.normal(1, 0.5, 1400)])
    fit = fit_mixture(values)
    assert (fit.low, fit.high, fit.variance, fit.share) == pytest.approx((-2, 1, 0.25, 0.7), abs=0.05)
    middle = (fit.low + fit.high) / 2 - fit.variance / (fit.high - fit.low) * np.log(fit.share / (1 - fit.share))
    assert fit.log_odds(np.array([middle]))[0] == pytest.approx(0, abs=1e-9)
    assert not is_one_normal(values) and is_one_normal(rng.normal(0, 1, 2000))


def test_certain_particles_have_the_probability_0_or_1_in_any_precision():
    assert posterior(np.array([-900.0, 0.0, 900.0], dtype=np.float32)).tolist() == [0, 0.5, 1]


# ---- what is seen of a volume
def test_the_adjoint_is_the_adjoint(two):
    rng = np.random.default_rng(2)
    volume = rng.standard_normal((two.band.edge,) * 3).astype(np.float32)
    values = (rng.standard_normal(two.seen.values.shape) + 1j * rng.standard_normal(two.seen.values.shape)).astype(np.complex64)
    values *= two.seen.seen
    forward = float(dot(two.seen.of_volume(volume), values).sum())
    assert float((volume * two.seen.adjoint(values)).sum()) == pytest.approx(forward, rel=1e-4)


def test_weights_of_frequencies_blur_as_the_observations_do(two):
    volume = np.random.default_rng(3).standard_normal((two.band.edge,) * 3).astype(np.float32)
    weights = np.abs(np.random.default_rng(4).standard_normal(two.space.grid**3)).astype(np.float32)
    expected = two.space.adjoint(weights * two.space.spectrum(volume))
    assert two.space.blurred(volume, two.space.even_half(weights)) == pytest.approx(expected, abs=1e-4 * np.abs(expected).max())


def test_a_particle_at_its_pose_is_the_volume_turned():
    band = Band(EDGE, RATE, RESOLUTION)
    space, rotation = Space(band, np.ones((band.edge,) * 3, np.float32)), Rotation.from_rotvec([[0, 0, np.pi / 2]])
    ball = soft_ball(band.edge, 0.35 * band.edge, 2.0)
    empty = Particles(band, np.zeros((1, len(band.integers)), np.complex64), np.array([[-90.0, 90.0]]), np.ones(1))
    seen = observe(empty, Poses.of(rotation), space).of_volume(ball * band.volume(band.pack(blob(3, 0, 0, 1.5))))[0]
    expected = band.pack(ball * band.volume(band.pack(blob(0, 3, 0, 1.5))))  # what lies along x lies along y in the particle
    assert np.abs(seen - expected).max() < 0.05 * np.abs(expected).max()


def test_residuals_have_the_noise_as_their_unit_and_hold_no_shift(two):
    moved = replace(two.seen, values=two.band.shifted(two.seen.values, np.tile([6.0, -4.0, 5.0], (len(two.seen), 1))))
    consensus = consensus_of(two.seen)
    residuals = residuals_of(moved, consensus)
    assert np.square(np.abs(residuals.values)).sum() / two.seen.seen.sum() == pytest.approx(1, abs=1e-3)
    still = residuals_of(two.seen, consensus)
    assert float(np.mean(residuals.deviation)) == pytest.approx(float(np.mean(still.deviation)), rel=0.03)
    assert np.median(still.contrast) == pytest.approx(1, abs=0.1)


# ---- the classes
def test_the_component_is_the_difference_and_refinement_finds_the_classes(two):
    residuals = residuals_of(two.seen, consensus_of(two.seen))
    direction, places = principal_component(residuals, seed=1)
    assert abs(correlation(direction, two.difference)) > 0.6 and accuracy(places, two.labels) > 0.8
    log_odds, attracted = refined(residuals, 3 * places)
    assert accuracy(log_odds, two.labels) > 0.85 and not attracted
    classes = classes_of(residuals, posterior(log_odds))
    assert abs(correlation(classes.difference, two.difference)) > 0.6


def test_halves_that_never_meet_agree_on_two_structures_and_not_on_one(two):
    found = split_halves(two.halves, seed=1)
    assert found.mean > 0.4
    log_odds = np.concatenate(judged_by_the_other(two.halves, found))
    labels = np.concatenate([two.labels[0::2], two.labels[1::2]])
    assert accuracy(log_odds, labels) > 0.8
    one = split_halves(Case(homogeneous=True, seed=3).halves, seed=1)
    assert one.mean < found.mean / 2
    nulls = np.full(20, 0.2)
    assert is_supported(found.mean, nulls) and not is_supported(one.mean, nulls) and not is_supported(0.4, nulls + 0.35)


def test_nuisances_are_found_and_chance_is_not():
    rng = np.random.default_rng(5)
    odds, rotations = rng.normal(size=400), Rotation.from_quat(rng.standard_normal((400, 4)))
    names = np.array(["a", "b"])[(odds + rng.normal(size=400) > 0).astype(int)]
    directions = directions_of(rotations.as_matrix(), tilted=True)
    found = nuisances_of(odds, {"contrast": odds + 0.1 * rng.normal(size=400)}, directions, {"tomogram": names})
    assert found["contrast"] > 0.95 and found["tomogram"] > 0.4
    assert found["direction of view"] < 0.2 and found["direction of the tilt axis"] < 0.2
    assert nuisances_of(odds, {}, {}, {"tomogram": ["a"] * 400})["tomogram"] == 0
    x, y, _ = directions["direction of the tilt axis"].T  # an oblique plane: no axis alone shows it
    found = nuisances_of(x * y + 0.1 * rng.normal(size=400), {}, directions, {})
    assert found["direction of the tilt axis"] > 0.85 and found["direction of view"] < 0.75
    assert set(directions_of(rotations.as_matrix(), tilted=False)) == {"direction of view"}


# ---- against the truth
def test_classes_are_matched_and_measured():
    true, found = np.array([1, 1, 1, 2, 2, 2, 2, 2]), np.array([2, 2, 1, 1, 1, 1, 1, 1])
    assert matched_classes(found, true) == {1: 2, 2: 1}
    assert right(found, true).sum() == 7 and balanced_accuracy(found, true) == pytest.approx((2 / 3 + 1) / 2)
    assert adjusted_rand_index(true, 3 - true) == 1 and adjusted_rand_index(np.ones(8), true) == 0
    assert adjusted_rand_index(found, true) == pytest.approx(3.5714 / 7.0714, abs=1e-3)


# ---- the verdict
def seen_weaker_along_the_tilt_axis(case):
    """What back-projection may do: fine detail along y of each particle is weaker, so that one structure looks uneven."""
    along = np.abs(case.band.integers[:, 1]) / np.sqrt((case.band.integers**2).sum(axis=1))
    return replace(case.seen, values=(case.seen.values * (1 - 0.5 * along)).astype(np.complex64))


def test_classes_that_follow_the_tilt_axis_are_not_supported_however_well_halves_agree(two, monkeypatch):
    """Simulated tilt series of one structure agreed to 0.27 (benchmarks/classification.py, E4, seed 13): simulated sets do not
    have the error that both halves find."""
    monkeypatch.setattr("tomo_particles.classification.independent_halves.NULLS", 2)
    half, quiet = np.arange(160) // 80, lambda line: None
    uneven = seen_weaker_along_the_tilt_axis(Case(homogeneous=True, noise=0.002, seed=3))
    one, both = (split_observations(seen, half, 1, 1, quiet) for seen in (uneven, two.seen))
    assert one.found.mean > max(0.15, one.nulls.max()) and one.follows == "direction of the tilt axis"
    assert not one.supported and not one.partition.attempts[0].supported
    assert both.supported and both.follows == ""
