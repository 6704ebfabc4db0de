"""In voxels of how many Å the uncentred coordinates of a STAR file are: which label says it depends on the program.

docs/formats.md lists the cases; a file whose labels contradict each other in any other way is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.coordinates import same_sampling_rate
from ..core.errors import InputError
from .star import StarTable

TILT_SERIES, MICROGRAPH = "rlnTomoTiltSeriesPixelSize", "rlnMicrographPixelSize"  # of the tomogram
PIXEL, DETECTOR, IMAGE = "rlnPixelSize", "rlnDetectorPixelSize", "rlnImagePixelSize"  # of what was cut out of it
MAGNIFICATION = "rlnMagnification"
UNIT_LABELS = (TILT_SERIES, MICROGRAPH, PIXEL, DETECTOR, IMAGE, MAGNIFICATION)
TOMOSTAR = ".tomostar"  # how the names of Warp's tilt series end


@dataclass(frozen=True)
class Unit:
    """Å of a voxel of the coordinates, (n,), NaN where the file does not say; sure: whether it says it of the coordinates."""

    rates: np.ndarray
    sure: bool = True
    fraction: bool = False
    notes: tuple[str, ...] = ()


def unit_of(
    table: StarTable, optics: StarTable | None, names: np.ndarray, positions: np.ndarray, path: object, option: str
) -> Unit:
    """The unit of positions (n, 3), of tomograms of these names (n,). Raises InputError if no program writes the labels so."""
    stated = _stated(table, optics, path, option)
    tomogram = _agreed([stated[label] for label in (TILT_SERIES, MICROGRAPH) if label in stated], path, option)
    box = _agreed([stated[label] for label in (PIXEL, DETECTOR, IMAGE) if label in stated], path, option)
    warp = np.array([str(name).strip().lower().endswith(TOMOSTAR) for name in names], dtype=bool)
    if tomogram is None and box is None:
        fraction = bool(len(positions)) and bool(warp.all()) and bool(((positions >= 0) & (positions <= 1)).all())
        return Unit(
            np.full(len(table), np.nan),
            fraction=fraction,
            notes=("fractions of the tomogram, as Warp's template matching writes them",) * fraction,
        )
    if tomogram is None or box is None:
        label, rates = tomogram or box  # type: ignore[misc]  # one of them is there
        return Unit(rates, label not in (IMAGE, DETECTOR) or (label == DETECTOR and MAGNIFICATION not in table.columns))
    if _same(tomogram, box):
        return Unit(tomogram[1])
    if warp.any():
        note = f"the coordinates of {TOMOSTAR} tilt series are in {box[0]}, as Warp writes them, not in {tomogram[0]}"
        return Unit(np.where(warp, box[1], tomogram[1]), notes=(note,))
    if box[0] != IMAGE:
        _refuse(tomogram, box, path, option)
    return Unit(tomogram[1])


Stated = tuple[str, np.ndarray]  # a label and its values, (n,) Å


def _stated(table: StarTable, optics: StarTable | None, path: object, option: str) -> dict[str, Stated]:
    """What each label says; of optics groups where the particles themselves do not say it."""
    stated: dict[str, Stated] = {}
    for label in (TILT_SERIES, MICROGRAPH, PIXEL, IMAGE):
        if label in table.columns:
            stated[label] = label, table.numbers(label, path, option)
        elif optics is not None and label in optics.columns:
            stated[label] = label, _of_optics(table, optics, label, path, option)
    # RELION 3: µm on the detector; pytom-match-pick: Å, which is a magnification of 10 000
    if DETECTOR in table.columns and (MAGNIFICATION in table.columns or not stated):
        magnification = table.numbers(MAGNIFICATION, path, option) if MAGNIFICATION in table.columns else 1e4
        stated[DETECTOR] = DETECTOR, table.numbers(DETECTOR, path, option) * 1e4 / magnification
    return stated


def _agreed(stated: list[Stated], path: object, option: str) -> Stated | None:
    """The first of some labels of one meaning, None if there is none. Raises InputError if they differ."""
    for other in stated[1:]:
        if not _same(stated[0], other):
            _refuse(stated[0], other, path, option)
    return stated[0] if stated else None


def _same(a: Stated, b: Stated) -> bool:
    pairs = set(zip(a[1].tolist(), b[1].tolist(), strict=True))  # few, however many particles
    return all(same_sampling_rate(one, other) for one, other in pairs)


def _refuse(a: Stated, b: Stated, path: object, option: str) -> None:
    raise InputError(
        f"{option}: '{path}' does not say in which voxels its coordinates are: {a[0]} is {a[1][0]:g} and {b[0]} "
        f"{b[1][0]:g} Å, which no program known here writes together; remove the column that does not hold"
    )


def _of_optics(table: StarTable, optics: StarTable, label: str, path: object, option: str) -> np.ndarray:
    values = optics.numbers(label, path, option)
    key = next((k for k in ("rlnOpticsGroup", "rlnOpticsGroupName") if k in table.columns and k in optics.columns), None)
    if key is None:
        if len(values) and all(same_sampling_rate(value, values[0]) for value in values):
            return np.full(len(table), values[0])
        raise InputError(
            f"{option}: '{path}' has optics groups of different {label}, and its particles do not say to which they "
            "belong; add the column rlnOpticsGroup"
        )
    groups = dict(zip(optics.columns[key], values, strict=True))
    for value, line in zip(table.columns[key], table.lines, strict=True):
        if value not in groups:
            raise InputError(f"{option}: '{path}', line {line}: optics group {value} is not in table data_optics; correct it")
    return np.array([groups[value] for value in table.columns[key]])
