"""Orientations of other packages to and from rot, tilt, psi; each function names where its convention is confirmed.

All go through the rotation that takes the reference onto its particle, as `orientations.rotation_of`, acting on x, y, z.
Rows that are not finite have no orientation, and stay so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from ..geometry.orientations import angles_of, rotation_of


def _where_finite(values: np.ndarray, width: tuple[int, ...], convert: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    result = np.full((len(values), *width), np.nan)
    if known.any():
        with warnings.catch_warnings():  # at a tilt of 0 only rot + psi is defined: any split of it is the same orientation
            warnings.simplefilter("ignore", UserWarning)
            result[known] = convert(values[known])
    return result


def from_dynamo(angles: np.ndarray) -> np.ndarray:
    """(n, 3) rot, tilt, psi of Dynamo's tdrot, tilt, narot, degrees.

    Turns about fixed z, x, z that take the particle onto the reference. That is Dynamo's wiki, *Euler angles convention* (the
    template turns clockwise about z, its new x, its new z), with the sense of a pair of angles that gave the same average in
    Dynamo and RELION (tests of alisterburt/eulerangles); copick `util/formats.py` agrees.
    """
    return _where_finite(angles, (3,), lambda a: angles_of(Rotation.from_euler("zxz", a, degrees=True).inv()))


def to_dynamo(angles: np.ndarray) -> np.ndarray:
    """(n, 3) tdrot, tilt, narot; undoes `from_dynamo`."""
    return _where_finite(angles, (3,), lambda a: rotation_of(a).inv().as_euler("zxz", degrees=True))


def from_tom(angles: np.ndarray) -> np.ndarray:
    """(n, 3) rot, tilt, psi of phi, theta, psi (in the order of the turns) of TOM and AV3 motive lists, degrees.

    Turns about fixed z, x, z that take the reference onto the particle: copick `util/formats.py`; the backend of the CryoET
    Data Portal reads STOPGAP, the successor, so (`oriented_point_converter.py`).
    """
    return _where_finite(angles, (3,), lambda a: angles_of(Rotation.from_euler("zxz", a, degrees=True)))


def to_tom(angles: np.ndarray) -> np.ndarray:
    """(n, 3) phi, theta, psi, in the order of the turns; undoes `from_tom`."""
    return _where_finite(angles, (3,), lambda a: rotation_of(a).as_euler("zxz", degrees=True))


def from_matrices(matrices: np.ndarray) -> np.ndarray:
    """(n, 3) rot, tilt, psi of (n, 3, 3) matrices that take the reference onto the particle, acting on x, y, z.

    The CryoET Data Portal makes them of RELION's angles as `Rotation.from_euler("ZYZ", ...).inv()`, "to be applied to the
    instance volume" (`point_converter.py`), and turns meshes by them; copick copies them (`impl/cryoet_data_portal.py`).
    """
    return _where_finite(matrices, (3,), lambda m: angles_of(Rotation.from_matrix(m)))


def to_matrices(angles: np.ndarray) -> np.ndarray:
    """(n, 3, 3) matrices; undoes `from_matrices`."""
    return _where_finite(angles, (3, 3), lambda a: rotation_of(a).as_matrix())
