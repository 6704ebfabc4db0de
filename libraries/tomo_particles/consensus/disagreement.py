"""What to say of a run whose pickers agree little: a picker with few picks, a file that was read in the wrong way, or chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .chance_agreement import FEWEST_SHARE, chance_note
from .merged_picks import votes_of
from .misread_files import OtherReading, other_readings
from .verdict import FEWEST_AGREED


def disagreement_notes(
    columns: Mapping[str, list], sizes: Mapping[str, Sequence[float]], names: Sequence[str], votes_only: bool
) -> list[str]:
    """A line each; none where the pickers agree well.

    columns: table of merged picks.  sizes: x, y, z of each tomogram, in voxels of the table.  names: of the pickers, from
    number 1 on.  votes_only: whether nothing but the votes scores; else the verdict says that the agreement is chance.
    """
    few = _few_picks(columns, names)
    read = [_said(reading, names) for reading in other_readings(columns, sizes)]
    explained = read or len(names) - len(few) < 2
    by_chance = "" if explained or not votes_only else chance_note(columns)
    return [*few, *read, *([by_chance] if by_chance else [])]


def _few_picks(columns: Mapping[str, list], names: Sequence[str]) -> list[str]:
    """A line for each picker with so few picks that it can confirm hardly any of those of the others."""
    seen, pickers = votes_of(columns.get("comment", []))
    counts = dict(zip(pickers.tolist(), seen.sum(axis=0).tolist(), strict=True))
    most = max(counts.values(), default=0)
    tomo_ids = np.array(columns.get("tiltSeriesId", [""] * len(seen)), dtype=str)
    found = []
    for number, name in enumerate(names, start=1):
        n = counts.get(number, 0)
        if n >= FEWEST_AGREED or n >= FEWEST_SHARE * most:
            continue
        where = set(tomo_ids[seen[:, pickers == number].any(axis=1)])
        found.append(
            f"'{name}' has only {n} pick{'s' * (n != 1)}, in {len(where)} of {len(set(tomo_ids))} tomograms; another picker has "
            f"{most}: it confirms hardly any of them"
        )
    return found


def _said(reading: OtherReading, names: Sequence[str]) -> str:
    name = f"'{names[reading.picker - 1]}'"
    others = f"'{names[2 - reading.picker]}'" if len(names) == 2 else "the other pickers"
    return (
        f"{reading.agreed} of the {reading.picks} picks of {name} agree with those of {others} if taken {reading.what}, and "
        f"{reading.before} as they are: the file of {name}, or of {others}, may have another order of its axes, origin or "
        "binning. Nothing was changed; correct that file and run again"
    )
