"""The names of Scipion in what the averaging programs wrote: they know the files of the run only."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from markupsafe import escape

from tomo_particles.core.files import file_stem, written_aside

from ...files import AveragingFiles


def names_of_tomograms(files: AveragingFiles, ts_ids: list[str]) -> dict[str, str]:
    """The tilt-series id for the link to each tomogram, and for the name that the program takes from it."""
    return {said: ts_id for ts_id in ts_ids for said in (files.tomogram(ts_id), file_stem(ts_id)) if said != ts_id}


def rename_results(files: AveragingFiles, names: Mapping[str, str]) -> None:
    """Put the names in the notes of the summary and in the page. names: by what the program wrote."""
    path = Path(files.summary)
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["notes"] = [renamed(note, names) for note in summary["notes"]]
    texts = {path: json.dumps(summary, indent=1)}
    if os.path.exists(files.report):
        escaped = {str(escape(said)): str(escape(name)) for said, name in names.items()}  # as the page has them
        texts[Path(files.report)] = renamed(Path(files.report).read_text(encoding="utf-8"), escaped)
    for written, text in texts.items():
        with written_aside(written) as aside:
            aside.write_text(text, encoding="utf-8")


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The longest first: the name of a file is a part of its path."""
    for said in sorted(names, key=len, reverse=True):
        text = text.replace(said, names[said])
    return text
