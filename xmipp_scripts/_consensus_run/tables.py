"""Tables of merged picks as a run gives them to its user: in voxels of each tomogram, best score first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles.consensus.merged_picks import REFERENCE, SPREAD, MergedPicks, named_pickers
from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.picks import NO_SPECIES
from tomo_particles.formats.headers import ANGLES
from tomo_particles.formats.pick_folders import source_names
from tomo_particles.formats.xmd import ANGLES as XMD_ANGLES
from tomo_particles.formats.xmd import DISAGREEMENT, with_nan, write_table

from .tomogram_info import TomogramInfo

CSV_COLUMNS = ["tomo_id", "x", "y", "z", "score", "support", "pickers", "picker_scores"]


def names_of(pickers: Sequence[str], derived: Sequence[str] = ()) -> dict[int, str]:
    """The names of the pickers 1, 2, ..., of the references, and of derived pickers by their negative numbers. derived: files."""
    of_derived = {-(len(pickers) + number): name for number, name in enumerate(derived_names(derived), start=1)}
    return {REFERENCE: "reference", **dict(enumerate(pickers, start=1)), **of_derived}


def derived_names(derived: Sequence[str]) -> list[str]:
    """What derived pickers are called; derived: their files."""
    return [f"{name} (derived)" for name in source_names(derived)]


def in_tomogram_voxels(
    columns: dict[str, list], tomograms: Sequence[TomogramInfo], names: dict[int, str], threshold: float | None
) -> pd.DataFrame:
    """The table with positions in voxels of each pick's own tomogram, best score first within a tomogram."""
    merged = MergedPicks.from_columns(columns)
    n = len(merged)
    table = merged.table().assign(
        accepted=merged.accepted(threshold),
        probability=merged.probability,
        rate=columns["samplingRate"],
        picker=[names[int(ref)] for ref in columns["ref"]],
        picker_score=with_nan(columns["fom"]),
        pickers=[named_pickers(comment, names) for comment in merged.comments],
        picker_scores=merged.picker_scores,
        group=columns.get("ref2", [0] * n),
        particleId=columns["particleId"],
    )
    table["class"] = ["" if name == NO_SPECIES else name for name in columns.get("imageRef", [""] * n)]
    for name, label in zip((*ANGLES, SPREAD), (*XMD_ANGLES, DISAGREEMENT), strict=True):
        table[name] = with_nan(columns.get(label, [np.nan] * n))
    positions, rates = (np.array(table[columns], dtype=float) for columns in (["x", "y", "z"], "rate"))
    rows = table.groupby("tomo_id").indices
    for tomogram in tomograms:
        if (own := rows.get(tomogram.tomo_id)) is not None:
            positions[own] = rescale_positions(positions[own], float(rates[own[0]]), tomogram.sampling_rate)
            rates[own] = tomogram.sampling_rate
    table[["x", "y", "z"]], table["rate"] = positions, rates
    return table.sort_values(["tomo_id", "score"], ascending=[True, False], kind="stable", ignore_index=True)


def write_xmd(
    path: Path, rows: pd.DataFrame, tomograms: Sequence[TomogramInfo], grid: tuple[float, int], given: Sequence[str]
) -> None:
    """Write rows of `in_tomogram_voxels`. grid: common sampling rate (Å/voxel) and box size.  given: see `identity_columns`."""
    rate, box_size = grid
    files = {tomogram.tomo_id: tomogram.path for tomogram in tomograms}
    columns = {
        "particleId": rows["particleId"],
        "tiltSeriesId": rows["tomo_id"],
        "tomogramVolume": [files[t] for t in rows["tomo_id"]],
        "samplingRate": rows["rate"],
        "particleSize": np.rint(box_size * rate / rows["rate"]),
        "count": rows["support"],
        "comment": rows["pickers"],
        "CoordConsScore": rows["score"],
        "enabled": rows["label"],
        "ref2": rows["group"],
        "fom": rows["picker_score"],
        "keywords": rows["picker_scores"],
    }
    if rows["network"].notna().any():  # without a network there is no network score, not even an unknown one
        columns["zScoreDeepLearning1"] = rows["network"]
    for axis in "xyz":
        columns |= {axis: rows[axis], f"{axis}coor": np.rint(rows[axis])}
    if SPREAD in given:
        columns |= {label: rows[name] for name, label in zip((*ANGLES, SPREAD), (*XMD_ANGLES, DISAGREEMENT), strict=True)}
    if "class" in given:
        columns["imageRef"] = rows["class"].replace("", NO_SPECIES)
    write_table(path, {name: list(values) for name, values in columns.items()})
