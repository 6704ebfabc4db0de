"""The results of a joining as its files have them."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np

from tomo_particles.core.picks import Picks

FOUND_BY = {"both": "by both", "tm": "by template matching alone", "dl": "by the network alone"}
MEASURED = ("precision", "recall", "F1")


def joined_picks(path: str) -> dict[str, tuple[Picks, list[str]]]:
    """The accepted picks of each tomogram, best first, by the name that the program gave it; with who found each of them.

    Their group is the place of that in `FOUND_BY`, from 1.
    """
    rows: dict[str, list[dict[str, str]]] = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["tomo_id"], []).append(row)
    return {name: (_picks(name, own), [row["found_by"] for row in own]) for name, own in rows.items()}


def _picks(name: str, rows: Sequence[dict[str, str]]) -> Picks:
    def numbers(*columns: str) -> np.ndarray:
        return np.array([[float(row.get(column) or "nan") for column in columns] for row in rows])

    return Picks(name, numbers("x", "y", "z"), float(rows[0]["samplingRate"]), angles=numbers("rot", "tilt", "psi"),
                 score=numbers("score")[:, 0], species=[row.get("class", "") for row in rows],
                 group=[list(FOUND_BY).index(row["found_by"]) + 1 for row in rows])


def group_lines(path: str) -> list[str]:
    """The numbers of each group, a line each, as the program wrote them."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = []
    for row in rows:
        known = [f", {name} {float(row[name]):.3f}" for name in MEASURED if row.get(name)]
        lines.append(f"{row['group']}: {row['picks']} picks, {row['accepted']} accepted{''.join(known)}")
    return lines
