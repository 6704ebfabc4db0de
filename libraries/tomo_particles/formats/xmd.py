"""XMD tables (Xmipp metadata, STAR syntax) to and from columns and Picks; the only importer of xmippLib."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xmippLib

from ..core.coordinates import require_places, same_sampling_rate
from ..core.errors import InputError, parameter
from ..core.files import require_file, written_aside
from ..core.picks import NO_SPECIES, Picks
from .model import require_text
from .xmd_text import NO_VALUE as NO_WORDS
from .xmd_text import Kind, is_writable, read_plain, write_plain

Columns = dict[str, list]
_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|\S+", re.ASCII)  # a value that has blanks stands between quotes
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COORDINATES = ("x", "y", "z", "xcoor", "ycoor", "zcoor")
# Xmipp has no NaN in its tables: it writes this number instead, so that is what an absent value reads as.
NO_VALUE = sys.float_info.min
ANGLES = ("angleRot", "angleTilt", "anglePsi")
DISAGREEMENT = "angleDiff"  # mean angle, degrees, of the pickers' orientations to the merged one
SCATTER = "shiftDiff"  # mean distance, voxels, of the pickers' picks to the merged one
_MAY_LACK = {*ANGLES, DISAGREEMENT, SCATTER, "fom", "CoordConsScore", "zScoreDeepLearning1"}  # what not every pick has
_KINDS: dict[int, Kind] = {
    xmippLib.LABEL_INT: int,
    xmippLib.LABEL_SIZET: int,
    xmippLib.LABEL_DOUBLE: float,
    xmippLib.LABEL_STRING: str,
}


_foreign: set[str] = set()  # labels of files that Xmipp does not know: it takes their values for text from then on, as we do


def _label(name: str) -> int:
    label = xmippLib.str2Label(name)
    if label < 0:
        raise ValueError(f"'{name}' is not a label of Xmipp's metadata")
    return label


def _kind(name: str) -> Kind | None:
    """What the values of a column are, None where the name is no label of Xmipp or an uncommon one."""
    if "\0" in name:  # Xmipp takes no such text
        return None
    label = xmippLib.str2Label(name)
    known = label >= 0 and xmippLib.label2Str(label) == name
    return _KINDS.get(xmippLib.labelType(label)) if known else None


def write_table(path: str | os.PathLike, columns: Mapping[str, Sequence[Any]], block: str = "") -> None:
    """Write columns of equal length, keyed by Xmipp's label names ("x", "image"...), as one XMD table; coordinates come first.

    Raises InputError for a word that no XMD can hold (a line break, quotes of both kinds).
    """
    names = [name for name in _COORDINATES if name in columns] + [name for name in columns if name not in _COORDINATES]
    kinds = {name: _kind_of(name) for name in names}
    table = {name: _cells(columns[name], kinds[name]) for name in names}
    rows = {len(values) for values in table.values()}
    if len(rows) > 1:
        raise ValueError(f"columns of different lengths: {', '.join(f'{name} {len(columns[name])}' for name in columns)}")
    for name in names:
        if wrong := [word for word in set(table[name]) if not is_writable(word)] if kinds[name] is str else []:
            raise InputError(
                f"'{path}': {name} '{min(wrong)}' has a line break, or quotes of both kinds, which no XMD can hold; "
                "choose another name"
            )
    size = max(rows, default=0) * 12 * len(names)
    with written_aside(path, size) as aside, open(aside, "w", encoding="utf-8", newline="\n") as stream:
        write_plain(stream, kinds, table, block or "noname")


def _cells(values: Sequence[Any], kind: Kind) -> list:
    if kind is float:
        numbers = np.asarray(values, dtype=float)
        return np.where(np.isfinite(numbers), numbers, NO_VALUE).tolist()
    return list(map(kind, values))


def _read_rows(path: Path, option: str) -> Columns:
    """The first table of a file that is not plain (`xmd_text`), row by row: with comments, with its row beside the labels.

    Xmipp's own reader takes a word where a number belongs for zeros, from there on; an open quote it follows for ever. Raises
    InputError by row, and for a second table with coordinates, which would be left out.
    """
    columns: Columns = {}
    beside: list[str] = []  # the one row, where the values stand beside the labels
    n, ended = 0, False
    with path.open(encoding="utf-8") as lines:
        if not next(lines, "").startswith("# XMIPP_STAR_1"):
            raise InputError(f"{option}: '{path}' is not an XMD file (it does not begin with # XMIPP_STAR_1); check the file")
        for line in lines:
            words = _WORD.findall(line)
            if not words or words[0][0] in "#;":
                continue
            if words[0].startswith("data_"):
                ended = bool(columns)
            elif ended:
                if words[0].startswith("_") and words[0][1:] in _COORDINATES and words[0][1:] in columns:
                    raise InputError(f"{option}: '{path}' has several tables of picks; write each to its own file")
            elif words[0].startswith("_") and not n:
                name = _known_as(words[0][1:])
                if name in columns:
                    raise InputError(f"{option}: '{path}' has the column {name} twice; remove one")
                columns[name] = []
                beside += words[1:2]
            elif columns:
                n += 1
                _add_row(columns, words, f"{option}: '{path}', row {n}")
    if not columns:
        raise InputError(f"{option}: '{path}' is not an XMD file (it has no columns); give an XMD with columns x, y, z")
    if beside and not n:
        _add_row(columns, beside, f"{option}: '{path}', row 1")
    return columns


def _known_as(name: str) -> str:
    """The name that Xmipp has for a label, which may have several."""
    label = -1 if "\0" in name else xmippLib.str2Label(name)
    if label < 0:
        _foreign.add(name)
    return name if label < 0 else xmippLib.label2Str(label)


def _add_row(columns: Columns, words: Sequence[str], where: str) -> None:
    """Add a row to the columns. Raises InputError, which begins with `where`, for a word that is not of its column's kind."""
    if len(words) != len(columns):
        raise InputError(
            f"{where} has {len(words)} values for {len(columns)} columns; "
            "correct that row, and put names with blanks between quotes"
        )
    for (name, values), word in zip(columns.items(), words, strict=True):
        kind = _kind_of(name)
        if kind is str:
            if word[0] in "'\"" and (len(word) < 2 or word[-1] != word[0]):
                raise InputError(f"{where} has a quote that is not closed; correct that row")
            values.append(sys.intern(word[1:-1] if word[0] in "'\"" else word))
        elif _is_number(word, kind):
            values.append(kind(float(word)))
        elif name in _MAY_LACK and word.lower() in NO_WORDS:
            values.append(NO_VALUE)
        else:
            whole = "whole " * (kind is int)
            raise InputError(f"{where}: {name} is '{word}', not a {whole}number; correct or remove that row")


