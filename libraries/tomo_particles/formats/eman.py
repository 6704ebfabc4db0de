"""EMAN2: the boxes of a tomogram in its info/..._info.json (e2spt_boxer.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError
from .model import BY_FILE, CORNER, MIDDLE_VOXEL, Format, Found, read_text, text_of

# What an info file has; before anybody picked, it has no boxes.
INFO_KEYS = ("boxes_3d", "apix_unbin", "tlt_params", "tlt_file")


def read_json(text: str, path: object, option: str, line: int = 1) -> Any:
    """The object of a JSON text that begins at a line of a file. Raises InputError naming the line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{option}: '{path}', line {line + error.lineno - 1}: no complete JSON ({error.msg}); the file is "
            "damaged or cut off, write it again"
        ) from error
    except RecursionError as error:
        raise InputError(f"{option}: '{path}': JSON of endless depth; no picker writes that") from error


def point(values: Any, what: str, path: object, option: str) -> list[float]:
    """Three finite numbers, or InputError."""
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 3 or not np.isfinite(numbers).all():
        raise InputError(f"{option}: '{path}', {what}: {str(values)[:60]} is no position x, y, z; correct or remove it")
    return numbers


def _sniff(head: bytes) -> bool:
    text = text_of(head)
    return text.lstrip().startswith("{") and any(f'"{key}"' in text for key in INFO_KEYS)


def parse(path: Path, option: str) -> list[Found]:
    """With apix_unbin: voxels of that size from voxel size // 2; without (before September 2018): voxels from the corner.

    A box is x, y, z, method, score, class; the file is that of the tomogram whose name it bears.
    """
    info = read_json(read_text(path), path, option)
    boxes = info.get("boxes_3d", [] if set(INFO_KEYS) & set(info) else None) if isinstance(info, dict) else None
    if not isinstance(boxes, list):
        raise InputError(f"{option}: '{path}' lacks the list boxes_3d; expected an info file of EMAN2's tomogram boxer")
    for number, box in enumerate(boxes, start=1):
        if not isinstance(box, list) or len(box) < 3:
            raise InputError(f"{option}: '{path}', box {number}: {str(box)[:60]} is no box x, y, z, ...; correct or remove it")
    positions = np.array([point(box[:3], f"box {number}", path, option) for number, box in enumerate(boxes, start=1)])
    apix = info.get("apix_unbin")
    try:
        rate = None if apix is None else float(apix)
        if rate is not None and not 0 < rate < np.inf:
            raise ValueError(f"apix_unbin {rate:g}")
        score = [float(box[4]) if len(box) > 4 else np.nan for box in boxes]
    except (TypeError, ValueError) as error:
        raise InputError(f"{option}: '{path}': a score or apix_unbin is wrong ({error}); correct it") from error
    return [
        Found(
            path.name,
            BY_FILE,
            positions.reshape(-1, 3),
            CORNER if rate is None else MIDDLE_VOXEL,
            rate=rate,
            score=score if any(score) else None,
            species=[_class_of(box, info) for box in boxes],
        )
    ]


def _class_of(box: list, info: dict) -> str:
    listed = info.get("class_list")
    own = listed.get(str(box[5]), {}) if isinstance(listed, dict) and len(box) > 5 else {}
    return str(own.get("name", "")) if isinstance(own, dict) else ""


EMAN2 = Format("eman2", "EMAN2 info json", (".json",), _sniff, parse)
