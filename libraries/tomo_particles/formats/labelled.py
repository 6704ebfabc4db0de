"""Tables with a header whose labels say what each column is, as napari, pyTME and the CZII challenge write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from ..core.picks import NO_SPECIES
from .headers import SCORE_NAMES
from .model import read_text, text_of
from .star import numbers_of

SEPARATORS = "\t;,"


@dataclass(frozen=True)
class Labelled:
    """columns: values as text by label.  lines: (n,) line of each row.  path, option: for messages."""

    columns: dict[str, list[str]]
    lines: list[int]
    path: Path
    option: str

    def numbers(self, label: str, allow_empty: bool = False) -> np.ndarray:
        """(n,) floats of a column. Raises InputError naming the line."""
        return numbers_of(self.columns[label], label, self.lines, self.path, self.option, allow_empty)

    def positions(self, labels: Iterable[str]) -> np.ndarray:
        """(n, 3) of three columns, in the given order."""
        return np.stack([self.numbers(label) for label in labels], axis=1).reshape(-1, 3)

    @property
    def score_label(self) -> str:
        """The column of the scores: `score`, else the only one with another usual name of a score; empty if there is none."""
        others = [label for label in self.columns if label.lower() in SCORE_NAMES]
        return "score" if "score" in self.columns else others[0] if len(others) == 1 else ""

    def unread(self, *read: str) -> dict[str, None]:
        """The labels that are none of these, for `Found.further`: they are of no use in another file, but their loss is said."""
        return dict.fromkeys(label for label in self.columns if label not in read)

    def words(self, label: str) -> np.ndarray:
        """(n,) texts of a column, empty for none."""
        return np.array(["" if value == NO_SPECIES else value for value in self.columns[label]], dtype=object)


def _separator(header: str) -> str:
    return next((sign for sign in SEPARATORS if sign in header), ",")


def _labels(header: str) -> list[str]:
    return [label.strip().strip('"') for label in header.split(_separator(header))]


def sniff_labels(head: bytes, labels: Iterable[str]) -> bool:
    """Whether the first line of a file has all of these labels."""
    lines = text_of(head[:65536]).splitlines()
    return bool(lines) and set(labels) <= set(_labels(lines[0]))


def read_labelled(path: Path, labels: Sequence[str], option: str) -> Labelled:
    """The columns of a table. Raises InputError for a column that lacks, and a row of another length, by line."""
    import csv

    lines = read_text(path).splitlines()
    header = _labels(lines[0])
    if missing := [label for label in labels if label not in header]:
        raise InputError(f"{option}: '{path}' lacks the column {missing[0]}; found {', '.join(header[:8])}")
    rows = [(number, row) for number, row in enumerate(csv.reader(lines, delimiter=_separator(lines[0])), start=1)][1:]
    rows = [(number, [word.strip() for word in row]) for number, row in rows if row]
    for number, row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{option}: '{path}', line {number}: {len(row)} values for {len(header)} columns; the file is "
                "damaged or cut off there, correct that line or write the file again"
            )
    columns = {label: [row[column] for _, row in rows] for column, label in enumerate(header)}
    return Labelled(columns, [number for number, _ in rows], path, option)
