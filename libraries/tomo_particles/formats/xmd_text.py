"""The text of XMD tables: one loop of words, read and written by columns, many times faster than cell by cell.

Every table is written here: Xmipp's own writer sees no full disk, and quotes no '#', '_' or 'data_' at the start of a word. What
is not plain (several tables, comments between the rows, words where numbers belong) is read in `xmd`, row by row: reading gives
None then.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Collection, Mapping
from itertools import islice, repeat
from pathlib import Path
from typing import Any, TextIO

Kind = type[int] | type[float] | type[str]

_HEADER = "# XMIPP_STAR_1 * \n# \ndata_{}\nloop_\n"
_FORMATS = {int: "%d", float: "%.9g", str: "%s"}
NO_VALUE = {"<na>", "nan", "none", "null", "-"}
_ROWS_AT_ONCE = 20_000  # some MB of text
_BARE = re.compile(r"(?!data_|loop_)[^\s'\"#;_][^\s'\"#;]*")  # a word that needs no quotes
_WORD = r"(?:'[^'\n]*'|\"[^\"\n]*\"|[^\s'\"#;_][^\s'\"]*)"
_WORDS = re.compile(_WORD, re.ASCII)
_ROW = re.compile(rf"\s*(?:{_WORD}\s+)*", re.ASCII)


def is_writable(word: str) -> bool:
    """Whether a word can stand in a table at all: it has quotes of one kind only, and no line break."""
    return not (("'" in word and '"' in word) or "\n" in word or "\r" in word)


def _quoted(word: str) -> str:
    if _BARE.fullmatch(word):
        return word
    return f'"{word}"' if "'" in word else f"'{word}'"


def write_plain(stream: TextIO, kinds: Mapping[str, Kind], columns: Mapping[str, list], block: str) -> None:
    """Write columns of equal length, of these kinds (numbers finite, words writable), as the table `block`."""
    stream.write(_HEADER.format(block) + "".join(f" _{name}\n" for name in columns))
    words, varying = [], []
    for name, values in columns.items():
        quoted = {word: _quoted(word) for word in set(values)} if kinds[name] is str else {}
        cells = [quoted[word] for word in values] if quoted else values
        if cells and cells.count(cells[0]) == len(cells):  # half of a table of picks: part of the line that is filled in
            words.append((_FORMATS[kinds[name]] % cells[0]).replace("%", "%%"))
        else:
            words.append(_FORMATS[kinds[name]])
            varying.append(cells)
    line = " ".join(words) + " \n"
    rows = zip(*varying, strict=True) if varying else repeat((), len(next(iter(columns.values()), ())))
    stream.writelines(map(line.__mod__, rows))


def read_plain(path: Path, kind_of: Callable[[str], Kind | None], may_lack: Collection[str] = ()) -> dict[str, list] | None:
    """The columns of a file that holds one plain table; None for any other file, and for a column without a kind.

    may_lack: columns where a word such as nan stands for no value, for which Xmipp has its smallest number.
    """
    with path.open(encoding="utf-8", newline="\n") as file:  # a carriage return between quotes stays
        try:
            names = _read_header(file)
            kinds = [kind_of(name) for name in names]
            if not names or None in kinds or len(set(names)) < len(names):
                return None
            columns: dict[str, list] = {name: [] for name in names}
            known: dict[str, str] = {}  # a word that many rows repeat is kept once
            while lines := list(islice(file, _ROWS_AT_ONCE)):
                for name, kind, words in zip(names, kinds, _words(lines, len(names)), strict=True):
                    columns[name] += _values(_with_numbers(words) if name in may_lack else words, kind, known)
        except ValueError:  # a byte that is no text as well
            return None
    return columns


def _read_header(file: TextIO) -> list[str]:
    """The names of the columns, the file then stands at its first row. Raises ValueError if the table is not plain."""
    lines = iter(file.readline, "")
    if not next(lines, "").startswith("# XMIPP_STAR_1"):
        raise ValueError("not a table of Xmipp")
    line = next((line for line in lines if not line.startswith("#")), "")
    if not line.startswith("data_") or next(lines, "").strip() != "loop_":
        raise ValueError("not a loop")
    names: list[str] = []
    while True:
        start = file.tell()
        words = file.readline().split()
        if len(words) != 1 or not words[0].startswith("_"):
            file.seek(start)
            return names
        names.append(words[0][1:])


def _words(lines: list[str], n: int) -> list[tuple[str, ...]]:
    """The columns of some rows of n words each. Raises ValueError for rows that are not plain."""
    text = "".join(lines)
    if any(mark in text for mark in "'\"#;"):
        if not all(_ROW.fullmatch(line + "\n") for line in lines):
            raise ValueError("comments or odd quotes")
        rows = [_WORDS.findall(line) for line in lines]
    else:
        rows = [line.split() for line in lines]
    if set(map(len, rows)) != {n}:
        raise ValueError("rows of different lengths")
    return list(zip(*rows, strict=True))


def _with_numbers(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words of a column of numbers, with Xmipp's number for the words that mean that there is none."""
    if not any(word.lower() in NO_VALUE for word in set(words)):
        return words
    return tuple(repr(sys.float_info.min) if word.lower() in NO_VALUE else word for word in words)


def _values(words: tuple[str, ...], kind: Any, known: dict[str, str]) -> list:
    """Words as values of a kind. Raises ValueError for numbers that Xmipp would read otherwise than Python, or not at all."""
    if len(words) > 1 and words[0] == words[-1] and words.count(words[0]) == len(words):
        return _values(words[:1], kind, known) * len(words)
    if kind is str:
        return [known.setdefault(word, word[1:-1] if word[0] in "'\"" else word) for word in words]
    values = list(map(kind, words))
    too_large = kind is int and max(map(abs, values), default=0) >= 2**31  # for Xmipp's whole numbers
    if too_large or "_" in "".join(words) or not math.isfinite(sum(values)):
        raise ValueError("not a plain number")
    return values
