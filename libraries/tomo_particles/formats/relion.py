"""RELION particle STAR files of every version, and those of pytom-match-pick, Warp, crYOLO and TomoTwin in the same words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np

from ..core.errors import InputError, parameter
from ..core.picks import Picks
from ..geometry.orientations import angles_of, rotation_of
from .further_columns import star_columns
from .model import BY_FILE, BY_NAME, CORNER, HALF, Context, Format, Found, text_of
from .relion_units import UNIT_LABELS, Unit, unit_of
from .star import StarTable, read_tables, require_columns

AXES = "XYZ"
CENTRED = [f"rlnCenteredCoordinate{axis}Angst" for axis in AXES]
PIXELS = [f"rlnCoordinate{axis}" for axis in AXES]
SHIFTS = [f"rlnOrigin{axis}Angst" for axis in AXES]
PIXEL_SHIFTS = [f"rlnOrigin{axis}" for axis in AXES]
ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
BOX_ANGLES = ["rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi"]
SCORES = ("rlnLCCmax", "rlnAutopickFigureOfMerit", "rlnParticleFigureOfMerit")
NAMES = ("rlnTomoName", "rlnMicrographName")
# Priors of a refinement, which held for shifts and boxes of before; optics groups, whose table RELION takes from its tomograms.
_OF_THE_PLACE = re.compile("rln(Origin|Angle|Coordinate|CenteredCoordinate|OpticsGroup)")
PARTICLE = "rlnTomoParticleName"
_PIXELS_LABEL = re.compile(rf"_{PIXELS[0]}\s")


def _sniff_relion5(head: bytes) -> bool:
    return "_" + CENTRED[0] in text_of(head)


def _sniff_relion3(head: bytes) -> bool:
    text = text_of(head)
    return _PIXELS_LABEL.search(text) is not None and "_" + CENTRED[0] not in text


def parse(path: Path, option: str) -> list[Found]:
    """One Found a table, tomogram and sampling rate, of every table that has coordinates: files are joined by hand.

    The optics groups of a table are those in front of it, or of the whole file.
    """
    tables = read_tables(path, option)
    own = [table for table in tables if {*PIXELS, *CENTRED} & set(table.columns)] or [max(tables, key=len)]
    notes = (f"{len(own)} tables of picks, which begin in lines {', '.join(str(t.start) for t in own)}",) if len(own) > 1 else ()
    optics = [table for table in tables if table.name == "optics"]
    found: list[Found] = []
    for table in own:
        before = [other for other in optics if other.start < table.start] or optics
        found += _found(table, before[-1] if before else None, notes, path, option)
    return found


def _found(table: StarTable, optics: StarTable | None, notes: tuple[str, ...], path: Path, option: str) -> list[Found]:
    """What a table holds; the shifts of a refinement are applied, as RELION applies them.

    RELION takes the centred coordinates where a file has both kinds (`particle_set.cpp`); so do we.
    """
    if not len(table):
        return []
    centred = CENTRED[0] in table.columns
    require_columns(table, CENTRED if centred else PIXELS, path, option)
    positions = _columns(table, CENTRED if centred else PIXELS, path, option)
    names, named = _names(table, path)
    unit = Unit(np.full(len(table), np.nan)) if centred else unit_of(table, optics, names, positions, path, option)
    positions = positions - _shifts(table, unit.rates, centred, path, option)
    angles = _angles(table, path, option)
    further = _further(table)
    turned_boxes = angles is not None and BOX_ANGLES[0] in table.columns
    score = next((table.numbers(label, path, option, allow_empty=True) for label in SCORES if label in table.columns), None)
    return [
        Found(
            name,
            named,
            positions[own],
            HALF if centred else CORNER,
            centred,
            None if np.isnan(rate) else rate,
            unit.sure,
            unit.fraction,
            score=None if score is None else score[own],
            angles=None if angles is None else angles[own],
            convention=_in_turned_boxes if turned_boxes else None,
            further={label: column and partial(_rows, column, own) for label, column in further.items()},
            notes=(*notes, *unit.notes),
        )
        for name, rate, own in _groups(names, unit.rates)
    ]


def _further(table: StarTable) -> dict[str, Callable[[], np.ndarray] | None]:
    """What else the file says, by label: its column, split once; None for what would be wrong of picks that were moved."""
    score = next((label for label in SCORES if label in table.columns), "")
    read = {*NAMES, *PIXELS, *CENTRED, *SHIFTS, *PIXEL_SHIFTS, *ANGLES, *BOX_ANGLES, *UNIT_LABELS, score}
    return {
        label: None if _OF_THE_PLACE.match(label) else cache(lambda label=label: np.array(table.columns[label], dtype=object))
        for label in table.columns
        if label not in read
    }


def _rows(column: Callable[[], np.ndarray], own: np.ndarray) -> np.ndarray:
    return column()[own]


def _groups(names: np.ndarray, rates: np.ndarray) -> list[tuple[str, float, np.ndarray]]:
    keys = dict.fromkeys(zip(names.tolist(), np.nan_to_num(rates).tolist(), strict=True))
    return [(name, rate or np.nan, (names == name) & (np.nan_to_num(rates) == rate)) for name, rate in keys]


def _columns(table: StarTable, labels: list[str], path: object, option: str, allow_empty: bool = False) -> np.ndarray:
    return np.stack([table.numbers(label, path, option, allow_empty) for label in labels], axis=1).reshape(-1, 3)


def _names(table: StarTable, path: Path) -> tuple[np.ndarray, str]:
    for label in NAMES:
        if label in table.columns:
            return np.array(table.columns[label], dtype=object), BY_NAME
    return np.full(len(table), path.name, dtype=object), BY_FILE


def _shifts(table: StarTable, rates: np.ndarray, centred: bool, path: object, option: str) -> np.ndarray:
    """(n, 3) to be subtracted, in the unit of the positions; (n, 3) zeros where there are no shifts."""
    in_angstrom, in_pixels = SHIFTS[0] in table.columns, PIXEL_SHIFTS[0] in table.columns
    if in_angstrom and in_pixels:
        raise InputError(
            f"{option}: '{path}' mixes units: shifts in Å ({SHIFTS[0]}) and in pixels ({PIXEL_SHIFTS[0]}); remove "
            "the columns that do not hold"
        )
    if not (in_angstrom or in_pixels):
        return np.zeros((len(table), 3))
    labels = SHIFTS if in_angstrom else PIXEL_SHIFTS
    require_columns(table, labels, path, option)
    shifts = _columns(table, labels, path, option)
    if BOX_ANGLES[0] in table.columns:  # they are stated in the turned box that was cut out
        shifts = rotation_of(_columns(table, BOX_ANGLES, path, option)).apply(shifts) if len(shifts) else shifts
    if not in_angstrom and centred:
        raise InputError(
            f"{option}: '{path}' mixes units: positions in Å ({CENTRED[0]}), shifts in pixels ({PIXEL_SHIFTS[0]}); "
            "write the shifts in Å"
        )
    if in_angstrom and not centred:
        if shifts.any() and np.isnan(rates).any():
            raise InputError(
                f"{option}: '{path}' mixes units: positions in voxels ({PIXELS[0]}), shifts in Å ({SHIFTS[0]}), and "
                "no voxel size; add the column rlnPixelSize"
            )
        return shifts / rates[:, None] if shifts.any() else shifts
    return shifts


def _angles(table: StarTable, path: object, option: str) -> np.ndarray | None:
    """(n, 3) rot, tilt, psi as the file states them, NaN where unknown; (n, 6) after those of the box, where there are such."""
    box, own = ([label for label in labels if label in table.columns] for labels in (BOX_ANGLES, ANGLES))
    if len(own) not in (0, 3) or len(box) not in (0, 3):
        raise InputError(f"{option}: '{path}' has only some of the three angles ({', '.join(own + box)}); add the others")
    if not own and not box:
        return None
    return np.concatenate([_columns(table, labels, path, option, allow_empty=True) for labels in (box, own) if labels], axis=1)


def _in_turned_boxes(angles: np.ndarray) -> np.ndarray:
    """(n, 3) rot, tilt, psi of the particle in its box, after the turn of the box, (n, 3 or 6); NaN where unknown."""
    known, result = np.isfinite(angles).all(axis=1), np.full((len(angles), 3), np.nan)
    if known.any():
        box = rotation_of(angles[known, :3])
        result[known] = angles_of(box * rotation_of(angles[known, 3:]) if angles.shape[1] > 3 else box)
    return result


def _common(picks: Mapping[str, Picks], name_label: str) -> dict[str, list]:
    """The columns that both versions share; an orientation that is not known is written as 0, as RELION expects numbers."""
    every = list(picks.values())
    columns: dict[str, list] = {name_label: [one.tomo_id for one in every for _ in range(len(one))]}
    angles = np.concatenate([one.angles for one in every])
    if np.isfinite(angles).any():
        columns |= dict(zip(ANGLES, np.nan_to_num(angles).T.tolist(), strict=True))
    score = np.concatenate([one.score for one in every])
    if np.isfinite(score).any():
        columns["rlnAutopickFigureOfMerit"] = np.nan_to_num(score).tolist()
    return columns


def _write_positions(
    path: Path, columns: dict[str, list], labels: list[str], positions: np.ndarray, further: dict[str, list[str]]
) -> None:
    from .star import write_star

    own = {**columns, **dict(zip(labels, positions.T.tolist(), strict=True))}
    write_star(path, "particles", {**own, **{label: further[label] for label in further if label not in own}})


def write_relion5(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """Å from half the size of the tomogram. Without data_optics, as for RELION's import: it takes them from the tomograms."""
    parts = []
    for tomo_id, own in picks.items():
        tomogram = context.tomogram(tomo_id)
        if tomogram.size is None:
            raise InputError(
                f"{parameter('output')}: RELION 5 counts from the centre of the tomogram, "
                f"and the size of '{tomo_id}' is not known",
                f"give the tomogram ({parameter('tomograms')})",
                f"give its size ({parameter('size')})",
            )
        at = own.at_sampling_rate(tomogram.sampling_rate or own.sampling_rate)
        parts.append((at.positions - np.asarray(tomogram.size) / 2) * at.sampling_rate)
    columns = _common(picks, "rlnTomoName")
    counts = [f"{tomo_id}/{i + 1}" for tomo_id, own in picks.items() for i in range(len(own))]
    further, _ = star_columns(list(picks.values()))
    if len(set(further.get(PARTICLE, ()))) < len(counts):  # files that were joined may have the same names
        columns[PARTICLE] = counts
    _write_positions(path, columns, CENTRED, np.concatenate(parts), further)


def write_relion3(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """Voxels of each tomogram, with their size in rlnPixelSize, and as magnification and detector pixel for RELION 3.0."""
    rates = [own.sampling_rate for own in picks.values() for _ in range(len(own))]
    columns = {
        **_common(picks, "rlnMicrographName"),
        "rlnPixelSize": rates,
        "rlnMagnification": [10000.0] * len(rates),
        "rlnDetectorPixelSize": rates,
    }
    further, _ = star_columns(list(picks.values()))
    _write_positions(path, columns, PIXELS, np.concatenate([own.positions for own in picks.values()]), further)


KEEPS = frozenset({"score", "angles"})
RELION5 = Format(
    "relion5",
    "RELION 5 star (centred Å; also pytom-match-pick)",
    (".star",),
    _sniff_relion5,
    parse,
    write_relion5,
    KEEPS,
    fills=KEEPS,
    family="relion",
)
RELION3 = Format(
    "relion3",
    "RELION 3 and 4 star (voxels; also pytom-match-pick, Warp, crYOLO, TomoTwin)",
    (".star",),
    _sniff_relion3,
    parse,
    write_relion3,
    KEEPS,
    fills=KEEPS,
    as_they_stand=True,
    family="relion",
)
