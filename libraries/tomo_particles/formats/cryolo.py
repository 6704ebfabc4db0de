"""crYOLO and TomoTwin: .cbox (STAR of boxes) and .coords (x y z a line)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..core.errors import InputError, parameter
from .model import BY_FILE, Format, Found, read_text, text_of
from .star import numbers_of, read_star, require_columns

_SEPARATORS = re.compile(r"[,;\s]+")


def _sniff_cbox(head: bytes) -> bool:
    text = text_of(head)
    return "data_cryolo" in text and "_CoordinateX" in text


def parse_cbox(path: Path, option: str) -> list[Found]:
    """Boxes: x and y at their lower corner, z at their centre (napari-boxmanager `io/cbox.py`, tomotwin `cbox_format.py`)."""
    tables = read_star(path, option)
    if "cryolo" not in tables:
        raise InputError(f"{option}: '{path}' has no table data_cryolo, only {', '.join(tables)}; it is no .cbox of crYOLO")
    table = tables["cryolo"]
    require_columns(table, ("CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Height"), path, option)
    x, y, z, width, height = (
        table.numbers(label, path, option) for label in ("CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Height")
    )
    positions = np.stack([x + width / 2, y + height / 2, z], axis=1)
    columns = table.columns
    score = table.numbers("Confidence", path, option, allow_empty=True) if "Confidence" in columns else None
    group = table.numbers("filamentid", path, option, allow_empty=True) if "filamentid" in columns else None
    if group is not None:
        group = np.nan_to_num(group, posinf=0, neginf=0).astype(int)
    return [Found(path.name, BY_FILE, positions, score=score, group=group)]


def rows_of(text: str) -> list[tuple[int, list[str]]]:
    """Line numbers and words of the lines that are neither empty nor a comment."""
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, _SEPARATORS.split(line)) for number, line in lines if line and not line.startswith("#")]


def _sniff_coords(head: bytes) -> bool:
    rows = rows_of(text_of(head[:4096]))
    return bool(rows) and all(len(words) == 3 and all(map(_is_number, words)) for _, words in rows[:3])


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def parse_coords(path: Path, option: str) -> list[Found]:
    """Centres x y z, one a line, nothing else: a fourth column could mean anything, so it is refused."""
    rows = rows_of(read_text(path))
    for number, words in rows:
        if len(words) != 3:
            remedies = [f"if the first is a class, as of DeepETPicker, say {parameter('format')} deepetpicker"]
            raise InputError(
                f"{option}: '{path}', line {number}: {len(words)} values, expected x y z; for more columns write a "
                "CSV with a header tomo_id,x,y,z,score",
                *(remedies if len(words) == 4 else []),
            )
    lines = [number for number, _ in rows]
    columns = [numbers_of([words[axis] for _, words in rows], name, lines, path, option) for axis, name in enumerate("xyz")]
    return [Found(path.name, BY_FILE, np.stack(columns, axis=1).reshape(-1, 3))]


CBOX = Format("cbox", "crYOLO and TomoTwin .cbox", (".cbox",), _sniff_cbox, parse_cbox)
COORDS = Format(
    "coords",
    "x y z a line (crYOLO and TomoTwin .coords, .txt)",
    (".coords", ".txt", ".xyz"),
    _sniff_coords,
    parse_coords,
    as_they_stand=True,
)
