"""STAR files, read line by line: whatever is wrong is refused with its line.

Other readers pass over what is wrong. emtable, which comes with Scipion, stops at an empty line inside a table, cuts long rows
and refuses a column that is called as a word of Python (`class`, in STOPGAP's lists). Each line would have to be looked at
before, and then nothing is left for emtable to do. starfile needs pyarrow, 55 MB, with the pandas that Scipion brings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core.errors import InputError, parameter
from .model import lines_of

_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|\S+")
PACKED = 10_000  # rows
NO_VALUE = {"", "<na>", "nan", "none", "null", "inf", "+inf", "-inf"}


@dataclass(frozen=True)
class StarTable:
    """columns: values as text by label, without the underscore.  lines: (n,) line of each row in the file.

    start: line of the file where its block begins.
    """

    name: str
    columns: Mapping[str, list[str]]
    lines: list[int]
    start: int = 1

    def __len__(self) -> int:
        return len(self.lines)

    def numbers(self, label: str, path: object, option: str, allow_empty: bool = False) -> np.ndarray:
        """(n,) floats of a column; NaN for no value, if that is allowed. Raises InputError naming the line."""
        return numbers_of(self.columns[label], label, self.lines, path, option, allow_empty)


def numbers_of(
    values: Sequence[str], label: str, lines: Sequence[int], path: object, option: str, allow_empty: bool = False
) -> np.ndarray:
    """(n,) floats of texts, NaN or infinite for no value if that is allowed.

    Raises InputError naming the line of the first that is no number.
    """
    numbers = np.array([_number(value) for value in values], dtype=float)
    if np.isfinite(numbers).all():
        return numbers
    empty = np.array([str(value).strip().lower() in NO_VALUE for value in values], dtype=bool)
    bad = ~np.isfinite(numbers) & ~(empty & allow_empty)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"{option}: '{path}', line {lines[row]}: {label} is '{values[row]}', not a number; correct or remove that line"
        )
    return numbers


def whole_numbers(numbers: np.ndarray, label: str, lines: Sequence[int], path: object, option: str) -> np.ndarray:
    """(n,) int. Raises InputError naming the line of the first that is not whole."""
    bad = numbers % 1 != 0
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"{option}: '{path}', line {lines[row]}: {label} is {numbers[row]:g}, not a whole number; correct or remove that line"
        )
    return numbers.astype(int)


def require_places(places: np.ndarray, columns: str, path: object, option: str) -> None:
    """Raise InputError for places (n, 3) that are all 0, as a file states them: particles that nobody placed, or lost columns."""
    if len(places) and not places.any():
        raise InputError(
            f"{option}: '{path}': {columns} are 0 for every particle, so it does not say where they are; columns are missing, or "
            "it is of particles without a tomogram"
        )


def _number(value: str) -> float:
    try:
        return float(value) if "_" not in value else np.nan  # for Python 1_20 is 120
    except ValueError:
        return np.nan


@dataclass
class _Block:
    name: str
    start: int
    labels: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)  # row by row, of the rows that are not packed yet
    packed: list[list[str]] = field(default_factory=list)  # of each column
    lines: list[int] = field(default_factory=list)
    loop: bool = False
    ended: bool = False

    def pack(self) -> None:
        """Put the words of the last rows behind those of their columns."""
        width = len(self.labels)
        self.packed = self.packed or [[] for _ in self.labels]
        for column, parts in enumerate(self.packed):
            parts.append("\n".join(self.words[column::width]))
        self.words.clear()


class Columns(Mapping[str, list[str]]):
    """The columns of a table, each kept as a few long texts: a text a word takes five times the memory of the file."""

    def __init__(self, texts: dict[str, list[str]]) -> None:
        self._texts = texts

    def __getitem__(self, label: str) -> list[str]:
        return [word for text in self._texts[label] for word in text.split("\n")]

    def __contains__(self, label: object) -> bool:
        return label in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def read_star(path: Path, option: str) -> dict[str, StarTable]:
    """The tables of a STAR file by the name of their block, for formats that have one of each.

    Raises InputError as `read_tables`, and for two tables of a name.
    """
    tables: dict[str, StarTable] = {}
    for table in read_tables(path, option):
        first = tables.setdefault(table.name, table)
        if first is not table:
            raise InputError(
                f"{option}: '{path}' has two tables data_{table.name}, in lines {first.start} and {table.start}; "
                "write each to its own file"
            )
    return tables


def read_tables(path: Path, option: str) -> list[StarTable]:
    """The tables of a STAR file in their order; files that were joined have several of a name.

    Raises InputError for a file that is damaged, by line.
    """
    blocks = _blocks(lines_of(path), path, option)
    if not blocks:
        raise InputError(f"{option}: '{path}' has no data block, it is no STAR file; check the file")
    return [_table(block, path, option) for block in blocks]


def _blocks(text: Iterable[str], path: object, option: str) -> list[_Block]:
    blocks: list[_Block] = []
    for number, raw in enumerate(text, start=1):
        line = raw.strip()
        if line.startswith("data_"):
            blocks.append(_Block(line.split()[0][5:], number))
        elif blocks and not line.startswith("#"):
            _add_line(blocks[-1], line, number, path, option)
    return blocks


def _add_line(block: _Block, line: str, number: int, path: object, option: str) -> None:
    if not line:
        block.ended = bool(block.lines)  # the end of a table, for RELION as for emtable
        return
    words = [word.strip("'\"") for word in _WORD.findall(line)] if "'" in line or '"' in line else line.split()
    if line.startswith("loop_"):
        block.loop = True
    elif line.startswith("_") and not (block.loop and block.lines):
        block.labels.append(words[0][1:])
        if not block.loop:
            if len(words) < 2:
                raise InputError(f"{option}: '{path}', line {number}: {words[0]} has no value; write the file again")
            block.lines = [number]
            block.words.append(words[1])
    elif not block.loop or block.ended:
        why = "follows an empty line, where a table ends" if block.ended else "stands outside any table"
        raise InputError(f"{option}: '{path}', line {number}: '{line[:40]}' {why}; remove the empty line or write the file again")
    else:
        if len(words) != len(block.labels):
            raise InputError(
                f"{option}: '{path}', line {number}: {len(words)} values for {len(block.labels)} columns; the file "
                "is damaged or cut off there, correct that line or write the file again"
            )
        block.lines.append(number)
        block.words += words
        if len(block.lines) % PACKED == 0:
            block.pack()


def _table(block: _Block, path: object, option: str) -> StarTable:
    if twice := [label for label in block.labels if block.labels.count(label) > 1]:
        raise InputError(f"{option}: '{path}': table '{block.name}' has the column {twice[0]} twice; remove one")
    if block.words:
        block.pack()
    texts = block.packed or [[] for _ in block.labels]
    return StarTable(block.name, Columns(dict(zip(block.labels, texts, strict=True))), block.lines, block.start)


def table_with(labels: Collection[str], path: Path, option: str) -> StarTable:
    """The table of a STAR file that has one of these columns. Raises InputError if none has, or several have."""
    found = [table for table in read_tables(path, option) if not set(labels).isdisjoint(table.columns)]
    if not found:
        raise InputError(f"{option}: '{path}' has no table with the column {min(labels)}; check the file")
    if len(found) > 1:
        raise InputError(
            f"{option}: '{path}' has two tables of particles, in lines {found[0].start} and {found[1].start}; write "
            "each to its own file"
        )
    return found[0]


def require_columns(table: StarTable, labels: Sequence[str], path: object, option: str) -> None:
    """Raise InputError for the first label that the table lacks."""
    for label in labels:
        if label not in table.columns:
            raise InputError(f"{option}: '{path}' lacks the column {label}; found {', '.join(list(table.columns)[:8]) or 'none'}")


def write_star(path: Path, block: str, columns: dict[str, list]) -> None:
    """Write one table. Raises InputError for a text with a blank: the STAR readers of the field split it."""
    for label, values in columns.items():
        if split := [value for value in values if isinstance(value, str) and len(value.split()) != 1]:
            raise InputError(
                f"{parameter('output')}: '{split[0]}' cannot be a {label} of a STAR file, which splits at "
                "blanks; give the tomogram another name"
            )
    with path.open("w", encoding="utf-8") as file:
        file.write(f"\ndata_{block}\n\nloop_\n" + "".join(f"_{label} #{i}\n" for i, label in enumerate(columns, start=1)))
        file.writelines(" ".join(map(_word, row)) + "\n" for row in zip(*columns.values(), strict=True))
        file.write("\n")


def _word(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value)
