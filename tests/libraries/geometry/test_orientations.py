"""Euler angles, grids of rotations, turned volumes: against Xmipp's matrices and by where a voxel goes."""

import numpy as np
import pytest
import xmippLib
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from tomo_particles.geometry.orientations import angles_of, rotation_grid, rotation_of, turned


@pytest.fixture
def blob():
    """An asymmetric density in a cube of odd edge."""
    volume = np.zeros((21, 21, 21), dtype=np.float32)
    volume[10, 10, 15], volume[10, 13, 10], volume[12, 10, 10] = 30, 20, 10
    return gaussian_filter(volume, 1.2)


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 50, 70), (-120, 170, 15), (10, 0, 20)])
def test_the_matrix_is_that_of_xmipp(angles):
    xmipp = np.array(xmippLib.Euler_angles2matrix(*map(float, angles)))
    assert rotation_of(angles).as_matrix()[0] == pytest.approx(xmipp, abs=1e-9)


def test_angles_and_rotations_undo_each_other():
    rotations = Rotation.random(200, random_state=0)
    angles = angles_of(rotations)
    assert angles.shape == (200, 3) and (angles[:, 1] >= 0).all() and (angles[:, 1] <= 180).all()
    assert (rotation_of(angles) * rotations.inv()).magnitude().max() < 1e-9


@pytest.mark.parametrize(
    ("turn", "goes_to"), [((0, 0, 90), (10, 15, 10)), ((0, -90, 0), (15, 10, 10)), ((90, 0, 0), (10, 10, 15))]
)
def test_turning_moves_a_voxel_on_x_where_a_vector_goes(turn, goes_to):
    volume = np.zeros((21, 21, 21), dtype=np.float32)
    volume[10, 10, 15] = 1  # x = +5
    image = turned(volume, Rotation.from_rotvec(turn, degrees=True))
    assert np.unravel_index(image.argmax(), image.shape) == goes_to and image.max() == pytest.approx(1, abs=1e-6)


def test_turning_twice_is_turning_by_the_product(blob):
    first, second = Rotation.random(2, random_state=1)
    both = turned(turned(blob, first, order=3), second, order=3)
    assert np.corrcoef(both.ravel(), turned(blob, second * first, order=3).ravel())[0, 1] > 0.99


def test_turning_by_nothing_changes_nothing_and_mass_is_kept(blob):
    assert turned(blob, Rotation.identity()) == pytest.approx(blob)
    assert turned(blob, Rotation.random(random_state=2)).sum() == pytest.approx(blob.sum(), rel=0.01)


def test_a_grid_covers_all_rotations_at_its_step():
    step = 20.0
    grid = rotation_grid(step)
    assert len(grid) == pytest.approx(8 * np.pi**2 / np.radians(step) ** 3, abs=1)
    somewhere = Rotation.random(300, random_state=3)
    cosine = np.abs(somewhere.as_quat() @ grid.as_quat().T).max(axis=1)
    nearest = np.degrees(2 * np.arccos(np.minimum(cosine, 1)))
    assert nearest.max() < step and 0.35 * step < nearest.mean() < 0.65 * step
    assert np.array_equal(grid.as_quat(), rotation_grid(step).as_quat())


def test_pytoms_numbers_of_rotations_and_refused_steps():
    assert len(rotation_grid(12.85)) == pytest.approx(7112, rel=0.02)  # PyTom's lists: 7112 at 12.85, 45 123 at 7 degrees
    assert len(rotation_grid(7.0)) == pytest.approx(45123, rel=0.05)
    assert len(rotation_grid(180)) >= 1
    for wrong in (0, -3, 200, float("nan")):
        with pytest.raises(ValueError, match="step"):
            rotation_grid(wrong)
