"""The csv of the CZII challenge: id,experiment,particle_type,x,y,z, in Å."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..core.picks import NO_SPECIES, Picks
from .labelled import read_labelled, sniff_labels
from .model import BY_NAME, Context, Format, Found

LABELS = ("experiment", "particle_type", "x", "y", "z")


def _sniff(head: bytes) -> bool:
    return sniff_labels(head, LABELS)


def parse(path: Path, option: str) -> list[Found]:
    """Å from the centre of the first voxel, as in copick, of which the challenge was made; experiments are tomograms."""
    table = read_labelled(path, LABELS, option)
    positions = table.positions("xyz")
    names, species = table.words("experiment"), table.words("particle_type")
    return [
        Found(name, BY_NAME, positions[own], angstrom=True, species=species[own], further=table.unread("id", *LABELS))
        for name in dict.fromkeys(names.tolist())
        for own in [names == name]
    ]


def write(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """One row a pick; of an unknown class as in our other files."""
    import pandas as pd

    every = list(picks.values())
    rows = {
        "experiment": [one.tomo_id for one in every for _ in range(len(one))],
        "particle_type": [str(name) or NO_SPECIES for one in every for name in one.species],
        **dict(zip("xyz", np.concatenate([one.positions * one.sampling_rate for one in every]).T, strict=True)),
    }
    pd.DataFrame(rows).to_csv(path, index_label="id", float_format="%.9g")


SUBMISSION = Format("submission", "CZII challenge csv", (".csv",), _sniff, parse, write, frozenset({"species"}))
