"""Scipion's projections on their way to the program that splits them, and simulated ones on their way back."""

from __future__ import annotations

import numpy as np
from pwem.convert.transformations import euler_from_matrix, euler_matrix
from pwem.objects import CTFModel, Particle, SetOfParticles, Transform

from tomo_particles.formats.xmd import Columns

CTF = ("ctfDefocusU", "ctfDefocusV", "ctfDefocusAngle", "ctfVoltage", "ctfSphericalAberration", "ctfQ0")


def projection_columns(particles: SetOfParticles) -> Columns:
    """The table of a set with projection alignment: images, poses in pixels and degrees, micrographs, and the CTF if any."""
    names = ["itemId", "image", "micrograph", "angleRot", "angleTilt", "anglePsi", "shiftX", "shiftY"]
    with_ctf = particles.hasCTF()
    rows = []
    for item in particles.iterItems():
        inverse = np.linalg.inv(item.getTransform().getMatrix())
        angles = -np.rad2deg(euler_from_matrix(inverse[:3, :3], axes="szyz"))
        index, path = item.getLocation()
        path = path.partition(":")[0]  # Scipion adds the format to some names: stack.mrc:mrcs
        micrograph = item.getCoordinate().getMicName() if item.hasCoordinate() else item.getMicId()
        row = [item.getObjId(), f"{index:06d}@{path}" if index else path, str(micrograph or "none"), *map(float, angles),
               *map(float, -inverse[:2, 3])]
        rows.append(row + (_ctf_of(item) if with_ctf else []))
    if with_ctf:
        names += CTF
    return {name: [row[column] for row in rows] for column, name in enumerate(names)}


def _ctf_of(item: Particle) -> list[float]:
    ctf, acquisition = item.getCTF(), item.getAcquisition()
    return [ctf.getDefocusU(), ctf.getDefocusV(), ctf.getDefocusAngle(), acquisition.getVoltage(),
            acquisition.getSphericalAberration(), acquisition.getAmplitudeContrast()]


def projection_transform(angles: np.ndarray, shifts: np.ndarray) -> Transform:
    """Scipion's transformation of a projection. angles: (3,) rot, tilt, psi, degrees.  shifts: (2,) x, y, pixels."""
    matrix = euler_matrix(*-np.deg2rad(angles), axes="szyz")
    matrix[:2, 3] = -shifts
    return Transform(np.linalg.inv(matrix))


def ctf_model(table: Columns, row: int) -> CTFModel | None:
    """The CTF of a row of a table; None where it says none."""
    if CTF[0] not in table:
        return None
    model = CTFModel()
    model.setStandardDefocus(*(float(table[name][row]) for name in CTF[:3]))
    return model
