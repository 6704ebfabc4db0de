"""Pick files that people and pickers write, to Picks a tomogram: CSV (tomo_id,x,y,z[,score][,class][,samplingRate]) and XMD
here, every other format by `formats`. Where a file is asked for, a folder or a pattern stands for all files of that picker."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..core.errors import InputError, NoPicksError, listed
from ..core.files import require_file, written_aside
from ..core.picks import NO_SPECIES, Picks, check_inside, rescale_size, same_sampling_rate
from .pick_folders import files_of, joined, shared_folder

if TYPE_CHECKING:
    from .registry import Context, Format

REQUIRED = ("tomo_id", "x", "y", "z")
ANGLES = ("rot", "tilt", "psi")
LARGEST_GROUP = 2**31 - 1  # what an XMD can hold
# What else a pick may carry, and Xmipp's label for it.
XMD_COLUMNS = {"score": "fom", "samplingRate": "samplingRate", "group": "ref2", "rot": "angleRot", "tilt": "angleTilt",
               "psi": "anglePsi", "class": "imageRef"}
FINAL_SCORE = "CoordConsScore"  # what a consensus says of its picks; `fom` is what their picker said
# Options that only the converter has: what a message about another format tells the user to do, it does.
_CONVERTER_OPTIONS = ("--from", "--names", "--samplingrate", "--size", "--tomograms")


def tomogram_id(path: str | os.PathLike) -> str:
    """The id of a tomogram: its file name without the extension."""
    return Path(path).stem


def read_pick_file(path: str | os.PathLike, rates: Mapping[str, float], *, picker: int = 0, sampling_rate: float | None = None,
                   option: str = "--picks", sizes: Mapping[str, Sequence[int]] | None = None,
                   notes: list[str] | None = None) -> dict[str, Picks]:
    """Picks of every tomogram of a file, in the file's order; of a folder or a pattern (`pick_folders`), of all its files.

    rates: sampling rate (Å/voxel) of each known tomogram, by id; a pick's rate is its samplingRate column, else
    `sampling_rate`, else its tomogram's. Ids are matched whole: 'TS_1' is not 'TS_10'.
    sizes: x, y, z, voxels of the tomograms, for formats that count from their centre; these are refused without.
    notes: receives what was left out: which files, and of a file the picks of tomograms that are not known, a line each.
    Raises InputError for a file that cannot be read, has no picks, lacks a column, has a coordinate that is no
    number, mixes sampling rates in one tomogram, or names none of the known tomograms.
    """
    notes = [] if notes is None else notes
    files = files_of(path, option, notes)
    frames = {tomo_id: _frame(tomo_id, rate, (sizes or {}).get(tomo_id)) for tomo_id, rate in rates.items()}

    def of_file(file: Path) -> dict[str, Picks]:
        context = _context(frames, sampling_rate, "leave out", option, shared_folder(files), notes)
        found = _read_known(file, rates, context)
        if len(files) > 1:  # who reads one file checks himself and can name it; of several only we know which
            for tomo_id, own in found.items():
                _check_inside(own, rates[tomo_id], (sizes or {}).get(tomo_id), f"{option}: '{file}', tomogram '{tomo_id}'")
        return {tomo_id: replace(own, picker=np.full(len(own), picker)) for tomo_id, own in found.items()}

    return of_file(files[0]) if len(files) == 1 else joined(path, files, of_file, option, notes, rates)


def _check_inside(picks: Picks, rate: float, size: Sequence[int] | None, source: str) -> None:
    if size is not None:
        extent = rescale_size((size[0], size[1], size[2]), rate, picks.sampling_rate)
        check_inside(picks.positions, extent, source, picks.sampling_rate)


def _read_known(path: Path, rates: Mapping[str, float], context: Context) -> dict[str, Picks]:
    """The picks of one file, of known tomograms; none if it is one of several and names others only."""
    option, sampling_rate = context.option, context.sampling_rate
    if other := _other_format(path, option):
        return _read_other(other, path, context)
    groups = rows_by_tomogram(path, option)
    strange = {tomo_id: len(rows) for tomo_id, rows in groups.items() if tomo_id not in rates}
    if len(strange) == len(groups) and not context.among:
        raise InputError(f"{option}: '{path}' names the tomograms {listed(sorted(groups))}, but those given are "
                         f"{listed(sorted(rates))}; "
                         "tomo_id must be a tomogram's file name without extension")
    if 0 < len(strange) < len(groups):
        from .naming import left_out

        context.notes.append(left_out(strange, path, rates))
    return {tomo_id: _picks(tomo_id, rows, sampling_rate or rates[tomo_id], path, option)
            for tomo_id, rows in groups.items() if tomo_id in rates}


def read_every_tomogram(path: str | os.PathLike, *, sampling_rate: float | None = None, option: str = "--picks"
                        ) -> dict[str, Picks]:
    """Picks of every tomogram that a file (a folder, a pattern) names; the rest as `read_pick_file`.

    A pick's rate is its samplingRate column, else `sampling_rate` (Å/voxel). Raises InputError, also where nothing tells it, and
    for files of the same name, which only known tomograms can tell apart by their folders.
    """
    files = files_of(path, option)
    if len(files) > 1:
        if twice := next((name for name, n in Counter(file.name for file in files).items() if n > 1), None):
            raise InputError(f"{option}: '{path}' holds several files called '{twice}'; give --tomograms, so that they can be "
                             "told by their folders")
        return joined(path, files, lambda file: read_every_tomogram(file, sampling_rate=sampling_rate, option=option), option, [],
                      {})
    path = files[0]
    if other := _other_format(path, option):
        return _read_other(other, path, _context({}, sampling_rate, "keep", option, "", []))
    groups = rows_by_tomogram(path, option)
    for tomo_id, rows in groups.items():
        if not (sampling_rate or "samplingRate" in rows):
            raise InputError(f"{option}: '{path}' has no column samplingRate, so the voxel size of tomogram '{tomo_id}' is "
                             "unknown; add the column or give --samplingrate")
    return {tomo_id: _picks(tomo_id, rows, sampling_rate or np.nan, path, option) for tomo_id, rows in groups.items()}


def _other_format(path: Path, option: str) -> Format | None:
    """The format of a file that is neither CSV nor XMD with names of tomograms; None for those two."""
    from .registry import CSV, OWN, recognise
    from .tables import is_nameless

    require_file(path, option)
    if path.suffix.lower() == ".csv":
        return CSV if is_nameless(path) else None
    if path.suffix.lower() == ".xmd":
        return None
    found = recognise(path, option)
    return CSV if found is CSV and is_nameless(path) else None if found in OWN else found


def _frame(tomo_id: str, rate: float, size: Sequence[int] | None):  # type: ignore[no-untyped-def]  # formats load late
    from .registry import TomogramFrame

    return TomogramFrame(tomo_id, rate, None if size is None else (int(size[0]), int(size[1]), int(size[2])))


def _context(frames: Mapping, sampling_rate: float | None, unknown: str, option: str, among: str,
             notes: list[str]) -> Context:
    from .registry import Context

    return Context(frames, sampling_rate, unknown=unknown, option=option, among=among, notes=notes)


def _read_other(found: Format, path: Path, context: Context) -> dict[str, Picks]:
    try:
        return found.read(path, context)
    except InputError as error:
        if any(name in str(error) for name in _CONVERTER_OPTIONS):
            raise InputError(f"{error} [xmipp_convert_coordinates_tomo has these options: convert the file first]") from error
        raise


def rows_by_tomogram(path: str | os.PathLike, option: str, final_score: bool = False) -> dict[str, pd.DataFrame]:
    """The checked rows of a CSV or XMD by tomogram: tomo_id, x, y, z and what else the file has of our columns.

    final_score: the score of an XMD is the one that a consensus gave, where there is one, not the picker's own.
    """
    from .tables import is_nameless

    require_file(path, option)
    table = _read_xmd(path, option, final_score) if _is_xmd(path) else _read_csv(path, option)
    if table.empty:
        raise NoPicksError(f"{option}: '{path}' has no picks; leave it out")
    if "tomo_id" not in table.columns and is_nameless(Path(path)):
        table["tomo_id"] = tomogram_id(path)
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise InputError(f"{option}: '{path}' lacks the column {missing[0]}; expected {','.join(REQUIRED)}[,score]"
                         f"[,samplingRate], found {','.join(map(str, table.columns))}")
    if table["tomo_id"].isna().any():
        where = _place(int(np.argmax(table["tomo_id"].isna())), path)
        raise InputError(f"{option}: '{path}', {where}: tomo_id is empty; name its tomogram")
    without = [name for name in ANGLES if name not in table.columns]
    if 0 < len(without) < len(ANGLES):
        raise InputError(f"{option}: '{path}' lacks the column {without[0]}; an orientation has {', '.join(ANGLES)}, add it or "
                         "remove the others")
    for name in ("x", "y", "z", "score", "samplingRate", "group", *ANGLES):
        if name in table:
            table[name] = _numbers(table[name], path, option, allow_empty=name in ("score", "group", *ANGLES))
    if "group" in table:
        table["group"] = table["group"].fillna(0)
    return {str(tomo_id): rows for tomo_id, rows in table.groupby("tomo_id", sort=False)}


def _is_xmd(path: str | os.PathLike) -> bool:
    if str(path).endswith((".xmd", ".star")):
        return True
    with open(path, "rb") as file:
        return file.read(14) == b"# XMIPP_STAR_1"


def _read_csv(path: str | os.PathLike, option: str) -> pd.DataFrame:
    from .tables import our_names, separator_of

    with open(path, "rb") as file:
        separator = separator_of(file.read(65536))
    read = partial(pd.read_csv, path, sep=separator, skipinitialspace=True, comment="#", index_col=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more fields than the header
            names = our_names(read(nrows=0).columns)
            table = read(dtype={label: str for label, name in names.items() if name in ("tomo_id", "class")})
    except UnicodeDecodeError as error:
        raise InputError(f"{option}: '{path}' is no CSV in UTF-8; if it is a table, save it as CSV UTF-8") from error
    except (ValueError, pd.errors.ParserWarning) as error:
        raise InputError(f"{option}: '{path}' is not a CSV file ({str(error).splitlines()[0]}); "
                         f"expected a header {','.join(REQUIRED)}[,score]") from error
    if twice := [name for name in table.columns if f"{name}.1" in table.columns]:
        raise InputError(f"{option}: '{path}' has the column {twice[0]} twice; remove one")
    return table.rename(columns=names)


def _read_xmd(path: str | os.PathLike, option: str, final_score: bool) -> pd.DataFrame:
    from .xmd import positions_of, read_table  # only this format needs Xmipp

    columns = read_table(path, option)
    positions = positions_of(columns, path, option)
    table = pd.DataFrame(positions, columns=["x", "y", "z"])
    if columns.get("tiltSeriesId"):
        table["tomo_id"] = columns["tiltSeriesId"]
    elif columns.get("tomogramVolume"):
        table["tomo_id"] = [tomogram_id(name) for name in columns["tomogramVolume"]]
    for name, label in XMD_COLUMNS.items():
        if label in columns:
            table[name] = columns[label]
    if final_score and FINAL_SCORE in columns:
        table["score"] = columns[FINAL_SCORE]
    for name in {"score", *ANGLES} & set(table.columns):
        table.loc[(table[name] > 0) & (table[name] < 1e-300), name] = np.nan
    return table


def _numbers(column: pd.Series, path: str | os.PathLike, option: str, allow_empty: bool) -> pd.Series:
    values = pd.to_numeric(column, errors="coerce")
    bad, expected = ~np.isfinite(values) & ~(column.isna() & allow_empty), "not a number"
    if bad.any() and "," in str(column[bad].iloc[0]):
        expected = "not a number with a decimal point"
    if column.name == "samplingRate" and not bad.any():
        bad, expected = values <= 0, "expected Å/voxel"
    elif column.name == "group" and not bad.any():
        bad, expected = (values % 1 != 0) & ~values.isna() | (values.abs() > LARGEST_GROUP), "expected a whole number"
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"{option}: '{path}', {_place(row, path)}: {column.name} is '{column.iloc[row]}', {expected}; correct "
                         "or remove that row")
    return values


def _place(row: int, path: str | os.PathLike) -> str:
    """Where the row of a table stands: its line in a CSV, its number in an XMD."""
    if _is_xmd(path):
        return f"pick {row + 1}"
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        lines = [number for number, line in enumerate(file, start=1) if line.strip() and not line.startswith("#")]
    return f"line {lines[row + 1]}" if row + 1 < len(lines) else f"pick {row + 1}"


def _picks(tomo_id: str, rows: pd.DataFrame, rate: float, path: object, option: str) -> Picks:
    if "samplingRate" in rows:
        rate = float(rows["samplingRate"].iloc[0])
        if not all(same_sampling_rate(rate, other) for other in rows["samplingRate"]):
            raise InputError(f"{option}: '{path}' mixes sampling rates in tomogram '{tomo_id}'; give one samplingRate a tomogram")
    angles = rows[list(ANGLES)].to_numpy(float) if all(name in rows for name in ANGLES) else None
    try:
        return Picks(tomo_id, rows[["x", "y", "z"]].to_numpy(float), rate, angles=angles,
                     score=rows["score"].to_numpy(float) if "score" in rows else None,
                     group=rows["group"].to_numpy(int) if "group" in rows else None,
                     species=species_of(rows["class"]) if "class" in rows else None)
    except InputError as error:
        raise InputError(f"{option}: '{path}': {error}") from error


def species_of(column: pd.Series) -> np.ndarray:
    """(n,) names of a column class; empty where it names none."""
    return column.fillna("").astype(str).replace(NO_SPECIES, "").to_numpy(object)


def write_csv(path: str | os.PathLike, table: pd.DataFrame) -> None:
    """Write a table as CSV with six significant decimals, aside and renamed."""
    with written_aside(path) as aside:
        table.to_csv(aside, index=False, float_format="%.6g")
