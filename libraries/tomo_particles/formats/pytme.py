"""Orientations of pyTME (.tsv): x, y, z, euler_x, euler_y, euler_z, score, detail."""

from __future__ import annotations

from pathlib import Path

from .labelled import read_labelled, sniff_labels
from .model import BY_FILE, Format, Found

TURNS = ("euler_x", "euler_y", "euler_z")
OLD_ANGLES = "the angles of a list of pyTME before 0.3 (columns z, y, x) are left out, their meaning changed between its versions"


def _sniff(head: bytes) -> bool:
    return sniff_labels(head, (*"xyz", *TURNS))


def parse(path: Path, option: str) -> list[Found]:
    """Indices of voxels. Angles: the three that pyTME writes into rlnAngleRot, Tilt and Psi of its star files, in this order.

    Lists that begin with z are of older versions, which used other angles; these are not read.
    """
    table = read_labelled(path, (*"xyz", *TURNS, "score"), option)
    old = next(iter(table.columns)) == "z"
    angles = table.positions(TURNS)
    score = table.numbers("score", allow_empty=True)
    return [
        Found(
            path.name,
            BY_FILE,
            table.positions("xyz"),
            score=score,
            angles=None if old or not angles.any() else angles,
            further=table.unread(*"xyz", *TURNS, "score"),
            notes=(OLD_ANGLES,) if old and angles.any() else (),
        )
    ]


PYTME = Format("pytme", "pyTME orientations", (".tsv",), _sniff, parse)
