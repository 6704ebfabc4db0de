"""What to say of a run whose pickers agree little: a picker with few picks, a file that was read in the wrong way, or chance; and
what the votes of two pickers cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..core.errors import listed
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
    if read or len(names) - len(few) < 2:
        return [*few, *read]
    if votes_only and (by_chance := chance_note(columns)):
        return [*few, by_chance]
    return [*few, *_of_one_picker(columns, names), *(_of_two_pickers(columns, names) if votes_only else [])]


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
            f"'{name}' has only {n} merged pick{'s' * (n != 1)}, in {len(where)} of {len(set(tomo_ids))} tomograms; another "
            f"picker has {most}: it confirms hardly any of them"
        )
    return found


def _of_one_picker(columns: Mapping[str, list], names: Sequence[str]) -> list[str]:
    """A line where only one of several pickers has picks in some tomograms."""
    seen = votes_of(columns.get("comment", []), np.arange(1, len(names) + 1))[0]
    tomo_ids = np.array(columns.get("tiltSeriesId", [""] * len(seen)), dtype=object)
    present = {tomo_id: np.flatnonzero(seen[tomo_ids == tomo_id].any(axis=0)) for tomo_id in dict.fromkeys(tomo_ids)}
    alone = [f"tomogram {tomo_id} ('{names[of[0]]}')" for tomo_id, of in present.items() if len(of) == 1 < len(names)]
    return [f"only one picker has picks in {listed(alone, quote='')}: nothing there is agreed on"] if alone else []


def _of_two_pickers(columns: Mapping[str, list], names: Sequence[str]) -> list[str]:
    """A line where one of two pickers alone found picks.

    The votes of two pickers are three numbers: picks of both, and of each alone. Picks of one alone are what the other missed, or
    errors: both give the same numbers. In benchmarks/results/real.md 7 to 50 % of them are particles, and the numbers are alike.
    """
    seen = votes_of(columns.get("comment", []), np.arange(1, len(names) + 1))[0]
    single = int((seen.sum(axis=1) == 1).sum())
    if len(names) != 2 or not single:
        return []
    return [
        f"two pickers: only one of them found {single} of the {len(seen)} merged picks. Votes cannot tell whether these are "
        "errors, or particles that the other missed; in the second case all picks of one picker are the better set. A third "
        "picker, a network or a second look can tell"
    ]


def _said(reading: OtherReading, names: Sequence[str]) -> str:
    name = f"'{names[reading.picker - 1]}'"
    others = f"'{names[2 - reading.picker]}'" if len(names) == 2 else "the other pickers"
    return (
        f"{reading.agreed} of the {reading.picks} merged picks of {name} agree with those of {others} if taken {reading.what}, "
        f"and {reading.before} as they are: the file of {name}, or of {others}, may have another order of its axes, origin or "
        "binning. Nothing was changed; correct that file and run again"
    )
