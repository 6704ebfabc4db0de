"""What a model file says of the scores of the picks that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import InputError
from ..learning.model_files import read_scores_text
from .fitted_score import FittedScore


def verdict_in(model: str | Path) -> str:
    """The verdict in a few words; empty for a model that holds none."""
    try:
        text = read_scores_text(model)
        return FittedScore.from_json(text).verdict.text if text else ""
    except (InputError, ValueError):
        return ""


def why_unfit(model: str | Path, names: Sequence[str]) -> str:
    """Why a model gives no final scores to one tomogram of pickers with these names; empty if it does."""
    try:
        text = read_scores_text(model)
        if not text:
            return f"'{model}' does not hold what final scores depend on"
        FittedScore.from_json(text).for_pickers(names)
    except (InputError, ValueError) as error:
        return str(error)
    return ""
