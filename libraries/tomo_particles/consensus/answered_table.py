"""The table of the scored merged picks once persons have answered: new scores, and the answers as references of the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.picks import NO_SPECIES
from ..formats.xmd import ANGLES, DISAGREEMENT
from .answers import AnsweredPicks, rescaled
from .merged_picks import NEGATIVE, POSITIVE, REFERENCE, SCORE, is_reference

OF_BOX = ("image", "min", "max")  # what only an extracted pick has
ABSENT = float("nan")


def answered_table(columns: Mapping[str, list], score: np.ndarray, answered: AnsweredPicks) -> dict[str, list]:
    """The table with the scores (m,) and the answers.

    An answered pick becomes a positive or negative reference, which it stays in all that follows: picker 0 stands before its
    pickers, and its votes remain.  Particles that were added come last.
    """
    table: dict[str, list] = {name: list(values) for name, values in columns.items() if name not in OF_BOX}
    table[SCORE] = score.tolist()
    table.setdefault("keywords", ["nan"] * len(score))
    for row, yes in zip(answered.rows, answered.yes, strict=True):
        table["enabled"][row] = POSITIVE if yes else NEGATIVE
        if not is_reference(table["comment"][row]):
            table["comment"][row] = f"{REFERENCE}+{table['comment'][row]}"
            table["keywords"][row] = f"nan+{table['keywords'][row]}"
    next_id = max(table["particleId"], default=0) + 1
    files = dict(zip(table["tiltSeriesId"], zip(table["tomogramVolume"], table["samplingRate"], strict=True), strict=True))
    for number, answer in enumerate(one for one in answered.added if one.tomo_id in files):
        path, rate = files[answer.tomo_id]
        place = rescaled(answer, rate)
        row_of: dict[str, Any] = {
            **dict(zip("xyz", place.tolist(), strict=True)),
            **dict(zip(("xcoor", "ycoor", "zcoor"), np.rint(place).astype(int).tolist(), strict=True)),
            "particleId": next_id + number,
            "tiltSeriesId": answer.tomo_id,
            "tomogramVolume": path,
            "samplingRate": rate,
            "particleSize": table["particleSize"][0],
            "ref": REFERENCE,
            "ref2": 0,
            "imageRef": NO_SPECIES,
            "count": 0,
            "comment": str(REFERENCE),
            "keywords": "nan",
            "enabled": POSITIVE,
            SCORE: 1.0,
            **dict.fromkeys((*ANGLES, DISAGREEMENT, "fom"), ABSENT),
        }
        for name, values in table.items():
            values.append(row_of.get(name, ABSENT))
    return table
