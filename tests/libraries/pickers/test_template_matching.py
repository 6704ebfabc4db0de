"""Template matching on known answers: place, angle and score of wedge-filtered copies; threads, samplings, borders, noise."""

import numpy as np
import pytest

from tomo_particles.core.errors import GreyValuesError
from tomo_particles.fourier.ctf import CTF
from tomo_particles.fourier.filters import filtered, radial_frequency
from tomo_particles.fourier.whitening import whitening_of
from tomo_particles.geometry.orientations import angles_of, rotation_grid, rotation_of, turned
from tomo_particles.pickers.template_kernels import (
    TemplateKernels,
    TomogramFilter,
    density_diameter,
    spherical_mask,
    usable_resolution,
)
from tomo_particles.pickers.template_matching import SAMPLING, match_template, match_template_at, prepare, search_shape

RATE = 10.0
SHAPE = (40, 54, 48)
TILTS = (-60.0, 60.0)
STEP = 45.0  # degrees: 163 rotations


def particle(size=24, finer=1.0):
    """An asymmetric density of five blobs about the voxel size // 2, radius 7 voxels of 10 A."""
    z, y, x = (np.indices((size,) * 3) - size // 2) / finer
    blobs = ((3.5, 0, 1, 1.0), (-3, 3, 0, 1.3), (0, -4, -2, 0.8), (0, 1, 4, 0.7), (-1, -1, -4.5, 0.6))
    density = sum(h * np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / 4.5) for a, b, c, h in blobs)
    return density.astype(np.float32)


def placed(rotation, centre, tomogram_filter, shape=SHAPE):
    """A noise-free tomogram, particles dark, of one particle at the voxel centre x, y, z."""
    volume = np.zeros(shape, dtype=np.float32)
    start = np.array(centre)[::-1] - 12
    volume[tuple(slice(s, s + 24) for s in start)] += turned(particle(), rotation, order=3)
    return -filtered(volume, tomogram_filter.transfer(shape, RATE))


def search(volume, tomogram_filter, rotations, density=None, rate=RATE, threads=2, bright=False):
    density = particle() if density is None else density
    diameter = 2 * 80.0
    prepared = prepare(volume, RATE, tomogram_filter, diameter / 2, bright=bright)
    kernels = TemplateKernels(density, rate, spherical_mask(diameter / np.mean(prepared.voxel)), prepared.voxel, tomogram_filter)
    return match_template(prepared, kernels, rotations, threads=threads)


@pytest.mark.parametrize("resolution", [22.0, 45.0])
def test_single_places_have_the_scores_of_the_whole_map(resolution):
    grid, tomogram_filter = rotation_grid(60.0), TomogramFilter(resolution, TILTS)
    noise = np.random.default_rng(2).normal(0, 0.02, SHAPE).astype(np.float32)
    volume = placed(grid[20], (25, 30, 18), tomogram_filter) + noise
    whole = search(volume, tomogram_filter, grid)
    prepared = prepare(volume, RATE, tomogram_filter, 80.0)
    kernels = TemplateKernels(particle(), RATE, spherical_mask(160 / np.mean(prepared.voxel)), prepared.voxel, tomogram_filter)
    positions = np.array([(26, 29, 18), (14, 16, 20), (45, 50, 36), (0, 0, 0)], dtype=float)
    reach = 2.0 / np.mean(whole.scale)
    for threads in (1, 2):
        found = match_template_at(prepared, kernels, grid, positions, 2.0, threads=threads)
        for row, position in enumerate(positions):
            middle = np.rint(position[::-1] / whole.scale)
            away = ((np.indices(whole.score.shape) - middle[:, None, None, None]) ** 2).sum(axis=0)
            best = np.where(away <= reach**2, whole.score, -np.inf)
            assert found.score[row] == pytest.approx(best.max(), abs=1e-5)
            if np.isfinite(best.max()):
                at = np.unravel_index(best.argmax(), best.shape)
                assert found.rotation[row] == whole.rotation[at]
                np.testing.assert_allclose(found.positions[row], (np.array(at) * whole.scale)[::-1])
    assert found.rotation[0] == 20 and np.isneginf(found.score[3])


