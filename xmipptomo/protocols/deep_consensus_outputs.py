"""From the programs' tables to the sets that Scipion registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tomo.objects import SetOfCoordinates3D, SetOfTomograms, Tomogram

from deep_consensus_tomo.metadata_io import picks_of, read_table
from deep_consensus_tomo.picks import Picks

from ..constants import (
    FINAL_SCORE,
    LABEL,
    NETWORK_SCORE,
    NETWORK_SCORE_ATTRIBUTE,
    PICKER_SCORE_ATTRIBUTE,
    PICKERS_ATTRIBUTE,
    SUPPORT_ATTRIBUTE,
)
from ..convert import Precedents, append_picks, even_box_size
from ..files import POSITIVE, RunFiles
from .deep_consensus_inputs import REFERENCE, Frames

POSITIVE_LABEL, NEGATIVE_LABEL = 1, -1


@dataclass(frozen=True)
class Accepted:
    """The accepted picks of one tomogram: scores in [0, 1], number of pickers and their numbers, each of length n.

    score: the final one.  network: the network's alone, NaN where there is no network.
    """

    picks: Picks
    score: np.ndarray
    network: np.ndarray
    support: list[int]
    pickers: list[str]

    def __len__(self) -> int:
        return len(self.picks)

    def attributes(self) -> dict[str, list]:
        """What the coordinates have besides position, score, orientation and group id."""
        return {SUPPORT_ATTRIBUTE: [int(n) for n in self.support], PICKERS_ATTRIBUTE: list(self.pickers),
                NETWORK_SCORE_ATTRIBUTE: np.nan_to_num(self.network).tolist(),
                PICKER_SCORE_ATTRIBUTE: np.nan_to_num(self.picks.score).tolist()}


def accepted_rows(files: RunFiles, ts_ids: Sequence[str], threshold: float | None, n_pickers: int) -> dict[str, Accepted]:
    """What is accepted in each tomogram.

    Scores of at least the threshold and positive references, never negative ones; with threshold None (voting) what
    is labelled positive, with the fraction of the n_pickers that saw it as score.
    """
    if threshold is None:
        tables = {ts_id: read_table(files.labelled(ts_id, POSITIVE)) for ts_id in ts_ids}
        return {ts_id: _accepted(table, np.array(table.get("count", [])) / n_pickers) for ts_id, table in tables.items()}
    scored = read_table(files.scored)
    rows: dict[str, list[int]] = {ts_id: [] for ts_id in ts_ids}
    columns = (scored.get(name, []) for name in ("tiltSeriesId", FINAL_SCORE, LABEL, "comment"))
    for row, (ts_id, score, label, pickers) in enumerate(zip(*columns, strict=True)):
        known = label == POSITIVE_LABEL and pickers.split("+")[0] == str(REFERENCE)
        if label != NEGATIVE_LABEL and (score >= threshold or known):
            rows[ts_id].append(row)
    tables = {ts_id: {name: [values[row] for row in kept] for name, values in scored.items()} for ts_id, kept in rows.items()}
    return {ts_id: _accepted(table, table.get(FINAL_SCORE, [])) for ts_id, table in tables.items()}


def _accepted(table: dict[str, list], score: Sequence[float] | np.ndarray) -> Accepted:
    picks = picks_of(table, "scored picks", sampling_rate=1.0)  # the rate only matters to an empty table
    network = np.asarray(table.get(NETWORK_SCORE, [np.nan] * len(picks)), dtype=float)
    return Accepted(picks, np.asarray(score, dtype=float), network, table.get("count", []), table.get("comment", []))


def put_together(tomograms: SetOfTomograms, sets: Sequence[SetOfTomograms], precedents: Precedents) -> SetOfTomograms:
    """Fill a new set with the tomograms that the precedents name, from several sets of one sampling rate."""
    first = next(iter(precedents.sources.values()))
    tomograms.copyInfo(sets[first.set_index])
    tomograms.setSamplingRate(precedents.sampling_rate)
    for ts_id, source in precedents.sources.items():
        tomogram = sets[source.set_index][{Tomogram.TS_ID_FIELD: ts_id}].clone()
        tomogram.setObjId(None)  # ids of different sets collide
        tomograms.append(tomogram)
    return tomograms


def append_rows(coordinates: SetOfCoordinates3D, tomograms: SetOfTomograms, precedents: Precedents, frames: Frames,
                rows: dict[str, Accepted]) -> SetOfCoordinates3D:
    """Fill a new set of coordinates, in voxels of its tomograms, with the accepted picks of those tomograms."""
    coordinates.setSamplingRate(precedents.sampling_rate)
    coordinates.setBoxSize(even_box_size(frames.box_size * frames.sampling_rate, precedents.sampling_rate))
    for ts_id in precedents.sources:
        accepted = rows[ts_id]
        if len(accepted):
            tomogram = tomograms[{Tomogram.TS_ID_FIELD: ts_id}].clone()
            append_picks(coordinates, tomogram, accepted.picks, accepted.score, accepted.attributes())
    return coordinates
