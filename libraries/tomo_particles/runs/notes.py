"""What the programs of a run noted in files beside their outputs: each note once, with its tomograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.errors import listed
from .layout import RunLayout


def program_notes(layout: RunLayout, tomo_ids: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    """A line for each note on noise, boxes and training.

    labels: words for the labels whose boxes are extracted, by the label's name in this layout.
    """
    of_note: dict[tuple[str, str], list[str]] = {}
    for tomo_id in tomo_ids:
        paths = {"noise": layout.noise_note(tomo_id)}
        paths |= {f"boxes ({words})": layout.boxes_note(tomo_id, label) for label, words in labels.items()}
        for what, path in paths.items():
            if note := _text(path):
                of_note.setdefault((what, note), []).append(tomo_id)
    training = _text(layout.training_note)
    return [f"{what} of {listed(names)}: {note}" for (what, note), names in of_note.items()] + [training] * bool(training)


def derived_note(look: Mapping | None, answers: Mapping | None) -> str:
    """What the scores of derived pickers do not hold, where those of the other picks do; '' for nothing.

    look, answers: what the summary of a run says of the second look and of the answers of persons, None for none.
    """
    later = ["the second look"] * bool(look and look.get("used")) + ["the answers"] * bool(answers and answers.get("learned"))
    return f"scored without {' and without '.join(later)}, unlike the other picks" if later else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:  # the step was not needed, or an earlier version did it
        return ""
