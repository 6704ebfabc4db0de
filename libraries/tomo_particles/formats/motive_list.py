"""Motive lists (.em) of TOM, AV3 and the PEET of old: a header of 512 bytes and 20 numbers a particle, in either byte order.

Read here: the package emfile knows one byte order only, and there is nothing else to read than numbers in a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core.errors import InputError
from ..core.read_once import read_once
from .conventions import from_tom
from .model import BY_NUMBER, Format, Found
from .star import require_places, whole_numbers

HEADER, ROWS = 512, 20  # bytes; numbers a particle
TYPES = {5: "f4", 9: "f8"}  # by their code in the header; MATLAB writes double precision unless told otherwise
NAMES = {"<f8": "double precision", ">f4": "big-endian", ">f8": "big-endian, double precision"}  # of what deserves a note
FIRST_VOXEL = 1  # MATLAB counts from 1
SCORE, TOMOGRAM, POSITION, SHIFT, PHI, PSI, THETA = 0, 4, slice(7, 10), slice(10, 13), 16, 17, 18


class _Layout(NamedTuple):
    """kind: code of the type of the numbers; dtype: empty for one that is not read; size: x, y, z."""

    kind: int
    dtype: str
    size: tuple[int, int, int]

    @property
    def is_list(self) -> bool:
        x, y, z = self.size
        return x == ROWS and y > 0 and z == 1


def _layout(head: bytes) -> _Layout | None:
    """What an EM header says, in the byte order in which it is a list, else in little-endian; None for what is no EM file."""
    if len(head) < HEADER or head[0] > 6 or head[2] != 0:  # the first byte is the machine; not all programs set it right
        return None
    both = []
    for order in "<>":
        x, y, z = np.frombuffer(head, f"{order}i4", 3, 4).tolist()
        both.append(_Layout(head[3], f"{order}{TYPES[head[3]]}" if head[3] in TYPES else "", (x, y, z)))
    return next((one for one in both if one.is_list), both[0])


def _sniff(head: bytes) -> bool:
    layout = _layout(head)
    return layout is not None and layout.is_list and bool(layout.dtype)


def parse(path: Path, option: str) -> list[Found]:
    """Position + shift - 1; the number of the tomogram is row 5, the score row 1 (as AV3 and the real lists have it)."""
    content = read_once(path).read_bytes()
    layout = _layout(content[:HEADER])
    if layout is None or not layout.is_list:
        found = "no EM file" if layout is None else f"{' x '.join(map(str, layout.size))}"
        raise InputError(
            f"{option}: '{path}' is no motive list: expected an EM file of 20 x n numbers, found {found}; "
            "a volume cannot be read as picks"
        )
    if not layout.dtype:
        raise InputError(
            f"{option}: '{path}' is no motive list: its numbers are of type {layout.kind} of EM files, expected 5 "
            "or 9 (single, double precision); write it again"
        )
    count, width = layout.size[1], np.dtype(layout.dtype).itemsize
    if len(content) != HEADER + width * ROWS * count:
        raise InputError(
            f"{option}: '{path}' should have {HEADER + width * ROWS * count} bytes for {count} particles and has "
            f"{len(content)}; it is cut off, copy or write it again"
        )
    rows = np.frombuffer(content, layout.dtype, offset=HEADER).reshape(count, ROWS).astype(float)
    bad = ~np.isfinite(rows[:, [TOMOGRAM, 7, 8, 9, 10, 11, 12]]).all(axis=1)
    if bad.any():
        raise InputError(f"{option}: '{path}', particle {int(np.argmax(bad)) + 1}: its position is not a number; remove it")
    require_places(rows[:, POSITION], "rows 8 to 10 (x, y, z)", path, option)
    positions = rows[:, POSITION] + rows[:, SHIFT] - FIRST_VOXEL
    turns = rows[:, [PHI, THETA, PSI]]
    angles = turns if np.nan_to_num(turns).any() else np.full(turns.shape, np.nan)
    tomograms = whole_numbers(rows[:, TOMOGRAM], "the tomogram (row 5)", range(1, count + 1), path, option)
    notes = (f"is {NAMES[layout.dtype]}",) if layout.dtype in NAMES else ()
    return [
        Found(
            str(number),
            BY_NUMBER,
            positions[own],
            score=rows[own, SCORE] if rows[:, SCORE].any() else None,
            angles=angles[own],
            convention=from_tom,
            notes=notes,
        )
        for number in dict.fromkeys(tomograms.tolist())
        for own in [tomograms == number]
    ]


MOTIVE_LIST = Format("motivelist", "motive list (TOM, AV3)", (".em",), _sniff, parse)
