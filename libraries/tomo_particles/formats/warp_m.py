"""Particles of M (.star with labels of Warp, wrpCoordinateX1 and so on)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .model import BY_FILE, BY_NAME, Format, Found, text_of
from .star import require_columns, table_with

COORDINATES = [f"wrpCoordinate{axis}" for axis in "XYZ"]  # with the number of a point of the trajectory, where there is one
ANGLES = [f"wrpAngle{name}" for name in ("Rot", "Tilt", "Psi")]
NAME = "wrpSourceName"
LATER = "M follows its particles along the exposure; the first of their positions and orientations is read"


def _sniff(head: bytes) -> bool:
    return "_" + COORDINATES[0] in text_of(head)


def parse(path: Path, option: str) -> list[Found]:
    """Å from the corner; of a trajectory its first point. RELION's angles."""
    table = table_with([COORDINATES[0], COORDINATES[0] + "1"], path, option)
    point = "" if COORDINATES[0] in table.columns else "1"
    coordinates, turns = ([label + point for label in labels] for labels in (COORDINATES, ANGLES))
    angled = turns[0] in table.columns
    require_columns(table, [*coordinates, *(turns if angled else [])], path, option)
    positions, angles = (
        np.stack([table.numbers(label, path, option) for label in labels], axis=1).reshape(-1, 3)
        for labels in (coordinates, turns if angled else coordinates)
    )
    named = NAME in table.columns
    names = np.array(table.columns[NAME] if named else [path.name] * len(table), dtype=object)
    notes = (LATER,) if COORDINATES[0] + "2" in table.columns else ()
    return [
        Found(
            name,
            BY_NAME if named else BY_FILE,
            positions[own],
            angstrom=True,
            angles=angles[own] if angled else None,
            notes=notes,
        )
        for name in dict.fromkeys(names.tolist())
        for own in [names == name]
    ]


WARP_M = Format("m", "M star (wrp labels)", (".star",), _sniff, parse)
