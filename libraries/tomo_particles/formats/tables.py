"""Our own two formats, CSV and XMD, as the other programs of the plugin read and write them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.coordinates import refuse_fractions
from ..core.errors import InputError, NoPicksError, listed
from ..core.files import quoting_of, require_file, without_comments
from ..core.names import from_cell, to_cell
from ..core.picks import NO_SPECIES, Picks
from ..core.read_once import ReadOnce, read_once
from ..core.tomograms import tomogram_id
from .angle_units import doubt_about
from .further_columns import labels_of
from .headers import (
    ANGLES,
    COUNT,
    OPTIONAL,
    OUR_RESULTS,
    RATE_NAMES,
    REQUIRED,
    first_line,
    header_of,
    other_names,
    other_unit,
    our_names,
    refuse_names,
    separator_of,
)
from .model import BY_FILE, BY_NAME, Context, Format, Found, require_text, text_of

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_BOX = 2  # voxels: particleSize of picks whose box nobody said; the programs that cut boxes ask for it
# What stands for no number; a class or a tomogram may be called so.
NO_NUMBER = ("", "nan", "NaN", "NAN", "-nan", "NA", "N/A", "n/a", "<NA>", "null", "NULL", "None")
NUMBERS = ("x", "y", "z", "score", *ANGLES, "group", "samplingRate")
CHUNK = 1 << 16  # rows that are written at a time: their texts take more memory than the numbers
LARGEST_GROUP = 2**31 - 1  # what an XMD can hold
# What else a pick may carry, and Xmipp's label for it.
XMD_COLUMNS = {
    "score": "fom",
    "samplingRate": "samplingRate",
    "group": "ref2",
    "rot": "angleRot",
    "tilt": "angleTilt",
    "psi": "anglePsi",
    "class": "imageRef",
}
FINAL_SCORE = "CoordConsScore"  # what a consensus says of its picks; `fom` is what their picker said
XMD_LABELS = (  # what we read of an XMD, and what another file has in another way
    *("x", "y", "z", "xcoor", "ycoor", "zcoor", "tiltSeriesId", "tomogramVolume", "particleId", "particleSize"),
    *XMD_COLUMNS.values(),
    FINAL_SCORE,
)


def _sniff_csv(head: bytes) -> bool:
    labels = header_of(head)
    return "tomo_id" in labels or set("xyz") <= labels <= {*"xyz", *OPTIONAL}


def _sniff_xmd(head: bytes) -> bool:
    text = text_of(head)
    labels = {line.split()[0] for line in text.splitlines()[:200] if line.startswith((" _", "_"))}
    return text.lstrip().startswith("# XMIPP_STAR_1") or bool(labels & {"_x", "_xcoor"})


def is_nameless(path: ReadOnce) -> bool:
    """Whether a file is a CSV of one tomogram: it has our columns, but none that names the tomogram."""
    labels = header_of(path.head(65536))
    return "tomo_id" not in labels and set("xyz") <= labels


def _found(name: str, named: str, rows: pd.DataFrame, notes: tuple[str, ...]) -> list[Found]:
    rates = rows["samplingRate"].to_numpy(float) if "samplingRate" in rows else np.zeros(len(rows))
    found = []
    for rate in dict.fromkeys(rates.tolist()):
        own = rows[rates == rate]
        found.append(
            Found(
                name,
                named,
                own[["x", "y", "z"]].to_numpy(float),
                rate=float(rate) or None,
                score=own["score"].to_numpy(float) if "score" in own else None,
                angles=own[list(ANGLES)].to_numpy(float) if all(angle in own for angle in ANGLES) else None,
                group=own["group"].to_numpy(int) if "group" in own else None,
                species=species_of(own["class"]) if "class" in own else None,
                further={label: own[label].to_numpy for label in own if label not in (*REQUIRED, *OPTIONAL, COUNT)},
                notes=notes,
            )
        )
    return found


def parse(path: Path, option: str) -> list[Found]:
    """One Found a tomogram, with the columns of `rows_by_tomogram`. Without the column tomo_id the file's name is that of it."""
    path = read_once(path)
    named = BY_FILE if is_nameless(path) else BY_NAME
    notes: list[str] = []
    groups = rows_by_tomogram(path, option, final_score=True, notes=notes, unread=False)
    return [
        found
        for name, rows in groups.items()
        for found in _found(path.name if named == BY_FILE else name, named, rows, tuple(notes))
    ]


