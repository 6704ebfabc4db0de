"""The files of the averaging programs on their way to Scipion's sets, and their summary in a few lines."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pwem.objects import FSC
from tomo.objects import AverageSubTomogram

from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks

from ...constants import CCC_ATTRIBUTE, HALF_ATTRIBUTE, SHIFT_ATTRIBUTE

CURVES = ("unmasked", "masked", "corrected")  # of the table of shells; corrected for what the mask alone correlates
PLACES, PICKED, ANGLES = ["x", "y", "z"], ["x_picked", "y_picked", "z_picked"], ["rot", "tilt", "psi"]
ATTRIBUTES = {"half": HALF_ATTRIBUTE, "ccc": CCC_ATTRIBUTE, "shift": SHIFT_ATTRIBUTE}
SAME = 0.02  # voxels: how far a place may be rounded in a table


@dataclass(frozen=True)
class Aligned:
    """The aligned picks of one tomogram. rows: which picks of the input they are."""

    rows: list[int]
    picks: Picks
    attributes: dict[str, list]


def read_aligned(path: str, stem: str, before: Picks) -> Aligned:
    """What became of the picks of one tomogram, which the program calls `stem`. Some may be left out; the order stays."""
    table = pd.read_csv(path, dtype={"tomo_id": str})
    own = table[table["tomo_id"] == stem]
    rows = rows_of(own[PICKED].to_numpy(float), before.positions, path)
    picks = Picks(before.tomo_id, own[PLACES].to_numpy(float), before.sampling_rate, angles=own[ANGLES].to_numpy(float))
    return Aligned(rows, picks, {attribute: own[name].tolist() for name, attribute in ATTRIBUTES.items()})


def rows_of(places: np.ndarray, among: np.ndarray, path: str) -> list[int]:
    """Which rows of `among` (n, 3) the places (m, 3) are, both in one order. Raises InputError if one is none of them."""
    rows: list[int] = []
    for place in places:
        row = rows[-1] + 1 if rows else 0
        while row < len(among) and np.abs(among[row] - place).max() > SAME:
            row += 1
        if row == len(among):
            raise InputError(f"{path}: no coordinate of the input lies at {place}; start the run again")
        rows.append(row)
    return rows


def average_of(path: str, halves: Sequence[str], rate: float, label: str = "") -> AverageSubTomogram:
    """The average of a map file, with its half maps if there are any; its origin is the centre of the box."""
    average = AverageSubTomogram()
    average.setLocation(path)
    average.setSamplingRate(rate)
    average.setOrigin()
    if halves:
        average.setHalfMaps(list(halves))
    if label:
        average.setObjLabel(label)
    return average


def fscs_of(path: str, curves: Mapping[str, str]) -> list[FSC]:
    """Curves of a table of shells: by column, their labels. Frequencies in 1/Å."""
    table, found = pd.read_csv(path), []
    for column, label in curves.items():
        if column in table:
            known = table[["frequency", column]].dropna()
            fsc = FSC(objLabel=label)
            fsc.setData(known["frequency"].tolist(), known[column].tolist())
            found.append(fsc)
    return found


def verdict_line(summary: Mapping[str, Any]) -> str:
    """Whether the halves agree, and what follows."""
    agreement = summary["meanFSCFromDiameterToLowpass"]
    return {
        "supported": f"*Supported*: the halves agree (mean FSC {agreement} from the diameter to the first low-pass).",
        "not supported": f"*Not supported*: the halves do not agree (mean FSC {agreement} from the diameter to the first "
                         "low-pass). Do not use the average. The coordinates stay as they were.",
        "no halves": "*No halves*: nothing says whether the average and the new places are right.",
    }[summary["verdict"]]


def average_lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary of an average, the verdict first."""
    found = "; ".join(f"{name} {values['0.143']}, {values['0.5']}" for name, values in summary["resolution"].items())
    lines = [verdict_line(summary), *([f"Resolution at FSC 0.143 and 0.5: {found}"] if found else [])]
    left_out = sum(summary["leftOut"].values())
    lines.append(f"{summary['picks']} picks averaged{f', {left_out} left out' if left_out else ''}; median shift "
                 f"{summary['medianShift']:g} Å; box of {summary['box']} voxels, {summary['samplingRate']:.4g} Å/voxel")
    return lines


def resolution_lines(path: str) -> list[str]:
    """What was measured by direction and at each voxel; nothing where there were no halves, and in runs of older versions."""
    if not os.path.exists(path):
        return []
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    fso, local = found["fso"], found["local"]
    uneven = [note for note in found["notes"] if "directions" in note]
    return [f"By direction (FSO): half of the directions agree to {fso['0.5']}, 90 % to {fso['band'][0]}, 10 % to "
            f"{fso['band'][1]}. Local resolution: median {local['median']:g} Å", *(f"*Note*: {note}" for note in uneven)]


def branch_lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary of a comparison: the tables of the program, a line per branch, the order first."""
    lines = []
    for title, key in (("*At equal numbers of picks*, the finest FSC first", "equalNumbers"),
                       ("*Each with all of its picks* (more picks give a finer resolution, better or not)", "ownNumbers")):
        if table := summary[key]:
            header, *rows = table
            lines += [title, *(f"- *{row[0]}*: " + "; ".join(f"{name} {cell}" for name, cell in
                                                             zip(header[1:], row[1:], strict=True)) for row in rows)]
    return lines
