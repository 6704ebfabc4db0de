"""Motive lists of STOPGAP (.star, table data_stopgap_motivelist), as cryoCAT writes them, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from ..core.picks import Picks
from .conventions import from_tom, to_tom
from .dynamo import names_beside, write_names
from .model import BY_NAME, BY_NUMBER, Context, Format, Found, text_of
from .star import StarTable, read_star, require_columns, require_places, whole_numbers, write_star

TABLE = "stopgap_motivelist"
FIRST_VOXEL = 1  # MATLAB counts from 1
POSITION, SHIFT = ("orig_x", "orig_y", "orig_z"), ("x_shift", "y_shift", "z_shift")
TURNS = ("phi", "the", "psi")  # in the order of the turns, as `from_tom` takes them


def _sniff(head: bytes) -> bool:
    return "data_" + TABLE in text_of(head)


def parse(path: Path, option: str) -> list[Found]:
    """Voxels from 1, position + shift; the tomogram is a number of a list of names (.doc) beside it, or of the user's."""
    tables = read_star(path, option)
    if TABLE not in tables:
        raise InputError(f"{option}: '{path}' has no table data_{TABLE}, only {', '.join(tables)}; it is no list of STOPGAP")
    table = tables[TABLE]
    require_columns(table, (*POSITION, *SHIFT, *TURNS, "tomo_num"), path, option)

    def columns(labels: tuple[str, ...]) -> np.ndarray:
        return np.stack([table.numbers(label, path, option) for label in labels], axis=1).reshape(-1, 3)

    places, turns = columns(POSITION), columns(TURNS)
    require_places(places, ", ".join(POSITION), path, option)
    positions = places + columns(SHIFT) - FIRST_VOXEL
    angles = turns if turns.any() else np.full(turns.shape, np.nan)
    score, classes, objects = (_optional(table, label, path, option) for label in ("score", "class", "object"))
    objects = whole_numbers(objects, "object", table.lines, path, option)
    species = np.array([f"{one:g}" for one in classes], dtype=object) if (classes > 1).any() else None
    tomograms = whole_numbers(table.numbers("tomo_num", path, option), "tomo_num", table.lines, path, option)
    names = names_beside(path, option)
    return [
        Found(
            names.get(number, str(number)),
            BY_NAME if number in names else BY_NUMBER,
            positions[own],
            score=score[own] if score.any() else None,
            angles=angles[own],
            convention=from_tom,
            group=objects[own],
            species=None if species is None else species[own],
        )
        for number in dict.fromkeys(tomograms.tolist())
        for own in [tomograms == number]
    ]


def _optional(table: StarTable, label: str, path: object, option: str) -> np.ndarray:
    return table.numbers(label, path, option) if label in table.columns else np.zeros(len(table))


def write(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """The list, and beside it the .doc list that says which tomogram each number is."""
    every = list(picks.values())
    count = sum(map(len, every))
    positions = np.concatenate([one.positions for one in every]) + FIRST_VOXEL
    whole = np.round(positions)  # STOPGAP cuts at whole voxels, and shifts by the rest
    turns = np.nan_to_num(to_tom(np.concatenate([one.angles for one in every])))
    score = np.nan_to_num(np.concatenate([one.score for one in every]))
    numbers = list(range(1, count + 1))
    tomograms = np.repeat(np.arange(1, len(every) + 1), [len(one) for one in every])
    columns: dict[str, list] = {
        "motl_idx": numbers,
        "tomo_num": tomograms.tolist(),
        "object": np.concatenate([one.group for one in every]).tolist(),
        "subtomo_num": numbers,
        "halfset": ["AB"[number % 2] for number in range(count)],
        **dict(zip(POSITION, whole.astype(int).T.tolist(), strict=True)),
        "score": score.tolist(),
        **dict(zip(SHIFT, (positions - whole).T.tolist(), strict=True)),
        **dict(zip(TURNS, turns.T.tolist(), strict=True)),
        "class": [1] * count,
    }
    write_star(path, TABLE, columns)
    write_names(path, picks, context)


STOPGAP = Format(
    "stopgap",
    "STOPGAP motive list",
    (".star",),
    _sniff,
    parse,
    write,
    frozenset({"score", "angles", "group"}),
    fills=frozenset({"score", "angles"}),
)