@cache
def _kind_of(name: str) -> Kind:
    return str if name in _foreign else _KINDS.get(xmippLib.labelType(_label(name)), str)


def _is_number(text: str, kind: Kind | None) -> bool:
    """Whether Xmipp reads the text whole as a number of this kind: it cuts a fraction, and what a computer's int cannot hold."""
    if not _NUMBER.fullmatch(text):
        return False
    value = float(text)
    return bool(np.isfinite(value)) and (kind is float or (value.is_integer() and abs(value) < 2**31))


def read_table(path: str | os.PathLike, option: str = parameter("input")) -> Columns:
    """Columns of the first table of an XMD file, keyed by label name. Raises InputError if it is not one."""
    path = require_file(path, option)
    plain = read_plain(path, _kind, _MAY_LACK)
    if plain is not None:
        return plain
    require_text(path, option)
    return _read_rows(path, option)


def join_tables(tables: Sequence[Columns]) -> Columns:
    """The rows of several tables one after the other, with the columns that all of them have.

    Orientations and species stay even if only some tables have them: where there are none they read as absent.
    """
    rows = [len(next(iter(table.values()), [])) for table in tables]
    names = dict.fromkeys(name for table in tables for name in table)
    absent = {**dict.fromkeys((*ANGLES, DISAGREEMENT), NO_VALUE), "imageRef": NO_SPECIES}
    return {
        name: [value for table, n in zip(tables, rows, strict=True) for value in table.get(name, [absent.get(name)] * n)]
        for name in names
        if name in absent or all(name in table for table in tables)
    }


def picks_columns(picks: Picks, box_size: int, tomogram: str) -> Columns:
    """The columns of METHOD's data contract for the picks of one tomogram.

    `xcoor ycoor zcoor` are rounded (Xmipp's C++ programs read integers), `x y z` keep the exact value.
    """
    n = len(picks)
    rounded = np.rint(picks.positions).astype(int)
    columns: Columns = {
        "particleId": list(range(1, n + 1)),
        "tiltSeriesId": [picks.tomo_id] * n,
        "tomogramVolume": [tomogram] * n,
        "samplingRate": [picks.sampling_rate] * n,
        "particleSize": [box_size] * n,
        "ref": picks.picker.tolist(),
        "ref2": picks.group.tolist(),
        "fom": picks.score.tolist(),
    }
    for axis, name in enumerate("xyz"):
        columns[f"{name}coor"] = rounded[:, axis].tolist()
        columns[name] = picks.positions[:, axis].tolist()
    if np.isfinite(picks.angles).any():
        for axis, name in enumerate(ANGLES):
            columns[name] = picks.angles[:, axis].tolist()
    if any(picks.species):
        columns["imageRef"] = [name or NO_SPECIES for name in picks.species]
    return columns


