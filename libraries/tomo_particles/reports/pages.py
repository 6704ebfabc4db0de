"""Pages of HTML from the templates of this folder."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.files import written_aside


def write_html(path: str | os.PathLike, template: str, **content: object) -> None:
    """Write a page from a template of this folder; whatever is in names and texts is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = templates.get_template(template).render(**content)
    with written_aside(path) as aside:
        aside.write_text(page, encoding="utf-8")
