"""Images seen from near one direction, turned and moved onto one frame by one interpolation."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import affine_transform, spline_filter1d

from ..geometry.orientations import rotation_of
from .directions import Cone, axes_of


def frame_of(direction: np.ndarray) -> np.ndarray:
    """(3, 3) axes x, y and view of a direction (3,) with psi 0, as rows in the volume."""
    x, y, z = direction
    angles = [np.degrees(np.arctan2(y, x)), np.degrees(np.arccos(np.clip(z, -1, 1))), 0.0]
    return np.asarray(axes_of(rotation_of(np.array([angles])))[0])


def in_plane_angles(axes: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(n,) radians by which images with these axes (n, 3, 3) are turned in the plane of a frame (3, 3): M = R_j R_i^T."""
    turn = axes @ frame.T
    return np.asarray(np.arctan2(turn[:, 1, 0] - turn[:, 0, 1], turn[:, 0, 0] + turn[:, 1, 1]))


def splines(images: np.ndarray) -> np.ndarray:
    """Coefficients of the cubic splines through images (..., n, n), to be turned and moved as often as needed."""
    found = np.asarray(images, dtype=np.float32)
    for axis in (-2, -1):
        found = spline_filter1d(found, 3, axis, output=np.float32)
    return found


def aligned_image(coefficients: np.ndarray, angle: float, mirrored: bool, shift: np.ndarray) -> np.ndarray:
    """An image (n, n) on the frame of its cone: at v (x, y from the centre) it is I(F A v - t), one cubic interpolation.

    coefficients: from `splines`.  A turns by `angle`; F mirrors x if `mirrored`; content moved by `shift`, t = (x, y), pixels, is
    centred.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]])
    if mirrored:
        matrix = np.diag([-1.0, 1.0]) @ matrix
    backwards, centre = matrix[::-1, ::-1], np.array(coefficients.shape) // 2
    offset = centre - np.asarray(shift)[::-1] - backwards @ centre
    return affine_transform(coefficients, backwards, offset, prefilter=False, output=np.float32)


def aligned_images(coefficients: np.ndarray, cone: Cone, direction: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """(k, n, n) of the images of a cone; coefficients: (all, n, n) from `splines`; shifts: (all, 2) x, y."""
    angles = in_plane_angles(cone.axes, frame_of(direction))
    return np.stack(
        [
            aligned_image(coefficients[row], angle, bool(mirrored), shifts[row])
            for row, angle, mirrored in zip(cone.rows, angles, cone.mirrored, strict=True)
        ]
    )
