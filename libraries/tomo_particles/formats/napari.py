"""Points of napari (.csv): index, axis-0, axis-1, axis-2, and what else the layer knows of its points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from ..core.picks import Picks
from .labelled import read_labelled, sniff_labels
from .model import BY_FILE, Context, Format, Found

AXES = ("axis-0", "axis-1", "axis-2")  # of the array of a tomogram: z, y, x
FURTHER_AXIS = "axis-3"


def _sniff(head: bytes) -> bool:
    return sniff_labels(head, ("index", *AXES))


def parse(path: Path, option: str) -> list[Found]:
    """Indices z, y, x of the array, in voxels (napari saves them before its own scale); a property `score`, or the only one
    with another usual name of it, is the score."""
    table = read_labelled(path, AXES, option)
    if FURTHER_AXIS in table.columns:
        raise InputError(
            f"{option}: '{path}' holds points with more than three axes, and nothing says which of them are z, y, "
            "x; save the points of one tomogram"
        )
    label = table.score_label
    score = table.numbers(label, allow_empty=True) if label else None
    notes = (f"column {label} is read as the score",) if label not in ("", "score") else ()
    further = table.unread("index", *AXES, label)
    return [Found(path.name, BY_FILE, table.positions(reversed(AXES)), score=score, further=further, notes=notes)]


def write(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """Points that napari opens by drag and drop on the tomogram; the score is a property of each point."""
    import pandas as pd

    (own,) = picks.values()
    columns = dict(zip(reversed(AXES), own.positions.T, strict=True))
    table = {axis: columns[axis] for axis in AXES} | ({"score": own.score} if np.isfinite(own.score).any() else {})
    pd.DataFrame(table).to_csv(path, index_label="index", float_format="%.9g")


NAPARI = Format("napari", "napari points", (".csv",), _sniff, parse, write, frozenset({"score"}), single=True)
