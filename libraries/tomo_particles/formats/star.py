"""STAR files through emtable, the reader of Scipion's RELION plugin; what it would pass over in silence is refused by line.

emtable stops at an empty line inside a table and cuts long rows, so the lines are looked at first. (starfile, the other common
reader, needs pyarrow, 55 MB, with the pandas that Scipion brings; emtable comes with Scipion.)
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import InputError, parameter
from .model import read_text

_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|\S+")
NO_VALUE = {"", "<na>", "nan", "none", "null"}


@dataclass(frozen=True)
class StarTable:
    """columns: values as text by label, without the underscore.  lines: (n,) line of each row in the file.

    start: line of the file where its block begins.
    """

    name: str
    columns: dict[str, list[str]]
    lines: list[int]
    start: int = 1

    def __len__(self) -> int:
        return len(self.lines)

    def numbers(self, label: str, path: object, option: str, allow_empty: bool = False) -> np.ndarray:
        """(n,) floats of a column; NaN for no value, if that is allowed. Raises InputError naming the line."""
        return numbers_of(self.columns[label], label, self.lines, path, option, allow_empty)


def numbers_of(values: Sequence[str], label: str, lines: Sequence[int], path: object, option: str,
               allow_empty: bool = False) -> np.ndarray:
    """(n,) floats of texts. Raises InputError naming the line of the first that is no number."""
    numbers = np.array([_number(value) for value in values], dtype=float)
    empty = np.array([str(value).strip().lower() in NO_VALUE for value in values], dtype=bool)
    bad = ~np.isfinite(numbers) & ~(empty & allow_empty)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"{option}: '{path}', line {lines[row]}: {label} is '{values[row]}', not a number; correct or remove "
                         "that line")
    return numbers


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return np.nan


@dataclass
class _Block:
    name: str
    text: list[str]
    labels: list[str]
    lines: list[int]
    start: int
    loop: bool = False
    ended: bool = False


def read_star(path: Path, option: str) -> dict[str, StarTable]:
    """The tables of a STAR file by the name of their block, for formats that have one of each.

    Raises InputError as `read_tables`, and for two tables of a name.
    """
    tables: dict[str, StarTable] = {}
    for table in read_tables(path, option):
        first = tables.setdefault(table.name, table)
        if first is not table:
            raise InputError(f"{option}: '{path}' has two tables data_{table.name}, in lines {first.start} and {table.start}; write "
                             "each to its own file")
    return tables


def read_tables(path: Path, option: str) -> list[StarTable]:
    """The tables of a STAR file in their order; files that were joined have several of a name.

    Raises InputError for a file that is damaged, by line.
    """
    blocks = _blocks(read_text(path), path, option)
    if not blocks:
        raise InputError(f"{option}: '{path}' has no data block, it is no STAR file; check the file")
    return [_table(block, path, option) for block in blocks]


def _blocks(text: str, path: object, option: str) -> list[_Block]:
    blocks: list[_Block] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith("data_"):
            blocks.append(_Block(line.split()[0][5:], [], [], [], number))
        elif blocks and not line.startswith("#"):
            _add_line(blocks[-1], line, number, path, option)
    return blocks


def _add_line(block: _Block, line: str, number: int, path: object, option: str) -> None:
    if not line:
        block.ended = bool(block.lines)  # the end of a table, for RELION as for emtable
        return
    words = _WORD.findall(line)
    if line.startswith("loop_"):
        block.loop = True
    elif line.startswith("_") and not (block.loop and block.lines):
        block.labels.append(words[0][1:])
        if not block.loop:
            block.lines = [number]
            if len(words) < 2:
                raise InputError(f"{option}: '{path}', line {number}: {words[0]} has no value; write the file again")
    elif not block.loop or block.ended:
        why = "follows an empty line, where a table ends" if block.ended else "stands outside any table"
        raise InputError(f"{option}: '{path}', line {number}: '{line[:40]}' {why}; remove the empty line or write the file again")
    else:
        if len(words) != len(block.labels):
            raise InputError(f"{option}: '{path}', line {number}: {len(words)} values for {len(block.labels)} columns; the file "
                             "is damaged or cut off there, correct that line or write the file again")
        block.lines.append(number)
    block.text.append(line)


def _table(block: _Block, path: object, option: str) -> StarTable:
    from emtable import Table

    if not block.labels:
        return StarTable(block.name, {}, [], block.start)
    table = Table()
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints the row that it cannot read
            table.readStar(io.StringIO("\n".join(["data_", *block.text])), tableName="", guessType=False)
        rows = [tuple(row) for row in table]
        if len(rows) != len(block.lines):
            raise ValueError(f"{len(rows)} of {len(block.lines)} rows read")
    except Exception as error:  # emtable raises bare Exceptions
        line, why = (block.lines or [1])[0], str(error) or type(error).__name__
        raise InputError(f"{option}: '{path}', line {line}: table '{block.name}' cannot be read ({why}); write the file "
                         "again") from error
    values = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in block.labels]
    return StarTable(block.name, dict(zip(table.getColumnNames(), values, strict=True)), block.lines, block.start)


def require_columns(table: StarTable, labels: Sequence[str], path: object, option: str) -> None:
    """Raise InputError for the first label that the table lacks."""
    for label in labels:
        if label not in table.columns:
            raise InputError(f"{option}: '{path}' lacks the column {label}; found {', '.join(list(table.columns)[:8]) or 'none'}")


def write_star(path: Path, block: str, columns: dict[str, list]) -> None:
    """Write one table. Raises InputError for a text with a blank: the STAR readers of the field split it."""
    from emtable import Table

    for label, values in columns.items():
        if split := [value for value in values if isinstance(value, str) and len(value.split()) != 1]:
            raise InputError(f"{parameter('output')}: '{split[0]}' cannot be a {label} of a STAR file, which splits at "
                             "blanks; give the tomogram another name")
    table = Table(columns=list(columns))
    for row in zip(*columns.values(), strict=True):
        table.addRow(*row)
    table.write(str(path), tableName=block)
