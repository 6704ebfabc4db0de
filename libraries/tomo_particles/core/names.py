"""Names of files, tomograms and classes where other programs read them: figures, and cells of a spreadsheet."""

from __future__ import annotations

import re

# What a spreadsheet takes for a formula: these signs, but not numbers such as -0.5+0.2 or -nan.
_RUNS = re.compile(r"'*(?:[=@\t\r]|[+-](?![\d.]|nan|inf))")
_HELD_BACK = re.compile(r"'+[=@\t\r+-]")


def drawn(text: str) -> str:
    """A name as matplotlib shows it: with $ it would set formulas, a legend leaves out what begins with _, no font has tabs."""
    shown = "".join(character if character.isprintable() or character == "\n" else " " for character in text)
    return (" " if text.startswith("_") else "") + shown.replace("$", r"\$")


def to_cell(text: str) -> str:
    """A name as a cell of a CSV: one that a spreadsheet would run as a formula gets a ' before it, as spreadsheets have it."""
    return f"'{text}" if _RUNS.match(text) else text


def from_cell(cell: str) -> str:
    """The opposite of `to_cell`."""
    return cell[1:] if _HELD_BACK.match(cell) else cell