@pytest.mark.parametrize(
    "tomogram_filter",
    [TomogramFilter(22.0, TILTS), TomogramFilter(22.0), TomogramFilter(25.0, (-40.0, 60.0), CTF(3.0, envelope=None))],
    ids=("wedge", "all", "ctf"),
)
def test_a_copy_of_the_template_scores_one_at_its_place_and_angle(tomogram_filter):
    grid = rotation_grid(STEP)
    found = search(placed(grid[50], (25, 30, 18), tomogram_filter), tomogram_filter, grid)
    best = found.peaks(8, number=1)
    assert best.positions[0] == pytest.approx((25, 30, 18), abs=0.1)
    assert 0.97 < best.scores[0] <= 1.0 + 1e-4
    assert found.rotation[tuple(best.voxels[0])] == 50
    assert np.abs(found.score[np.isfinite(found.score)]).max() <= 1.0 + 1e-4


@pytest.mark.parametrize("seed", range(2))
def test_any_angle_is_found_within_the_grid_step(seed):
    tomogram_filter, grid = TomogramFilter(22.0, TILTS), rotation_grid(35.0)
    angles = np.random.default_rng(seed).uniform((-180, 0, -180), (180, 180, 180))
    found = search(placed(rotation_of(angles)[0], (24, 27, 20), tomogram_filter), tomogram_filter, grid)
    best = found.peaks(8, number=1)
    given = angles_of(grid[found.rotation[tuple(best.voxels.T)]])
    assert np.degrees((rotation_of(given) * rotation_of(angles).inv()).magnitude())[0] < 35
    assert best.positions[0] == pytest.approx((24, 27, 20), abs=0.5)
    assert best.scores[0] > 0.6


def test_bright_particles_are_the_same_upside_down():
    tomogram_filter, grid = TomogramFilter(22.0, TILTS), rotation_grid(90.0)
    volume = placed(grid[3], (25, 30, 18), tomogram_filter)
    assert search(-volume, tomogram_filter, grid, bright=True).score == pytest.approx(search(volume, tomogram_filter, grid).score)


def test_the_number_of_threads_changes_nothing():
    tomogram_filter, grid = TomogramFilter(30.0, TILTS), rotation_grid(60.0)
    noise = np.random.default_rng(0).standard_normal(SHAPE)
    one, three = (search(noise, tomogram_filter, grid, threads=threads) for threads in (1, 3))
    assert np.array_equal(one.score, three.score) and np.array_equal(one.rotation, three.rotation)
    assert one.noise == three.noise and one.automatic_threshold == three.automatic_threshold


def test_rotations_that_give_the_same_score_are_told_by_the_smaller_number():
    tomogram_filter, grid = TomogramFilter(22.0), rotation_grid(60.0)
    twice = type(grid).concatenate([grid[:5], grid[:5]])
    assert search(np.random.default_rng(0).standard_normal(SHAPE), tomogram_filter, twice, threads=2).rotation.max() < 5


def test_noise_scores_stay_below_the_automatic_threshold_and_the_particle_above():
    tomogram_filter, grid = TomogramFilter(22.0, TILTS), rotation_grid(STEP)
    noise = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    assert len(search(noise, tomogram_filter, grid).peaks(8)) <= 3
    volume = placed(grid[20], (25, 30, 18), tomogram_filter)
    found = search(volume + 12 * volume.std() * noise, tomogram_filter, grid).peaks(8)
    assert 1 <= len(found) <= 4
    assert found.positions[0] == pytest.approx((25, 30, 18), abs=1)


def test_grey_values_that_deviate_too_little_to_compute_with_are_refused():
    with pytest.raises(GreyValuesError, match="deviate by"):
        search(1e-18 * np.random.default_rng(0).standard_normal(SHAPE), TomogramFilter(25.0), rotation_grid(60))


