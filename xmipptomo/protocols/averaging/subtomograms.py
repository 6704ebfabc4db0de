"""Particles that a program cut out of tomograms, as Scipion's subtomograms with the transformations onto their average."""

from __future__ import annotations

import numpy as np
from pwem.objects import Transform
from tomo.constants import SCIPION
from tomo.objects import Coordinate3D, SetOfCoordinates3D, SetOfSubTomograms, SubTomogram, TomoAcquisition, Tomogram

from tomo_particles.formats.xmd import read_table

from ...convert import coordinates_of, corner_offset


def append_subtomograms(subtomograms: SetOfSubTomograms, coordinates: SetOfCoordinates3D, tomogram: Tomogram, extracted: str,
                        tilts: tuple[float, float]) -> None:
    """Append the particles of one tomogram.

    coordinates: where they are, in voxels of the tomogram.  extracted: XMD of the program that cut them out, in the same order.
    tilts: first and last tilt, degrees. Each keeps the id of its coordinate.
    """
    acquisition = _seen(tomogram, tilts)
    if subtomograms.isEmpty():
        subtomograms.setAcquisition(acquisition)
    offset = corner_offset(tomogram)
    images = read_table(extracted)["image"]
    for coordinate, image in zip(coordinates_of(coordinates, tomogram), images, strict=True):
        position = np.array(coordinate.getPosition(SCIPION))
        centre = np.rint(position + offset) - offset  # boxes are cut at whole voxels
        matrix = onto_reference(coordinate.getMatrix(), position - centre)
        subtomogram = SubTomogram()
        subtomogram.copyObjId(coordinate)
        subtomogram.setLocation(image)
        subtomogram.setSamplingRate(subtomograms.getSamplingRate())
        subtomogram.setAcquisition(acquisition)
        subtomogram.setVolName(tomogram.getTsId())
        subtomogram.setCoordinate3D(_at(coordinate, tomogram, centre, matrix))
        subtomogram.setTransform(Transform(matrix))
        subtomograms.append(subtomogram)


def _seen(tomogram: Tomogram, tilts: tuple[float, float]) -> TomoAcquisition:
    """How a tomogram was acquired, with the tilts that count for the missing wedge."""
    known = tomogram.getAcquisition()
    acquisition = known.clone() if isinstance(known, TomoAcquisition) else TomoAcquisition()
    acquisition.setAngleMin(tilts[0])
    acquisition.setAngleMax(tilts[1])
    return acquisition


def _at(coordinate: Coordinate3D, tomogram: Tomogram, place: np.ndarray, matrix: np.ndarray) -> Coordinate3D:
    """The coordinate of a box: the matrix says where in the box the particle is."""
    moved = coordinate.clone()
    moved.setVolume(tomogram)
    moved.setPosition(*map(float, place), SCIPION)
    moved.setMatrix(matrix)
    return moved


def onto_reference(matrix: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """(4, 4) Scipion's transformation of a particle that lies `shift` (x, y, z, voxels) beside the centre of its box.

    It takes the particle onto its reference: r -> R (r - shift), with the rotation R of `matrix`.
    """
    found = np.eye(4)
    found[:3, :3] = matrix[:3, :3]
    found[:3, 3] = -matrix[:3, :3] @ shift
    return found
