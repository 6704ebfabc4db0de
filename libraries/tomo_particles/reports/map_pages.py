"""One HTML file about maps: figures and tables in sections. It can be read without internet and without other files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .html_report import Picture, write_html


@dataclass(frozen=True)
class Section:
    """table: the header, then the rows."""

    title: str
    text: str = ""
    pictures: Sequence[Picture] = ()
    table: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Page:
    """lead: the main result in a sentence.  cards: name and value of the main numbers."""

    title: str
    folder: str
    lead: str
    cards: Mapping[str, str]
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


def with_signs(text: str) -> str:
    """With the signs that a terminal may lack: Å, which stays on the line of its number, and ±."""
    return re.sub(r"(?<=[\d,]) A\b", "\u00a0Å", text).replace("+-", "±")


def write_page(path: str | os.PathLike, page: Page) -> None:
    """Write the page as HTML; whatever is in names and texts is escaped."""
    write_html(path, "maps_template.html", page=page)
