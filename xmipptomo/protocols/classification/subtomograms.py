"""Scipion's subtomograms on their way to the program that splits them."""

from __future__ import annotations

import numpy as np
from tomo.objects import SetOfSubTomograms, SubTomogram, TomoAcquisition

from tomo_particles.formats.xmd import Columns

from ...convert import angles_of

Tilts = tuple[float, float]


def tilts_of_item(item: SubTomogram, subtomograms: SetOfSubTomograms) -> Tilts | None:
    """First and last tilt, degrees, of a subtomogram, else of its set; None where nothing says them as a rising pair."""
    for acquisition in (item.getAcquisition(), subtomograms.getAcquisition()):
        if isinstance(acquisition, TomoAcquisition):
            first, last = acquisition.getAngleMin(), acquisition.getAngleMax()
            if first is not None and last is not None and -90 <= first < last <= 90:
                return first, last
    return None


def subtomogram_columns(subtomograms: SetOfSubTomograms, tilts: Tilts | None) -> Columns:
    """The table of a set: images, poses in voxels and degrees, tilts. tilts: of all; None: those of each."""
    rows = []
    for item in subtomograms.iterItems():
        matrix = item.getTransform().getMatrix() if item.hasTransform() else np.eye(4)
        rot, tilt, psi = np.nan_to_num(angles_of(matrix))
        shift = matrix[:3, :3].T @ matrix[:3, 3]
        own = tilts or tilts_of_item(item, subtomograms) or (np.nan, np.nan)
        index, path = item.getLocation()
        image = f"{index:06d}@{path.partition(':')[0]}" if index else path.partition(":")[0]
        rows.append((item.getObjId(), image, item.getVolName() or "none", rot, tilt, psi, *shift, *own))
    names = ("itemId", "image", "tiltSeriesId", "angleRot", "angleTilt", "anglePsi", "shiftX", "shiftY", "shiftZ",
             "missingRegionThetaY0", "missingRegionThetaYF")
    kinds = (int, str, str, *[float] * 8)
    return {name: [kind(row[column]) for row in rows] for column, (name, kind) in enumerate(zip(names, kinds, strict=True))}