def write_picks(
    path: str | os.PathLike, picks: Picks, box_size: int, tomogram: str, extra: Mapping[str, Sequence[Any]] | None = None
) -> None:
    """Write picks as XMD; `extra` adds columns or replaces ours (particleId, for one)."""
    write_table(path, {**picks_columns(picks, box_size, tomogram), **(extra or {})})


def _floats(columns: Columns, name: str, n: int) -> np.ndarray:
    return with_nan(columns.get(name, [np.nan] * n))


def with_nan(column: Any) -> np.ndarray:
    """The numbers of a column, NaN where it says that there is none."""
    values = np.asarray(column, dtype=float)
    # The text of a table holds seven digits: compare with a margin that no real coordinate or score enters.
    return np.where((values > 0) & (values < 1e-300), np.nan, values)


def require_one_rate(columns: Mapping[str, list], path: object, option: str, expected: float | None = None) -> None:
    """Raise InputError, which begins with option and path, for rows of several sampling rates, or of none.

    expected: Å/voxel; another rate is refused, too.
    """
    values = list(dict.fromkeys(columns.get("samplingRate", [])))
    if not all(1e-300 <= value < np.inf for value in values):  # below: no number, in Xmipp's tables
        raise InputError(f"{option}: '{path}' has rows without a sampling rate, or one that is no positive number; correct it")
    if others := [value for value in values if not same_sampling_rate(value, values[0])]:
        raise InputError(
            f"{option}: '{path}' holds several sampling rates ({values[0]:g} and {others[0]:g}); all its rows must have the same"
        )
    if expected is not None and values and not same_sampling_rate(values[0], expected):
        raise InputError(
            f"{option}: '{path}' has a sampling rate of {values[0]:g} A/voxel, {parameter('sampling_rate')} is {expected:g}; "
            "extract at one sampling rate"
        )


def positions_of(columns: Mapping[str, list], path: object, option: str) -> np.ndarray:
    """(n, 3) x, y, z of a table, voxels: the exact `x y z` where present, else the integer `xcoor ...`.

    Raises InputError, which begins with option and path, where there are none, and for rows that hold no place.
    """
    for names in (("x", "y", "z"), ("xcoor", "ycoor", "zcoor")):
        if all(name in columns for name in names):
            positions = with_nan([columns[name] for name in names]).T.reshape(-1, 3)
            require_places(positions, f"{option}: '{path}'")
            return positions
    raise InputError(
        f"{option}: '{path}' has no coordinates; expected the columns x, y, z (or xcoor, ycoor, zcoor), "
        f"found {', '.join(columns) or 'none'}"
    )


def picks_of(columns: Columns, path: object, option: str = parameter("input"), sampling_rate: float | None = None) -> Picks:
    """Picks of one tomogram from the columns of a table. Raises InputError naming `path` and `option`.

    `sampling_rate` (Å/voxel) is used where the table has none.
    """
    positions = positions_of(columns, path, option)
    n = len(positions)
    require_one_rate(columns, path, option)
    rate = columns["samplingRate"][0] if columns.get("samplingRate") else sampling_rate
    if rate is None:
        raise InputError(f"{option}: '{path}' has no column samplingRate", "add it", f"give {parameter('picks_sampling_rate')}")
    angles = np.stack([_floats(columns, name, n) for name in ANGLES], axis=1)
    tomo_ids = columns.get("tiltSeriesId") or [""]
    if other := next((tomo_id for tomo_id in tomo_ids if tomo_id != tomo_ids[0]), None):
        raise InputError(f"{option}: '{path}' holds picks of several tomograms ({tomo_ids[0]}, {other}); write one file for each")
    try:
        return Picks(
            str(tomo_ids[0]),
            positions,
            float(rate),
            picker=np.asarray(columns.get("ref", [0] * n)),
            score=_floats(columns, "fom", n),
            angles=angles,
            group=np.asarray(columns.get("ref2", [0] * n)),
            species=["" if name == NO_SPECIES else name for name in columns.get("imageRef", [""] * n)],
        )
    except InputError as error:
        raise InputError(f"{option}: '{path}': {error}") from error


def read_picks(path: str | os.PathLike, option: str = parameter("input"), sampling_rate: float | None = None) -> Picks:
    """Picks of one tomogram from an XMD file; see `picks_of`."""
    return picks_of(read_table(path, option), path, option, sampling_rate)