def write_csv(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """tomo_id,x,y,z[,score][,class][,rot,tilt,psi][,group],samplingRate."""
    import pandas as pd

    every = list(picks.values())
    columns: dict[str, object] = {"tomo_id": [to_cell(one.tomo_id) for one in every for _ in range(len(one))]}
    columns |= dict(zip("xyz", np.concatenate([one.positions for one in every]).T, strict=True))
    score, angles, group, species = (
        np.concatenate([getattr(one, name) for one in every]) for name in ("score", "angles", "group", "species")
    )
    if np.isfinite(score).any():
        columns["score"] = score
    if any(species):
        columns["class"] = [to_cell(name) for name in species]
    if np.isfinite(angles).any():
        columns |= dict(zip(ANGLES, angles.T, strict=True))
    if group.any():
        columns["group"] = group
    columns["samplingRate"] = [one.sampling_rate for one in every for _ in range(len(one))]
    for label in labels_of(every):
        columns.setdefault(label, [to_cell(from_cell(cell)) for one in every for cell in one.further_of(label)])
    table = pd.DataFrame(columns)
    quoting = quoting_of(table)
    for start in range(0, len(table), CHUNK):
        rows = table.iloc[start : start + CHUNK]
        rows.apply(_in_words).to_csv(path, index=False, header=start == 0, mode="a" if start else "w", quoting=quoting)


def _in_words(column: pd.Series) -> pd.Series:
    """Numbers as text, in a fifth of the time that pandas takes with its `float_format`."""
    if column.dtype.kind != "f":
        return column
    return column.map(lambda value: "" if value != value else f"{value:.9g}")


def write_xmd(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """The columns of the data contract; particleSize is not known here and 2."""
    from .xmd import join_tables, picks_columns, write_table

    table = join_tables(
        [picks_columns(own, DEFAULT_BOX, context.tomogram(tomo_id).path or tomo_id) for tomo_id, own in picks.items()]
    )
    table["particleId"] = list(range(1, len(table["x"]) + 1))
    write_table(path, table)


def rows_by_tomogram(
    path: str | os.PathLike,
    option: str,
    final_score: bool = False,
    notes: list[str] | None = None,
    unread: bool = True,
) -> dict[str, pd.DataFrame]:
    """The checked rows of a CSV or XMD by tomogram: tomo_id, x, y, z and what else the file has of our columns.

    notes: receives which columns of a CSV are not read, which is taken for the score, and what is wrong with the angles.
    unread: whether to name the columns that are not read; they are in the rows, as texts.
    final_score: the score of an XMD is the one that a consensus gave, where there is one, not the picker's own.
    """
    path = read_once(path)
    require_file(path, option)
    table = _read_xmd(path, option, final_score, notes) if _is_xmd(path) else _read_csv(path, option, notes, unread)
    if table.empty:
        raise NoPicksError(f"{option}: '{path}' has no picks; leave it out")
    missing = [name for name in "xyz" if name not in table.columns]
    if missing:
        raise InputError(
            f"{option}: '{path}' lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"expected [tomo_id,]x,y,z[,score][,samplingRate], found {','.join(map(str, table.columns))}"
            f"{other_unit(table.columns)}"
        )
    if "tomo_id" not in table.columns:
        if _is_xmd(path):
            raise InputError(f"{option}: '{path}' lacks the column tiltSeriesId, which names the tomogram of each pick; add it")
        refuse_names(table, path, option)
        table["tomo_id"] = tomogram_id(path)
    if (unnamed := table["tomo_id"].isna() | (table["tomo_id"] == "")).any():
        where = _place(int(np.argmax(unnamed)), path)
        raise InputError(f"{option}: '{path}', {where}: tomo_id is empty; name its tomogram")
    if several := [name for name in table["tomo_id"].unique() if len(str(name).splitlines()) != 1]:
        raise InputError(
            f"{option}: '{path}': the tomo_id '{str(several[0]).splitlines()[0]}' goes on in the next line; correct "
            "the quotation marks"
        )
    without = [name for name in ANGLES if name not in table.columns]
    if 0 < len(without) < len(ANGLES):
        raise InputError(
            f"{option}: '{path}' lacks the column {without[0]}; an orientation has {', '.join(ANGLES)}, add it or "
            "remove the others"
        )
    for name in NUMBERS:
        if name in table:
            table[name] = _numbers(table[name], path, option, allow_empty=name in ("score", "group", *ANGLES))
    refuse_fractions(table[["x", "y", "z"]].to_numpy(float), f"{option}: '{path}'")
    if "group" in table:
        table["group"] = table["group"].fillna(0)
    if not without:
        doubt, believed = doubt_about([table[list(ANGLES)].to_numpy(float)])
        if doubt and notes is not None:
            notes.append(doubt)
        if not believed:
            table = table.drop(columns=list(ANGLES))
    return {str(tomo_id): rows for tomo_id, rows in table.groupby("tomo_id", sort=False)}


def _is_xmd(path: ReadOnce) -> bool:
    return path.name.endswith((".xmd", ".star")) or path.head(14) == b"# XMIPP_STAR_1"


def _read_csv(path: ReadOnce, option: str, notes: list[str] | None, unread: bool) -> pd.DataFrame:
    import pandas as pd

    separator = separator_of(path.head(65536))

    def read(**options: Any) -> pd.DataFrame:
        return pd.read_csv(
            without_comments(path.read_bytes()),
            sep=separator,
            skipinitialspace=True,
            index_col=False,
            keep_default_na=False,
            **options,
        )

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more fields than the header
            names = our_names(read(nrows=0).columns)
            words = [label for label, name in names.items() if name in ("tomo_id", "class") or name not in NUMBERS]
            table = read(dtype=dict.fromkeys(words, str), na_values={label: NO_NUMBER for label in names if label not in words})
    except UnicodeDecodeError as error:
        raise InputError(f"{option}: '{path}' is no CSV in UTF-8; if it is a table, save it as CSV UTF-8") from error
    except (ValueError, pd.errors.ParserWarning) as error:
        raise InputError(
            f"{option}: '{path}' is not a CSV file ({str(error).splitlines()[0]}); expected a header {','.join(REQUIRED)}[,score]"
        ) from error
    require_text(path, option)
    _refuse_cut_off(path, separator, option)
    if twice := [name for name in table.columns if f"{name}.1" in table.columns]:
        raise InputError(f"{option}: '{path}' has the column {twice[0]} twice; remove one")
    if notes is not None:
        notes += filter(None, [other_names(names)])
        if unread and (
            others := [label for label, name in names.items() if name not in (*REQUIRED, *OPTIONAL, COUNT, *OUR_RESULTS)]
        ):
            notes.append(f"columns not read: {listed(others, 12, '')}")
        notes += [
            f"column {label} is not read; if the coordinates are in voxels of this size, call it samplingRate"
            for label in names
            if label.strip().lower() in RATE_NAMES and "samplingRate" not in names.values()
        ]
    table = table.rename(columns=names)
    for name in {"tomo_id", "class"} & set(table.columns):
        table[name] = [from_cell(cell) if isinstance(cell, str) else cell for cell in table[name]]
    return table


def _refuse_cut_off(path: ReadOnce, separator: str, option: str) -> None:
    """Refuse a last line that has fewer values than the header and no end: pandas would fill it up."""
    content = path.read_bytes()
    last = content[content.rstrip(b"\n").rfind(b"\n") + 1 :]
    missing = first_line(path.head(65536)).count(separator) - last.count(separator.encode())
    if missing > 0 and not last.endswith(b"\n") and b'"' not in last:
        raise InputError(
            f"{option}: '{path}': its last line lacks {missing} values of those in the header; the file is cut off "
            "there, write it again"
        )


def _read_xmd(path: str | os.PathLike, option: str, final_score: bool, notes: list[str] | None) -> pd.DataFrame:
    import pandas as pd

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
    if final_score and notes is not None and (others := [label for label in columns if label not in XMD_LABELS]):
        notes.append(f"columns not read: {listed(others, 12, '')}")
    if final_score and FINAL_SCORE in columns:
        table["score"] = columns[FINAL_SCORE]
    for name in {"score", *ANGLES} & set(table.columns):
        table.loc[(table[name] > 0) & (table[name] < 1e-300), name] = np.nan
    return table


def _numbers(column: pd.Series, path: ReadOnce, option: str, allow_empty: bool) -> pd.Series:
    import pandas as pd

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
        raise InputError(
            f"{option}: '{path}', {_place(row, path)}: {column.name} is '{column.iloc[row]}', {expected}; correct "
            "or remove that row"
        )
    return values


def _place(row: int, path: ReadOnce) -> str:
    """Where the row of a table stands: its line in a CSV, its number in an XMD."""
    if _is_xmd(path):
        return f"pick {row + 1}"
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        lines = [number for number, line in enumerate(file, start=1) if line.strip() and not line.startswith("#")]
    return f"line {lines[row + 1]}" if row + 1 < len(lines) else f"pick {row + 1}"


def species_of(column: pd.Series) -> np.ndarray:
    """(n,) names of a column class; empty where it names none."""
    return column.fillna("").astype(str).replace(NO_SPECIES, "").to_numpy(object)


KEEPS = frozenset({"score", "angles", "group", "species"})
CSV = Format("csv", "CSV (tomo_id,x,y,z,...)", (".csv",), _sniff_csv, parse, write_csv, KEEPS, as_they_stand=True, family="csv")
XMD = Format("xmd", "Xmipp metadata", (".xmd",), _sniff_xmd, parse, write_xmd, KEEPS)