def test_a_coarser_search_maps_positions_back_exactly():
    tomogram_filter, grid = TomogramFilter(55.0, TILTS), rotation_grid(STEP)
    assert search_shape(SHAPE, RATE, 55.0) != SHAPE
    for centre in ((24, 30, 18), (25, 29, 19), (23, 27, 21)):
        best = search(placed(grid[50], centre, tomogram_filter), tomogram_filter, grid).peaks(8, number=1)
        assert best.positions[0] == pytest.approx(centre, abs=0.5)
    errors = [
        search(placed(grid[50], c, tomogram_filter), tomogram_filter, grid[[50]]).peaks(8, number=1).positions[0] - c
        for c in ((22, 26, 20), (25, 29, 19), (24, 30, 18), (27, 27, 21))
    ]
    assert np.abs(np.mean(errors, axis=0)).max() < 0.1  # no shift: only the parabola's error, which has no direction


def test_the_grid_is_made_coarser_only_where_it_pays():
    assert search_shape((100, 200, 300), 10.0, 22.0) == (100, 200, 300)
    assert search_shape((100, 200, 300), 10.0, 2 * SAMPLING * 10.0) == (50, 100, 150)


def test_a_template_at_a_finer_sampling_is_the_same_particle():
    tomogram_filter, grid = TomogramFilter(25.0, TILTS), rotation_grid(90.0)
    volume = placed(grid[3], (25, 30, 18), tomogram_filter)
    best = search(volume, tomogram_filter, grid, density=particle(64, finer=2.5), rate=4.0).peaks(8, number=1)
    assert best.positions[0] == pytest.approx((25, 30, 18), abs=0.15) and best.scores[0] > 0.95


def test_places_without_data_and_the_rim_are_not_scored():
    tomogram_filter, grid = TomogramFilter(22.0, TILTS), rotation_grid(90.0)
    score = search(np.random.default_rng(0).standard_normal(SHAPE), tomogram_filter, grid).score
    assert (score[:4] == -np.inf).all() and (score[:, :, -4:] == -np.inf).all() and np.isfinite(score[6:-6, 6:-6, 6:-6]).all()
    assert not np.isfinite(search(np.zeros(SHAPE), tomogram_filter, grid).score).any()


def test_whitening_makes_coloured_noise_white():
    noise = filtered(np.random.default_rng(2).standard_normal((48, 48, 48)), radial_frequency((48, 48, 48)))
    transfer = whitening_of(noise, RATE, None).transfer((48, 48, 48), RATE)
    again = whitening_of(filtered(noise, transfer), RATE, None).amplitude
    assert again[4:22].min() > 0.75


def test_whitened_white_noise_is_left_as_it_is():
    amplitude = whitening_of(np.random.default_rng(0).standard_normal((48, 48, 48)), RATE, None).amplitude
    assert amplitude[3:20].min() > 0.8
    assert np.isfinite(whitening_of(np.zeros((8, 8, 8)), RATE, TILTS).amplitude).all()


def test_the_resolution_is_the_coarsest_of_all_limits():
    ctf = CTF(3.0)
    assert usable_resolution(10.0, 10.0, None, None) == pytest.approx(22.0)
    assert usable_resolution(10.0, 10.0, 40.0, ctf) == 40.0
    assert usable_resolution(10.0, 15.0, None, None) == pytest.approx(33.0)
    assert usable_resolution(10.0, 4.0, None, ctf) == pytest.approx(1 / ctf.first_zero)


def test_the_diameter_of_a_density_is_that_of_its_dense_part():
    z, y, x = np.indices((31, 31, 31)) - 15
    ball = (np.sqrt(z**2 + y**2 + x**2) <= 9).astype(np.float32) + 100  # on a background
    assert density_diameter(ball, 4.0) == pytest.approx(76, abs=4)
