"""Markers of Chimera and ChimeraX (.cmm), which ArtiaX reads and writes, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from ..core.picks import Picks
from .model import BY_FILE, Context, Format, Found, text_of
from .xml_lists import Element, elements_of, numbers

NO_NAME = ("", "marker set", "markers")  # how ChimeraX calls a set that nobody named, with a number behind
RADIUS = 5  # voxels of a marker


def _sniff(head: bytes) -> bool:
    return "<marker_set" in text_of(head[:65536])


def parse(path: Path, option: str) -> list[Found]:
    """Å from the centre of the first voxel, where ChimeraX puts the origin of a map; sets that have a name are classes."""
    name, species = "", []
    markers: list[Element] = []
    for element in elements_of(path, option):
        if element.name == "marker_set":
            name = element.attributes.get("name", "")
        elif element.name == "marker":
            markers.append(element)
            species.append("" if name.rstrip(" 0123456789").lower() in NO_NAME else name)
    positions = np.stack([numbers(markers, axis, path, option) for axis in "xyz"], axis=1).reshape(-1, 3)
    return [Found(path.name, BY_FILE, positions, angstrom=True, species=species)]


def write(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """One set a class."""
    (own,) = picks.values()
    rows = ['<?xml version="1.0" encoding="UTF-8"?>', "<marker_sets>"]
    places = own.positions * own.sampling_rate
    for name in dict.fromkeys(own.species.tolist()):
        rows.append(f"<marker_set name={quoteattr(str(name))}>")
        rows += [
            f'<marker id="{number}" x="{x:.9g}" y="{y:.9g}" z="{z:.9g}" r="1" g="1" b="0" '
            f'radius="{RADIUS * own.sampling_rate:.9g}"/>'
            for number, (x, y, z) in enumerate(places[own.species == name].tolist(), start=1)
        ]
        rows.append("</marker_set>")
    path.write_text("\n".join([*rows, "</marker_sets>", ""]), encoding="utf-8")


MARKERS = Format("cmm", "Chimera markers", (".cmm",), _sniff, parse, write, frozenset({"species"}), single=True)
