"""Directions of view, cones and in-plane alignment: the numbers of the published method, and projections laid on each other."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.classification.directions import axes_of, cone_of, view_directions
from tomo_particles.classification.in_plane import aligned_image, aligned_images, frame_of, in_plane_angles, splines
from tomo_particles.geometry.orientations import rotation_of, turned
from tomo_particles.geometry.symmetry import symmetry_group

EDGE = 32
BLOBS = ((5.0, 1.0, -2.0, 2.0), (-4.0, 4.0, 3.0, 2.5), (1.0, -6.0, 4.0, 1.8))


def volume():
    z, y, x = np.indices((EDGE,) * 3) - EDGE // 2
    return sum(np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / (2 * w**2)) for a, b, c, w in BLOBS).astype(np.float32)


def projection(rotation, shift=(0.0, 0.0)):
    """What a microscope sees of the particle: its sum along z, with the particle at -shift from the centre."""
    image = turned(volume(), rotation, 3).sum(axis=0)
    spectrum = np.fft.fftn(image)
    ky, kx = np.fft.fftfreq(EDGE)[:, None], np.fft.fftfreq(EDGE)[None]
    return np.fft.ifftn(spectrum * np.exp(2j * np.pi * (kx * shift[0] + ky * shift[1]))).real.astype(np.float32)


def random_rotations(n, seed=0):
    return Rotation.from_quat(np.random.default_rng(seed).standard_normal((n, 4)))


def test_directions_are_as_many_as_published_and_even():
    assert (len(view_directions(7.5)), len(view_directions(15))) == (367, 92)
    points = view_directions(7.5)
    assert np.linalg.norm(points, axis=1) == pytest.approx(1) and points[:, 2].min() >= 0
    cosines = points @ points.T - 2 * np.eye(len(points))
    nearest = np.degrees(np.arccos(cosines.max(axis=1)))
    assert nearest.min() > 5 and nearest.max() < 9


@pytest.mark.parametrize(("distance", "share"), [(7.5, 0.0086), (15, 0.0341), (30, 0.134)])
def test_a_cone_holds_its_share_of_even_views(distance, share):
    axes = axes_of(random_rotations(20000))
    cone = cone_of(np.array([0.6, 0.0, 0.8]), axes, distance, symmetry_group("c1"))
    assert len(cone.rows) / 20000 == pytest.approx(share, rel=0.15)
    assert cone.mirrored.mean() == pytest.approx(0.5, abs=0.1)
    assert (cone.axes[:, 2] @ [0.6, 0.0, 0.8]).min() >= np.cos(np.radians(distance)) - 1e-9
    assert np.linalg.det(cone.axes) == pytest.approx(1)


def test_the_view_is_that_of_the_angles_and_symmetry_brings_more():
    rot, tilt, psi = 40.0, 70.0, 25.0
    view = axes_of(rotation_of(np.array([[rot, tilt, psi]])))[0, 2]
    r, t = np.radians([rot, tilt])
    assert view == pytest.approx([np.sin(t) * np.cos(r), np.sin(t) * np.sin(r), np.cos(t)])
    axes, direction = axes_of(random_rotations(4000)), np.array([0.6, 0.0, 0.8])
    counts = [len(cone_of(direction, axes, 10, symmetry_group(name)).rows) for name in ("c1", "c4")]
    assert counts[1] == pytest.approx(4 * counts[0], rel=0.25)
    cone = cone_of(direction, axes, 10, symmetry_group("c4"))
    assert (cone.axes[:, 2] @ direction).min() >= np.cos(np.radians(10)) - 1e-9


@pytest.mark.parametrize("rot", [0.0, 130.0])
@pytest.mark.parametrize("psi", [0.0, 77.0, -140.0])
def test_images_of_one_direction_are_laid_on_each_other(rot, psi):
    frame = rotation_of(np.array([[rot, 50.0, 0.0]]))
    direction = axes_of(frame)[0, 2]
    assert frame_of(direction) == pytest.approx(axes_of(frame)[0])
    given, shift = rotation_of(np.array([[rot, 50.0, psi]])), np.array([2.0, -1.5])
    angle = in_plane_angles(axes_of(given), frame_of(direction))[0]
    assert np.exp(1j * angle) == pytest.approx(np.exp(-1j * np.radians(psi)))
    cone = cone_of(direction, axes_of(given), 5, symmetry_group("c1"))
    found = aligned_images(splines(projection(given[0], shift)[None]), cone, direction, shift[None])[0]
    assert np.corrcoef(found.ravel(), projection(frame[0]).ravel())[0, 1] > 0.995


def test_an_image_from_the_other_side_is_mirrored():
    frame = rotation_of(np.array([[30.0, 50.0, 0.0]]))
    direction = axes_of(frame)[0, 2]
    opposite = rotation_of(np.array([[210.0, 130.0, 35.0]]))
    assert axes_of(opposite)[0, 2] == pytest.approx(-direction)
    cone = cone_of(direction, axes_of(opposite), 5, symmetry_group("c1"))
    assert cone.mirrored.tolist() == [True]
    found = aligned_images(splines(projection(opposite[0])[None]), cone, direction, np.zeros((1, 2)))[0]
    assert np.corrcoef(found.ravel(), projection(frame[0]).ravel())[0, 1] > 0.995


def test_without_a_turn_an_image_stays():
    image = projection(random_rotations(1)[0])
    assert aligned_image(splines(image), 0.0, False, np.zeros(2)) == pytest.approx(image, abs=1e-4)
