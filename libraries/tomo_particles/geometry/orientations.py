"""Orientations: Euler angles as in Xmipp and RELION, uniform grids of rotations, rotated volumes."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

# Roots of psi^4 = psi + 4 and of phi^2 = 2: the two steps of a super-Fibonacci spiral.
_PSI = 1.533751168755204288118041
_PHI = np.sqrt(2.0)


def rotation_of(angles: np.ndarray) -> Rotation:
    """Rotations that take a reference onto its particle in the tomogram, acting on vectors x, y, z.

    angles: (n, 3) rot, tilt, psi, degrees, as in Xmipp and RELION (ZYZ; their matrix R_z(-psi) R_y(-tilt) R_z(-rot)).
    """
    return Rotation.from_euler("ZYZ", np.asarray(angles, dtype=float).reshape(-1, 3), degrees=True).inv()


def angles_of(rotations: Rotation) -> np.ndarray:
    """(n, 3) rot, tilt, psi, degrees, of rotations that take a reference onto its particle; undoes `rotation_of`.

    If tilt is 0 or 180, only the sum or the difference of rot and psi is defined; psi is then set to 0.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gimbal lock")
        return rotations.inv().as_euler("ZYZ", degrees=True).reshape(-1, 3)


def rotation_grid(step: float) -> Rotation:
    """Rotations that cover SO(3) evenly at an angular `step` in degrees, always in the same order.

    A super-Fibonacci spiral on the unit quaternions (Alexa, CVPR 2022). Their number is the volume of SO(3) in Euler
    angles, 8 pi^2, over step^3: 7 000 for 12.85 degrees, 45 000 for 7, as in the lists of PyTom.
    """
    if not 0 < step <= 180:
        raise ValueError(f"step must lie between 0 and 180 degrees, received {step}")
    count = max(1, round(8 * np.pi**2 / np.radians(step) ** 3))
    s = np.arange(count) + 0.5
    inner, outer = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / _PHI, 2 * np.pi * s / _PSI
    quaternions = np.stack([inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)], axis=1)
    return Rotation.from_quat(quaternions)


def turned(volume: np.ndarray, rotation: Rotation, order: int = 1) -> np.ndarray:
    """The volume (z, y, x) turned about its centre voxel, size // 2, by one rotation of vectors x, y, z.

    order: of the spline interpolation. What leaves the box is lost; what enters is 0.
    """
    backwards = rotation.inv().as_matrix()[::-1, ::-1]  # from x, y, z to z, y, x
    centre = np.array(volume.shape) // 2
    return affine_transform(volume, backwards, offset=centre - backwards @ centre, order=order, output=np.float32)
