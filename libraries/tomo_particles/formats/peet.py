"""Motive lists of PEET (.csv): orientations and offsets of the points of an IMOD model, which lies beside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from . import imod
from .conventions import from_tom
from .labelled import read_labelled, sniff_labels
from .model import BY_NAME, Format, Found
from .star import whole_numbers

OFFSETS = ("xOffset", "yOffset", "zOffset")
TURNS = ("EulerZ(1)", "EulerX(2)", "EulerZ(3)")  # in the order of the turns
POINT, SCORE = "pIndex", "CCC"
DUPLICATE = -9999  # the class that PEET gives to a particle which is another one again


def _sniff(head: bytes) -> bool:
    return sniff_labels(head, (SCORE, POINT, *OFFSETS, *TURNS))


def parse(path: Path, option: str) -> list[Found]:
    """The model's point pIndex (from 1) + offset, voxels; angles as of TOM's lists, whose 20 columns these are.

    So a script reads them that averages PEET's particles in Dynamo (Yi-Wei Chang's lab): tdrot, tilt, narot are -EulerZ(3),
    -EulerX(2), -EulerZ(1).
    """
    table = read_labelled(path, (SCORE, POINT, *OFFSETS, *TURNS), option)
    model = _model_of(path, option)
    (points,) = imod.parse(model, option)
    index = whole_numbers(table.numbers(POINT), POINT, table.lines, path, option) - 1
    if wrong := [line for line, own in zip(table.lines, index, strict=True) if not 0 <= own < len(points.positions)]:
        raise InputError(
            f"{option}: '{path}', line {wrong[0]}: there is no such point in '{model.name}', which has "
            f"{len(points.positions)}; put the model of this list beside it"
        )
    classes = table.numbers("class") if "class" in table.columns else np.zeros(len(index))
    kept = classes != DUPLICATE
    notes = () if kept.all() else (f"{int((~kept).sum())} duplicates (class {DUPLICATE}) are left out",)
    turns, score = table.positions(TURNS), table.numbers(SCORE)
    angles = turns if turns.any() else np.full(turns.shape, np.nan)
    species = [f"{one:g}" for one in classes] if (classes > 0).any() else np.asarray(points.species, dtype=object)[index]
    return [
        replace(
            points,
            name=model.stem,
            named=BY_NAME,
            notes=notes,
            angles=angles[kept],
            convention=from_tom,
            positions=(points.positions[index] + table.positions(OFFSETS))[kept],
            score=score[kept] if score.any() else None,
            group=np.asarray(points.group)[index][kept],
            species=np.asarray(species, dtype=object)[kept],
        )
    ]


def _model_of(path: Path, option: str) -> Path:
    """The model beside a list: the one with the longest name that the name of the list begins with."""
    fitting = [model for model in path.parent.glob("*.mod") if path.stem.startswith(model.stem)]
    if not fitting:
        raise InputError(
            f"{option}: '{path}' holds offsets and orientations only, of the points of an IMOD model; put this "
            f"model beside it, under a name that the list's begins with, as '{path.stem.partition('_MOTL')[0]}.mod'"
        )
    return max(fitting, key=lambda model: len(model.stem))


PEET = Format("peet", "PEET motive list", (".csv",), _sniff, parse)
