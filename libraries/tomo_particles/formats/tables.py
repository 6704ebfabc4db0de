"""Our own two formats, CSV and XMD, as the other programs of the plugin read and write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.picks import Picks
from .model import BY_FILE, BY_NAME, Context, Format, Found, text_of

if TYPE_CHECKING:
    import pandas as pd

ANGLES = ("rot", "tilt", "psi")
OPTIONAL = ("score", "class", *ANGLES, "group", "samplingRate")
SEPARATORS = (",", "\t", ";")
DEFAULT_BOX = 2  # voxels: particleSize of picks whose box nobody said; the programs that cut boxes ask for it


def _sniff_csv(head: bytes) -> bool:
    labels = header_of(head)
    return "tomo_id" in labels or set("xyz") <= labels <= {*"xyz", *OPTIONAL}


def header_of(head: bytes) -> set[str]:
    """The labels of a CSV by our names of them, from the beginning of the file."""
    labels = [word.strip().strip('"') for word in _first_line(head).split(separator_of(head))]
    return {our_names(labels)[label] for label in labels}


def separator_of(head: bytes) -> str:
    """What separates the columns of a table, from the beginning of the file: the first of SEPARATORS that its header has."""
    header = _first_line(head)
    return next((sign for sign in SEPARATORS if sign in header), SEPARATORS[0])


def our_names(labels: Iterable[str]) -> dict[str, str]:
    """By each label of a table our name of it: that which differs in capitals only (X, Tomo_ID), unless two labels do."""
    ours = {name.lower(): name for name in ("tomo_id", *"xyz", *OPTIONAL)}
    meant = {label: ours.get(label.strip().lower(), label) for label in labels}
    every = list(meant.values())
    return {label: name if every.count(name) == 1 else label for label, name in meant.items()}


def _first_line(head: bytes) -> str:
    lines = (line for line in text_of(head[:65536]).splitlines() if line.strip() and not line.startswith("#"))
    return next(lines, "")


def _sniff_xmd(head: bytes) -> bool:
    text = text_of(head)
    labels = {line.split()[0] for line in text.splitlines()[:200] if line.startswith((" _", "_"))}
    return text.lstrip().startswith("# XMIPP_STAR_1") or bool(labels & {"_x", "_xcoor"})


def is_nameless(path: Path) -> bool:
    """Whether a file is a CSV of one tomogram: it has our columns, but none that names the tomogram."""
    with path.open("rb") as file:
        labels = header_of(file.read(65536))
    return "tomo_id" not in labels and set("xyz") <= labels <= {*"xyz", *OPTIONAL}


def _found(name: str, named: str, rows: pd.DataFrame) -> list[Found]:
    from .pick_files import species_of

    rates = rows["samplingRate"].to_numpy(float) if "samplingRate" in rows else np.zeros(len(rows))
    found = []
    for rate in dict.fromkeys(rates.tolist()):
        own = rows[rates == rate]
        found.append(Found(
            name, named, own[["x", "y", "z"]].to_numpy(float), rate=float(rate) or None,
            score=own["score"].to_numpy(float) if "score" in own else None,
            angles=own[list(ANGLES)].to_numpy(float) if all(angle in own for angle in ANGLES) else None,
            group=own["group"].to_numpy(int) if "group" in own else None,
            species=species_of(own["class"]) if "class" in own else None))
    return found


def parse(path: Path, option: str) -> list[Found]:
    """One Found a tomogram; `pick_files` says what the columns are. Without the column tomo_id the file's name is that of it."""
    from .pick_files import rows_by_tomogram

    named = BY_FILE if is_nameless(path) else BY_NAME
    groups = rows_by_tomogram(path, option, final_score=True)
    return [found for name, rows in groups.items() for found in _found(path.name if named == BY_FILE else name, named, rows)]


def write_csv(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """tomo_id,x,y,z[,score][,class][,rot,tilt,psi][,group],samplingRate."""
    import pandas as pd

    every = list(picks.values())
    columns: dict[str, object] = {"tomo_id": [one.tomo_id for one in every for _ in range(len(one))]}
    columns |= dict(zip("xyz", np.concatenate([one.positions for one in every]).T, strict=True))
    score, angles, group, species = (np.concatenate([getattr(one, name) for one in every])
                                     for name in ("score", "angles", "group", "species"))
    if np.isfinite(score).any():
        columns["score"] = score
    if any(species):
        columns["class"] = species
    if np.isfinite(angles).any():
        columns |= dict(zip(ANGLES, angles.T, strict=True))
    if group.any():
        columns["group"] = group
    columns["samplingRate"] = [one.sampling_rate for one in every for _ in range(len(one))]
    pd.DataFrame(columns).to_csv(path, index=False, float_format="%.9g")


def write_xmd(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """The columns of the data contract; particleSize is not known here and 2."""
    from .xmd import join_tables, picks_columns, write_table

    table = join_tables([picks_columns(own, DEFAULT_BOX, context.frame(tomo_id).path or tomo_id)
                         for tomo_id, own in picks.items()])
    table["particleId"] = list(range(1, len(table["x"]) + 1))
    write_table(path, table)


KEEPS = frozenset({"score", "angles", "group", "species"})
CSV = Format("csv", "CSV (tomo_id,x,y,z,...)", (".csv",), _sniff_csv, parse, write_csv, KEEPS)
XMD = Format("xmd", "Xmipp metadata", (".xmd",), _sniff_xmd, parse, write_xmd, KEEPS)
