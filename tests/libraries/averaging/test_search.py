"""Known turns and shifts are found; averages, centres and rigid motions of a known density."""

import numpy as np
import pytest
from averaged_scene import DIAMETER, EDGE, RATE, density, make_scene
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.alignment import Settings, unit_cell
from tomo_particles.averaging.average import all_turned_back, summed
from tomo_particles.averaging.centring import body_centre
from tomo_particles.averaging.halves import rigid_motion
from tomo_particles.averaging.picked_boxes import PickedBoxes
from tomo_particles.averaging.poses import Poses
from tomo_particles.averaging.search import (
    correlation_coefficients,
    mask_of,
    search_everywhere,
    search_nearby,
    shift_grid,
    soft_ball,
)
from tomo_particles.geometry.orientations import rotation_grid, turned
from tomo_particles.geometry.symmetry import symmetry_group


@pytest.fixture(scope="module")
def known():
    """Boxes of the scene, their particles at 40 Å, the true poses, and the density in that band."""
    scene = make_scene(count=20, tomograms=2)
    boxes = PickedBoxes(scene.sources(jitter=0.8), DIAMETER)
    band = boxes.band(40.0)
    particles = boxes.particles(band, np.arange(len(boxes)), whitened=False)
    true = [(scene.places[boxes.sources[n].name][row], scene.rotations[boxes.sources[n].name][row]) for n, row in boxes.places]
    shifts = (np.array([place for place, _ in true]) - boxes.positions) * RATE
    poses = Poses.of(Rotation.concatenate([rotation for _, rotation in true]), shifts)
    start = EDGE // 2 - boxes.edge // 2  # centre voxel onto centre voxel
    whole = density()[(slice(start, start + boxes.edge),) * 3]
    return boxes, band, particles, poses, band.pack(whole)


def degrees_off(one: Poses, other: Poses) -> np.ndarray:
    return np.degrees((one.rotations.inv() * other.rotations).magnitude())


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other.conj()).sum().real / np.sqrt((np.abs(one) ** 2).sum() * (np.abs(other) ** 2).sum()))


def test_the_average_at_the_true_poses_is_the_density(known):
    _, _, particles, poses, true = known
    total = summed(particles, poses)
    assert correlation(total.average(), true) > 0.95
    assert correlation(summed(particles, Poses.of(poses.rotations)).average(), true) < correlation(total.average(), true)
    # Each frequency is seen by about two thirds of the picks, and never by more than all
    assert 0.55 < total.coverage.mean() / len(particles) < 0.75 and total.coverage.max() <= len(particles)


def test_threads_change_nothing(known):
    _, _, particles, poses, _ = known
    one, two = summed(particles, poses, 1), summed(particles, poses, 3)
    assert np.array_equal(one.values, two.values) and np.array_equal(one.coverage, two.coverage)


def test_weights_count(known):
    boxes, band, particles, poses, _ = known
    twice = type(particles)(band, particles.spectra, particles.tilts, 2 * particles.weights)
    assert summed(twice, poses).average() == pytest.approx(summed(particles, poses).average(), abs=1e-5)
    assert (boxes.weights <= 1).all() and (boxes.weights > 0.5).all()


def test_the_search_over_all_rotations_finds_turns_and_shifts(known):
    _, band, particles, poses, true = known
    found = search_everywhere(particles, true, rotation_grid(20), mask_of(band, DIAMETER), 25.0, threads=2)
    near = degrees_off(found.poses, poses) < 20
    assert near.mean() >= 0.8
    assert np.linalg.norm(found.poses.shifts - poses.shifts, axis=1)[near].mean() < 5  # half a voxel; they were 14 off
    assert np.linalg.norm(found.poses.shifts, axis=1).max() <= 25 + 1e-6


def test_small_turns_make_it_finer_and_stay_within_reach(known):
    _, band, particles, poses, true = known
    rng = np.random.default_rng(0)
    off = Rotation.from_rotvec(rng.normal(0, 5, (len(poses), 3)), degrees=True)
    now = Poses.of(poses.rotations * off, poses.shifts + rng.normal(0, 4, (len(poses), 3)))
    mask = mask_of(band, DIAMETER)
    for step in (6, 3, 3):
        turned_particles = all_turned_back(particles, now, 2)
        now = search_nearby(turned_particles, band, true, now, step, mask, 40.0, 2).poses
    assert np.median(degrees_off(now, poses)) < 3.5
    assert np.linalg.norm(now.shifts - poses.shifts, axis=1).mean() < 3.5
    held = search_nearby(all_turned_back(particles, now), band, true, now, 3, mask, 5.0).poses
    assert np.linalg.norm(held.shifts, axis=1).max() <= 5 + 1e-6


def test_the_correlation_coefficient_is_high_only_at_the_true_pose(known):
    _, band, particles, poses, true = known
    mask = mask_of(band, DIAMETER)
    right = correlation_coefficients(particles, true, poses, mask)
    aside = Poses.of(poses.rotations * Rotation.from_euler("x", 90, degrees=True), poses.shifts)
    wrong = correlation_coefficients(particles, true, aside, mask)
    assert 0.6 < right.mean() < 1 and right.max() <= 1 and wrong.mean() < right.mean() - 0.2


def test_a_rigid_motion_is_found(known):
    _, band, _, _, true = known
    turn, shift = Rotation.from_euler("xyz", [70, -20, 130], degrees=True), np.array([12.0, -8.0, 5.0])
    volume = turned(band.volume(true, 48), turn, 3)
    second = band.shifted(band.pack(volume), shift)
    found, moved, agreement = rigid_motion(true, second, band, Settings(DIAMETER))
    assert np.degrees((found.inv() * turn).magnitude()) < 2 and moved == pytest.approx(shift, abs=2)
    assert agreement > 0.8


@pytest.mark.parametrize("offset", [(0, 0, 0), (2, -1, 3), (-2.5, 1.5, 0)])
def test_the_centre_of_the_body(offset):
    z, y, x = np.indices((32,) * 3) - 16
    ball = ((x - offset[0]) ** 2 + (y - offset[1]) ** 2 + (z - offset[2]) ** 2 < 49).astype(float)
    noisy = ball + 0.1 * np.random.default_rng(0).standard_normal(ball.shape)
    assert body_centre(noisy, 22) == pytest.approx(offset, abs=0.2)
    cut_off = body_centre(noisy, 15)  # the ball cuts a part off: the way is right, and a second look goes on from there
    assert np.dot(cut_off, offset) >= 0.7 * np.dot(offset, offset)
    hollow = ball - ((x - offset[0]) ** 2 + (y - offset[1]) ** 2 + (z - offset[2]) ** 2 < 16)
    assert body_centre(hollow, 22) == pytest.approx(offset, abs=0.2)


def test_no_body_no_centre():
    assert body_centre(np.zeros((16,) * 3), 8).tolist() == [0, 0, 0]


def test_the_unit_cell_holds_its_share_of_rotations_and_a_copy_of_each():
    for name in ("c1", "c4", "d2", "o"):
        group, grid = symmetry_group(name), rotation_grid(20)
        cell = unit_cell(grid, group)
        assert len(cell) == pytest.approx(len(grid) / len(group), rel=0.15)


def test_grids():
    assert len(shift_grid(20, 20)) == 7 and len(shift_grid(40, 20)) == 33 and shift_grid(5, 20).tolist() == [[0, 0, 0]]
    ball = soft_ball(20, 4, 2)
    assert ball[10, 10, 14] == 1 and ball[10, 10, 15] == pytest.approx(0.5) and ball[10, 10, 16] == 0
