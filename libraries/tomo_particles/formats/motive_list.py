"""Motive lists (.em) of TOM, AV3 and the PEET of old, by emfile: 20 numbers a particle."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from ..core.read_once import read_once
from .conventions import from_tom
from .model import BY_NUMBER, Format, Found

HEADER, ROWS, FLOAT = 512, 20, 5  # bytes; numbers a particle; code of float32
FIRST_VOXEL = 1  # MATLAB counts from 1
SCORE, TOMOGRAM, POSITION, SHIFT, PHI, PSI, THETA = 0, 4, slice(7, 10), slice(10, 13), 16, 17, 18


def _dimensions(head: bytes) -> tuple[int, int, int, int]:
    """Data type, x, y, z; zeros for what is no EM file."""
    if len(head) < HEADER or head[0] != 6 or head[2] != 0:  # 6: little-endian
        return 0, 0, 0, 0
    return (head[3], *struct.unpack("<3i", head[4:16]))


def _sniff(head: bytes) -> bool:
    kind, x, y, z = _dimensions(head)
    return kind == FLOAT and x == ROWS and y > 0 and z == 1


def parse(path: Path, option: str) -> list[Found]:
    """Position + shift - 1; the number of the tomogram is row 5, the score row 1 (as AV3 and the real lists have it)."""
    import emfile

    size = path.stat().st_size
    kind, x, y, z = _dimensions(read_once(path).head(HEADER))
    if kind != FLOAT or x != ROWS or z != 1:
        raise InputError(f"{option}: '{path}' is no motive list: expected an EM file of 20 x n numbers, found {x} x {y} x {z}; "
                         "a volume cannot be read as picks")
    if size != HEADER + 4 * x * y * z:
        raise InputError(f"{option}: '{path}' should have {HEADER + 4 * x * y * z} bytes for {y} particles and has {size}; it is "
                         "cut off, copy or write it again")
    rows = np.asarray(emfile.read(str(path))[1], dtype=float)[0]
    bad = ~np.isfinite(rows[:, [TOMOGRAM, 7, 8, 9, 10, 11, 12]]).all(axis=1)
    if bad.any():
        raise InputError(f"{option}: '{path}', particle {int(np.argmax(bad)) + 1}: its position is not a number; remove it")
    positions = rows[:, POSITION] + rows[:, SHIFT] - FIRST_VOXEL
    turns = rows[:, [PHI, THETA, PSI]]
    angles = from_tom(turns) if turns.any() else np.full(turns.shape, np.nan)
    tomograms = rows[:, TOMOGRAM].astype(int)
    return [Found(str(number), BY_NUMBER, positions[own], score=rows[own, SCORE] if rows[:, SCORE].any() else None,
                  angles=angles[own])
            for number in dict.fromkeys(tomograms.tolist()) for own in [tomograms == number]]


MOTIVE_LIST = Format("motivelist", "motive list (TOM, AV3)", (".em",), _sniff, parse)
