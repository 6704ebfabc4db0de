"""Combines the candidates of several templates in one tomogram, with or without overlaps (SHREC 2020, section 3.7)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial import cKDTree

from ..core.picks import Picks

SELECTIONS = ("all", "thresholded", "filtered")
CANDIDATES = 10  # searched for each requested pick: most of them overlap with other species (the paper took 2000 for 217)


def select(
    candidates: Mapping[str, Picks], diameters: Mapping[str, float], selection: str = "all", number: int | None = None
) -> Picks:
    """Joins the candidates of each template, given by decreasing score; species by decreasing diameter.

    diameters: Å, by template.  all: every template's candidates as they are.  thresholded: the best `number` of each.
    filtered: a candidate nearer to one already selected than the sum of their radii is dropped, then the best `number`.
    Without a number all are kept.
    """
    if selection not in SELECTIONS:
        raise ValueError(f"selection must be one of {SELECTIONS}, received '{selection}'")
    selected: list[Picks] = []
    for name in sorted(candidates, key=lambda name: (-diameters[name], name)):
        own = candidates[name]
        if selection == "filtered":
            own = own[_without_overlap(own, selected, diameters, diameters[name] / 2)]
        selected.append(own[:number] if selection != "all" else own)
    return Picks.concatenate(selected)


def _without_overlap(own: Picks, selected: list[Picks], diameters: Mapping[str, float], radius: float) -> np.ndarray:
    """(n,) whether a candidate overlaps with no selected pick of another species; radius in Å.

    This is no suppression of neighbours: candidates of the same species may be nearer to each other than this radius."""
    free = np.ones(len(own), dtype=bool)
    for others in selected:
        if not len(others) or not len(own):
            continue
        reach = (radius + diameters[str(others.species[0])] / 2) / own.sampling_rate
        free &= cKDTree(others.positions).query(own.positions)[0] >= reach
    return free
