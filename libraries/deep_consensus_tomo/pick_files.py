"""Pick files that people and pickers write, to Picks a tomogram: CSV (tomo_id,x,y,z[,score][,class][,samplingRate]) and XMD
here, every other format by `formats`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .errors import InputError
from .files import require_file, written_aside
from .picks import NO_SPECIES, Picks, same_sampling_rate

if TYPE_CHECKING:
    from .formats import Context, Format

REQUIRED = ("tomo_id", "x", "y", "z")
ANGLES = ("rot", "tilt", "psi")
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
                   option: str = "--picks", sizes: Mapping[str, Sequence[int]] | None = None) -> dict[str, Picks]:
    """Picks of every tomogram of a file, in the file's order.

    rates: sampling rate (Å/voxel) of each known tomogram, by id; a pick's rate is its samplingRate column, else
    `sampling_rate`, else its tomogram's. Ids are matched whole: 'TS_1' is not 'TS_10'.
    sizes: x, y, z, voxels of the tomograms, for formats that count from their centre; these are refused without.
    Raises InputError for a file that cannot be read, has no picks, lacks a column, has a coordinate that is no
    number, mixes sampling rates in one tomogram, or names none of the known tomograms.
    """
    if other := _other_format(path, option):
        frames = {tomo_id: _frame(tomo_id, rate, (sizes or {}).get(tomo_id)) for tomo_id, rate in rates.items()}
        found = _read_other(other, path, _context(frames, sampling_rate, "leave out", option))
        return {tomo_id: replace(own, picker=np.full(len(own), picker)) for tomo_id, own in found.items()}
    groups = rows_by_tomogram(path, option)
    if not set(groups) & set(rates):
        raise InputError(f"{option}: '{path}' names the tomograms {_some(groups)}, but those given are {_some(rates)}; "
                         "tomo_id must be a tomogram's file name without extension")
    return {tomo_id: _picks(tomo_id, rows, sampling_rate or rates[tomo_id], picker, path, option)
            for tomo_id, rows in groups.items() if tomo_id in rates}


def read_every_tomogram(path: str | os.PathLike, *, rates: Mapping[str, float] | None = None, sampling_rate: float | None = None,
                        option: str = "--picks") -> dict[str, Picks]:
    """Picks of every tomogram that a file names, known or not; the rest as `read_pick_file`.

    rates: sampling rate (Å/voxel) of the tomograms of which it is known; a pick's rate is its samplingRate column, else
    `sampling_rate`, else its tomogram's. Raises InputError, also for a tomogram whose rate nothing tells.
    """
    if other := _other_format(path, option):
        frames = {tomo_id: _frame(tomo_id, rate, None) for tomo_id, rate in (rates or {}).items()}
        return _read_other(other, path, _context(frames, sampling_rate, "keep", option))
    groups = rows_by_tomogram(path, option)
    for tomo_id, rows in groups.items():
        if not (sampling_rate or tomo_id in (rates or {}) or "samplingRate" in rows):
            raise InputError(f"{option}: '{path}' has no column samplingRate, so the voxel size of tomogram '{tomo_id}' is "
                             "unknown; add the column or give --samplingrate")
    return {tomo_id: _picks(tomo_id, rows, sampling_rate or (rates or {}).get(tomo_id, np.nan), 0, path, option)
            for tomo_id, rows in groups.items()}


def tomograms_named(path: str | os.PathLike, option: str = "--picks") -> list[str]:
    """The ids of the tomograms that a pick file names, in the file's order. Raises InputError as `read_pick_file`."""
    if other := _other_format(path, option):
        from .formats.naming import stem_of

        return list(dict.fromkeys(stem_of(found.name) for found in other.found_in(Path(path), option)))
    return list(rows_by_tomogram(path, option))


def _other_format(path: str | os.PathLike, option: str) -> Format | None:
    """The format of a file that is neither CSV nor XMD; None for those two."""
    require_file(path, option)
    if str(path).lower().endswith((".csv", ".xmd")):
        return None
    from .formats import OWN, recognise

    found = recognise(Path(path), option)
    return None if found in OWN else found


