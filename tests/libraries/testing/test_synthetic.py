"""Simulated tomograms and pickers: particles where the truth says, faults as asked for."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from tomo_particles.testing.agreement import agreement
from tomo_particles.testing.synthetic import SimulatedPicker, Simulation, place_spheres, simulate_tomogram, through_missing_wedge

SIZE = (64, 56, 40)


@pytest.fixture(scope="module")
def quiet() -> Simulation:
    """A tomogram almost without noise."""
    return simulate_tomogram(SIZE, {"target": 8, "bead": 2, "rod": 2}, rng=np.random.default_rng(1), noise=0.05)


def test_particles_are_dark_where_the_truth_says(quiet):
    assert quiet.volume.shape == SIZE[::-1] and quiet.volume.dtype == np.float32 and len(quiet.truth) == 8
    smooth = gaussian_filter(quiet.volume, 2.5)
    x, y, z = np.rint(quiet.truth).astype(int).T
    assert smooth[z, y, x].max() < np.median(smooth) - smooth.std() / 2


def test_a_gold_bead_has_more_contrast_than_a_particle(quiet):
    x, y, z = np.rint(quiet.positions["bead"]).astype(int).T
    tx, ty, tz = np.rint(quiet.truth).astype(int).T
    assert quiet.volume[z, y, x].max() < 2 * quiet.volume[tz, ty, tx].min()


def test_the_seed_decides():
    one, same, other = (simulate_tomogram(SIZE, {"target": 3}, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.volume, same.volume)
    np.testing.assert_array_equal(one.truth, same.truth)
    assert not np.array_equal(one.truth, other.truth)


def test_spheres_do_not_overlap_and_stay_inside():
    centres = place_spheres((60, 50, 40), [5.0] * 30, np.random.default_rng(0))
    assert pdist(centres).min() > 10.0
    assert (centres >= 5.0).all() and (centres <= np.array([60, 50, 40]) - 1 - 5.0).all()


def test_spheres_without_room_are_left_out():
    assert 0 < len(place_spheres((24, 24, 24), [5.0] * 50, np.random.default_rng(0))) < 50


def test_the_missing_wedge_is_about_the_tilt_axis():
    """Frequencies steeper than the highest tilt are gone, the others and the mean stay."""
    rng = np.random.default_rng(0)
    volume = rng.normal(2.0, 1.0, (16, 16, 16))
    before, after = (np.abs(np.fft.fftn(v)) for v in (volume, through_missing_wedge(volume, 60.0)))
    np.testing.assert_allclose(after[5, :, 1], 0, atol=1e-9)  # kz 5, kx 1: beyond tan(60)
    np.testing.assert_allclose(after[1, :, 5], before[1, :, 5])  # a tilt of 11 degrees
    np.testing.assert_allclose(after[0], before[0])
    assert after[0, 0, 0] == pytest.approx(16**3 * volume.mean())


def test_a_perfect_picker_finds_the_truth(quiet):
    positions, score = SimulatedPicker(recall=1.0, jitter=0.0).pick(quiet, rng=np.random.default_rng(0))
    np.testing.assert_allclose(positions, quiet.truth)
    assert ((score >= 0) & (score <= 1)).all()


def test_the_faults_are_as_asked_for():
    simulation = simulate_tomogram((128, 120, 80), {"target": 60, "bead": 8}, rng=np.random.default_rng(3), radius=4.0)
    rng = np.random.default_rng(0)
    found = agreement(SimulatedPicker(recall=0.5, jitter=0.5).pick(simulation, rng=rng)[0], simulation.truth, 3.0)
    assert 0.3 < found.recall < 0.7 and found.precision == 1.0
    with_beads = SimulatedPicker(recall=1.0, jitter=0.0, beads=1.0).pick(simulation, rng=rng)[0]
    assert len(with_beads) == len(simulation.truth) + len(simulation.positions["bead"])
    twice = SimulatedPicker(recall=1.0, jitter=0.5, twice=1.0).pick(simulation, rng=rng)[0]
    assert len(twice) == 2 * len(simulation.truth)
    noisy = SimulatedPicker(recall=0.0, jitter=0.0, noise=1.0).pick(simulation, rng=rng)[0]
    assert len(noisy) > 10 and cKDTree(simulation.truth).query(noisy)[0].min() > 8
    size = np.array(simulation.volume.shape[::-1])
    assert ((twice >= 0) & (twice <= size - 1)).all()
