"""One HTML file about maps: figures and tables in sections. It can be read without internet and without other files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.files import written_aside
from .html_report import Picture


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


def write_page(path: str | os.PathLike, page: Page) -> None:
    """Write the page as HTML; whatever is in names and texts is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = templates.get_template("maps_template.html").render(page=page)
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")
