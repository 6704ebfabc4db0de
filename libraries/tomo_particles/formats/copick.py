"""copick picks (json) and point annotations of the CryoET Data Portal (ndjson).

Read and written here: the package copick needs numpy 2, zarr and some sixty packages more, for a file of a few plain fields.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.picks import Picks
from .conventions import from_matrices, to_matrices
from .eman import point, read_json
from .model import BY_FILE, BY_NAME, Context, Format, Found, read_text, text_of

USER, SESSION = "xmipptomo", "0"
MATRIX = "xyz_rotation_matrix"  # of the portal; the importers of before left open in which order of the axes theirs was
OLD_MATRIX = f"its orientations are left out: its rotation_matrix does not say its order of the axes, as {MATRIX} does"
SPACING = re.compile(r"VoxelSpacing(\d+(?:\.\d+)?)")  # a folder of the portal, of the tomograms that an annotation was made on
MAX_SKEW = 0.01  # by which a matrix of rounded numbers may miss being a rotation


def _sniff_copick(head: bytes) -> bool:
    text = text_of(head)
    return text.lstrip().startswith("{") and '"pickable_object_name"' in text and '"points"' in text


def parse_copick(path: Path, option: str) -> list[Found]:
    """Å from the centre of the first voxel; a point may be moved by the translation of its own transformation."""
    picked = read_json(read_text(path), path, option)
    if not isinstance(picked, dict) or not isinstance(picked.get("points"), list):
        raise InputError(f"{option}: '{path}' lacks the list points; expected picks of copick")
    if picked.get("unit", "angstrom") != "angstrom":
        raise InputError(f"{option}: '{path}': its unit is '{picked['unit']}'; only angstrom is known of copick, change it")
    points = [_object(own, f"point {i}", path, option) for i, own in enumerate(picked["points"], start=1)]
    positions = np.array([_location(own, f"point {i}", path, option) for i, own in enumerate(points, start=1)]).reshape(-1, 3)
    transforms = _matrices([own.get("transformation_") for own in points], 4, path, option)
    positions = positions + np.nan_to_num(transforms[:, :3, 3])
    return [
        Found(
            str(picked.get("run_name") or path.name),
            BY_NAME if picked.get("run_name") else BY_FILE,
            positions,
            angstrom=True,
            rate=_spacing(picked, path, option),
            score=_floats(points, "score", path, option),
            angles=_angles(transforms[:, :3, :3]),
            group=_groups(points, path, option),
            species=[str(picked.get("pickable_object_name") or "")] * len(points),
        )
    ]


def _sniff_portal(head: bytes) -> bool:
    lines = text_of(head).lstrip().splitlines()
    return bool(lines) and lines[0].startswith("{") and '"location"' in lines[0] and '"points"' not in lines[0]


def parse_portal(path: Path, option: str) -> list[Found]:
    """0-based voxels of the tomogram of the annotation, one JSON object a line: point, orientedPoint or instancePoint.

    As the portal lays its files out, a folder says the size of these voxels: VoxelSpacing10.000.
    """
    lines = [(number, line) for number, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()]
    points = [_object(read_json(line, path, option, number), f"line {number}", path, option) for number, line in lines]
    positions = np.array(
        [_location(own, f"line {number}", path, option) for own, (number, _) in zip(points, lines, strict=True)]
    ).reshape(-1, 3)
    turns = _matrices([own.get(MATRIX) for own in points], 3, path, option)
    folders = reversed(os.path.abspath(path).split(os.sep))
    others = any("rotation_matrix" in own for own in points) and not any(MATRIX in own for own in points)
    return [
        Found(
            path.name,
            BY_FILE,
            positions,
            rate=next((float(folder[1]) or None for folder in map(SPACING.fullmatch, folders) if folder), None),
            angles=_angles(turns),
            group=_groups(points, path, option),
            notes=(OLD_MATRIX,) if others else (),
        )
    ]


def _object(value: Any, what: str, path: object, option: str) -> dict:
    if not isinstance(value, dict):
        raise InputError(f"{option}: '{path}', {what}: {str(value)[:60]} is no point; correct or remove it")
    return value


def _location(own: dict, what: str, path: object, option: str) -> list[float]:
    location = own.get("location")
    values = [location.get(axis) for axis in "xyz"] if isinstance(location, dict) else location
    return point(values, what, path, option)


def _spacing(picked: dict, path: object, option: str) -> float | None:
    rate = _number(picked.get("voxel_spacing") or None, "voxel_spacing", path, option)
    if rate <= 0:
        raise InputError(f"{option}: '{path}': voxel_spacing is {rate:g}, expected Å; correct it")
    return None if np.isnan(rate) else rate


def _number(value: Any, what: str, path: object, option: str) -> float:
    """A number; NaN for none."""
    try:
        return np.nan if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{option}: '{path}', {what}: '{str(value)[:40]}' is not a number; correct or remove it") from error


def _floats(points: list[dict], key: str, path: object, option: str) -> np.ndarray | None:
    values = np.array([_number(own.get(key), f"point {i}, {key}", path, option) for i, own in enumerate(points, start=1)])
    return values if np.isfinite(values).any() else None


def _groups(points: list[dict], path: object, option: str) -> np.ndarray:
    values = _floats(points, "instance_id", path, option)
    return np.zeros(len(points), dtype=int) if values is None else np.nan_to_num(values, posinf=0, neginf=0).astype(int)


def _matrices(values: list[Any], width: int, path: object, option: str) -> np.ndarray:
    """(n, width, width), NaN where there is none."""
    result = np.full((len(values), width, width), np.nan)
    there = [row for row, value in enumerate(values) if value is not None]
    if not there:
        return result
    try:
        matrices = np.array([values[row] for row in there], dtype=float)
        if matrices.shape[1:] != (width, width):
            raise ValueError
        result[there] = matrices
    except (TypeError, ValueError) as error:  # words, or rows of different lengths: of which point?
        row = next(row for row in there if not _is_square(values[row], width))
        raise InputError(
            f"{option}: '{path}', point {row + 1}: its matrix is not {width} x {width}; correct or remove it"
        ) from error
    turns = result[:, :3, :3]
    known = np.isfinite(turns).all(axis=(1, 2))
    turns[~known] = np.nan  # no orientation; the translation of copick's matrix still counts
    skew = np.abs(turns @ turns.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    bad = known & ((skew > MAX_SKEW) | (np.linalg.det(np.where(known[:, None, None], turns, np.eye(3))) <= 0))
    if bad.any():
        raise InputError(f"{option}: '{path}', point {int(np.argmax(bad)) + 1}: its matrix is no rotation; correct or remove it")
    return result


def _is_square(value: Any, width: int) -> bool:
    try:
        return np.array(value, dtype=float).shape == (width, width)
    except (TypeError, ValueError):
        return False


def _angles(turns: np.ndarray) -> np.ndarray | None:
    """rot, tilt, psi; None if all are the identity, which copick writes where nobody knows the orientation."""
    known = turns[np.isfinite(turns).all(axis=(1, 2))]
    return None if not len(known) or np.allclose(known, np.eye(3)) else from_matrices(turns)


def write(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """One file a tomogram and species; copick finds it by its place in a project, which is the user's to choose."""
    (own,) = picks.values()
    turns, known = to_matrices(own.angles), np.isfinite(own.angles).all(axis=1)
    transforms = np.tile(np.eye(4), (len(own), 1, 1))
    transforms[known, :3, :3] = turns[known]
    points = []
    for i, place in enumerate((own.positions * own.sampling_rate).tolist()):
        entry = {
            "location": dict(zip("xyz", place, strict=True)),
            "transformation_": transforms[i].tolist(),
            "instance_id": int(own.group[i]),
        }
        points.append(entry | ({"score": float(own.score[i])} if np.isfinite(own.score[i]) else {}))
    about = {
        "pickable_object_name": next(iter(own.species), "") or "particle",
        "user_id": USER,
        "session_id": SESSION,
        "run_name": own.tomo_id,
        "voxel_spacing": own.sampling_rate,
        "unit": "angstrom",
        "trust_orientation": bool(known.all()),
    }
    rows = ",\n".join(map(json.dumps, points))  # a point a line: Python's own indentation takes ten times as long
    path.write_text(f'{json.dumps(about, indent=1)[:-2]},\n "points": [\n{rows}\n ]\n}}\n', encoding="utf-8")


COPICK = Format(
    "copick",
    "copick json",
    (".json",),
    _sniff_copick,
    parse_copick,
    write,
    frozenset({"score", "angles", "group", "species"}),
    fills=frozenset({"angles"}),
    single=True,
    one_species=True,
)
PORTAL = Format("portal", "CryoET Data Portal ndjson", (".ndjson", ".json"), _sniff_portal, parse_portal)
