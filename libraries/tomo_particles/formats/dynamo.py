"""Dynamo tables (.tbl) by dynamotable, with the list of tomograms (.doc) that may lie beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from ..core.picks import Picks
from .conventions import from_dynamo, to_dynamo
from .model import BY_NAME, BY_NUMBER, Context, Format, Found, read_text, text_of
from .star import numbers_of, require_places, whole_numbers

LEAST_COLUMNS = 26  # x, y, z are the columns 24 to 26
# The first voxel's outer corner is 0, so that voxel centres are at halves: Dynamo's wiki (Volume center), RELION's reader
# (`dynamo_particle.cpp`).
FIRST_VOXEL = 0.5
LISTS, CROPPED_LIST = (".doc", ".vll"), "indices_column20.doc"  # of the tomograms' names, beside a table
_COMPLEX = re.compile(r"([+-]?[\d.]+(?:e[+-]?\d+)?)[+-][\d.]+(?:e[+-]?\d+)?i", re.I)  # as MATLAB writes them, its real part
_INDEX = re.compile(r"\*\s*index\s*=\s*(\d+)")


def _sniff(head: bytes) -> bool:
    lines = [line for line in text_of(head[:65536]).splitlines() if line.strip()]
    words = lines[0].split() if lines else []
    return len(words) >= LEAST_COLUMNS and words[0][:1].isdigit() and "," not in lines[0]


def parse(path: Path, option: str) -> list[Found]:
    """Position x + dx; the tomogram is a number of the .doc list, the columns 36 (voxel size, where not 0) and 21 (group)."""
    import dynamotable

    lines = _check_lines(path, option)
    with path.open("rb") as file:
        table = dynamotable.read(file)

    notes: list[str] = []

    def column(name: str, needed: bool = True) -> np.ndarray:
        if table[name].dtype.kind in "if" and np.isfinite(numbers := table[name].to_numpy(float)).all():
            return numbers  # almost always, and in a tenth of the time
        words = list(map(str, table[name]))
        if not needed and (complexes := [row for row, word in enumerate(words) if _COMPLEX.fullmatch(word)]):
            notes.append(
                f"{name} is a complex number in {len(complexes)} of {len(words)} lines, the first in line "
                f"{lines[complexes[0]]}; its real part is taken"
            )
            words = [_COMPLEX.sub(r"\1", word) for word in words]
        return numbers_of(words, name, lines, path, option, allow_empty=not needed)

    places, shifts = (np.stack([column(before + axis) for axis in "xyz"], axis=1) for before in ("", "d"))
    require_places(places, "columns 24 to 26 (x, y, z)", path, option)
    positions = places + shifts - FIRST_VOXEL
    angles = np.stack([column(name, needed=False) for name in ("tdrot", "tilt", "narot")], axis=1)
    turned = np.nan_to_num(angles, posinf=0, neginf=0).any()
    if not turned:  # picks that nobody turned
        angles[:] = np.nan
    score, group = column("cc", needed=False), np.nan_to_num(column("reg", needed=False), posinf=0, neginf=0).astype(int)
    rates = np.nan_to_num(column("apix", needed=False), posinf=0, neginf=0) if "apix" in table else np.zeros(len(table))
    numbers, names = column("tomo"), names_beside(path, option)
    tomograms = whole_numbers(numbers, "tomo", lines, path, option)
    return [
        Found(
            names.get(number, str(number)),
            BY_NAME if number in names else BY_NUMBER,
            positions[own],
            rate=float(rate) if rate > 0 else None,
            score=score[own] if score.any() else None,
            angles=angles[own],
            convention=from_dynamo,
            group=group[own],
            notes=tuple(notes),
        )
        for number, rate in dict.fromkeys(zip(tomograms.tolist(), rates.tolist(), strict=True))
        for own in [(tomograms == number) & (rates == rate)]
    ]


def _check_lines(path: Path, option: str) -> list[int]:
    lines = enumerate(read_text(path).splitlines(), start=1)
    counts = [(number, count) for number, line in lines if (count := len(line.split()))]
    width = counts[0][1] if counts else 0
    if width < LEAST_COLUMNS:
        raise InputError(f"{option}: '{path}' has {width} columns; a Dynamo table has its positions in columns 24 to 26")
    for number, count in counts:
        if count != width:
            raise InputError(
                f"{option}: '{path}', line {number}: {count} values, {width} in the lines before; the file is "
                "damaged or cut off there, correct that line or write the file again"
            )
    return [number for number, _ in counts]


def names_beside(path: Path, option: str) -> dict[int, str]:
    """The list of tomograms that lies with a table: of its own name, or that of the data folder which Dynamo cropped."""
    beside = [path.with_suffix(ending) for ending in LISTS] + [path.with_name(CROPPED_LIST)]
    return next((read_list(one, option) for one in beside if one.is_file()), {})


def read_list(path: Path, option: str) -> dict[int, str]:
    """Paths of tomograms by their number: one number and path per line (.doc), or one path per line (.vll).

    In a volume list (Dynamo's wiki, *Volume list file*) `* index = 2` numbers the volume above, other volumes are counted;
    # are comments, > and ! what belongs to a volume.
    """
    lines = [(number, line.strip()) for number, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()]
    if path.suffix.lower() != ".vll":
        return _numbered(lines, path, option)
    volumes: list[str] = []
    numbers: dict[int, int] = {}  # by the place of the volume in the list
    for _, line in lines:
        if index := _INDEX.fullmatch(line):
            numbers[len(volumes) - 1] = int(index[1])
        elif line[0] not in "#*>!":
            volumes.append(line)
    return {numbers.get(place, place + 1): volume for place, volume in enumerate(volumes)}


def _numbered(lines: list[tuple[int, str]], path: object, option: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for number, line in lines:
        words = line.split(maxsplit=1)
        if len(words) != 2 or not words[0].isdigit():
            raise InputError(f"{option}: '{path}', line {number}: '{line[:60]}', expected a number and the path of a tomogram")
        names[int(words[0])] = words[1].strip()
    return names


def write(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """The table, and beside it the .doc list that says which tomogram each number is."""
    import dynamotable
    import pandas as pd

    every = list(picks.values())
    positions = np.concatenate([one.positions for one in every]) + FIRST_VOXEL
    angles = np.nan_to_num(to_dynamo(np.concatenate([one.angles for one in every])))
    sizes = [len(one) for one in every]
    table = {
        "tomo": np.repeat(np.arange(1, len(every) + 1), sizes),
        "apix": np.repeat([o.sampling_rate for o in every], sizes),
        "cc": np.nan_to_num(np.concatenate([one.score for one in every])),
        "reg": np.concatenate([one.group for one in every]),
        **dict(zip("xyz", positions.T, strict=True)),
        **dict(zip(("tdrot", "tilt", "narot"), angles.T, strict=True)),
    }
    dynamotable.write(pd.DataFrame(table), str(path))
    write_names(path, picks, context)


def write_names(path: Path, tomograms: Iterable[str], context: Context) -> None:
    """The list of tomograms (.doc) beside a table, in the order of their numbers."""
    paths = [context.tomogram(tomo_id).path or tomo_id for tomo_id in tomograms]
    path.with_suffix(".doc").write_text("".join(f"{i} {name}\n" for i, name in enumerate(paths, start=1)), encoding="utf-8")


DYNAMO = Format(
    "dynamo",
    "Dynamo table",
    (".tbl",),
    _sniff,
    parse,
    write,
    frozenset({"score", "angles", "group"}),
    fills=frozenset({"score", "angles"}),
)