def _frame(tomo_id: str, rate: float, size: Sequence[int] | None):  # type: ignore[no-untyped-def]  # formats load late
    from .formats import TomogramFrame

    return TomogramFrame(tomo_id, rate, None if size is None else (int(size[0]), int(size[1]), int(size[2])))


def _context(frames: Mapping, sampling_rate: float | None, unknown: str, option: str) -> Context:
    from .formats import Context

    return Context(frames, sampling_rate, unknown=unknown, option=option)


def _read_other(found: Format, path: str | os.PathLike, context: Context) -> dict[str, Picks]:
    try:
        return found.read(Path(path), context)
    except InputError as error:
        if any(name in str(error) for name in _CONVERTER_OPTIONS):
            raise InputError(f"{error} [xmipp_convert_coordinates_tomo has these options: convert the file first]") from error
        raise


def rows_by_tomogram(path: str | os.PathLike, option: str, final_score: bool = False) -> dict[str, pd.DataFrame]:
    """The checked rows of a CSV or XMD by tomogram: tomo_id, x, y, z and what else the file has of our columns.

    final_score: the score of an XMD is the one that a consensus gave, where there is one, not the picker's own.
    """
    require_file(path, option)
    table = _read_xmd(path, option, final_score) if _is_xmd(path) else _read_csv(path, option)
    if table.empty:
        raise InputError(f"{option}: '{path}' has no picks; leave it out")
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise InputError(f"{option}: '{path}' lacks the column {missing[0]}; expected {','.join(REQUIRED)}[,score]"
                         f"[,samplingRate], found {','.join(map(str, table.columns))}")
    if table["tomo_id"].isna().any():
        row = int(np.argmax(table["tomo_id"].isna()))
        raise InputError(f"{option}: '{path}', pick {row + 1}: tomo_id is empty; name its tomogram")
    for name in ("x", "y", "z", "score", "samplingRate", "group", *ANGLES):
        if name in table:
            table[name] = _numbers(table[name], path, option, allow_empty=name in ("score", *ANGLES))
    return {str(tomo_id): rows for tomo_id, rows in table.groupby("tomo_id", sort=False)}


def _is_xmd(path: str | os.PathLike) -> bool:
    if str(path).endswith((".xmd", ".star")):
        return True
    with open(path, "rb") as file:
        return file.read(14) == b"# XMIPP_STAR_1"


def _read_csv(path: str | os.PathLike, option: str) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more fields than the header
            return pd.read_csv(path, dtype={"tomo_id": str, "class": str}, skipinitialspace=True, comment="#", index_col=False)
    except (ValueError, pd.errors.ParserWarning) as error:
        raise InputError(f"{option}: '{path}' is not a CSV file ({str(error).splitlines()[0]}); "
                         f"expected a header {','.join(REQUIRED)}[,score]") from error


def _read_xmd(path: str | os.PathLike, option: str, final_score: bool) -> pd.DataFrame:
    from .metadata_io import positions_of, read_table  # only this format needs Xmipp

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


def _numbers(column: pd.Series, path: object, option: str, allow_empty: bool) -> pd.Series:
    values = pd.to_numeric(column, errors="coerce")
    bad = ~np.isfinite(values) & ~(column.isna() & allow_empty)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"{option}: '{path}', pick {row + 1}: {column.name} is '{column.iloc[row]}', not a number; "
                         "correct or remove that row")
    return values


def _picks(tomo_id: str, rows: pd.DataFrame, rate: float, picker: int, path: object, option: str) -> Picks:
    if "samplingRate" in rows:
        rate = float(rows["samplingRate"].iloc[0])
        if not all(same_sampling_rate(rate, other) for other in rows["samplingRate"]):
            raise InputError(f"{option}: '{path}' mixes sampling rates in tomogram '{tomo_id}'; give one samplingRate a tomogram")
    angles = rows[list(ANGLES)].to_numpy(float) if all(name in rows for name in ANGLES) else None
    try:
        return Picks(tomo_id, rows[["x", "y", "z"]].to_numpy(float), rate, picker=np.full(len(rows), picker),
                     score=rows["score"].to_numpy(float) if "score" in rows else None, angles=angles,
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


def _some(names: object) -> str:
    listed = sorted(map(str, names))  # type: ignore[call-overload]
    return ", ".join(f"'{name}'" for name in listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")
