"""Coordinates of DeepETPicker: class x y z a line. They look like x y z score, so that they are read on demand only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.errors import InputError
from .cryolo import rows_of
from .model import BY_FILE, Format, Found, read_text
from .star import numbers_of


def parse(path: Path, option: str) -> list[Found]:
    """A class, a whole number, and the index of a voxel."""
    rows = rows_of(read_text(path))
    for number, words in rows:
        if len(words) != 4 or not words[0].isdigit():
            raise InputError(
                f"{option}: '{path}', line {number}: '{' '.join(words)[:40]}', expected class x y z with a whole number as class"
            )
    lines = [number for number, _ in rows]
    columns = [
        numbers_of([words[place] for _, words in rows], name, lines, path, option) for place, name in enumerate("xyz", start=1)
    ]
    return [Found(path.name, BY_FILE, np.stack(columns, axis=1).reshape(-1, 3), species=[words[0] for _, words in rows])]


DEEPETPICKER = Format("deepetpicker", "DeepETPicker coordinates (class x y z)", (), lambda head: False, parse)
