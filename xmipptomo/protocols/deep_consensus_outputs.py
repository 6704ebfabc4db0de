"""From the programs' tables to the sets that Scipion registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tomo.objects import SetOfCoordinates3D, SetOfTomograms, Tomogram

from deep_consensus_tomo.metadata_io import picks_of, read_table
from deep_consensus_tomo.picks import Picks

from ..constants import AGREEMENT_SCORE, NETWORK_SCORE
from ..convert import Precedents, append_picks, even_box_size
from ..files import POSITIVE, RunFiles
from .deep_consensus_inputs import Frames


@dataclass(frozen=True)
class Accepted:
    """The accepted picks of one tomogram: score in [0, 1], number of pickers and their numbers, each of length n."""

    picks: Picks
    score: np.ndarray
    support: list[int]
    pickers: list[str]

    def __len__(self) -> int:
        return len(self.picks)


def accepted_rows(files: RunFiles, ts_ids: Sequence[str], threshold: float | None) -> dict[str, Accepted]:
    """What is accepted in each tomogram: scores of at least the threshold, or with None what the pickers agree on."""
    if threshold is None:
        return {ts_id: _accepted(files.labelled(ts_id, POSITIVE), read_table(files.labelled(ts_id, POSITIVE)), AGREEMENT_SCORE)
                for ts_id in ts_ids}
    scored = read_table(files.scored)
    rows: dict[str, list[int]] = {ts_id: [] for ts_id in ts_ids}
    for row, (ts_id, score) in enumerate(zip(scored.get("tiltSeriesId", []), scored.get(NETWORK_SCORE, []), strict=True)):
        if score >= threshold:
            rows[ts_id].append(row)
    tables = {ts_id: {name: [values[row] for row in kept] for name, values in scored.items()} for ts_id, kept in rows.items()}
    return {ts_id: _accepted(files.scored, columns, NETWORK_SCORE) for ts_id, columns in tables.items()}


def _accepted(path: str, columns: dict[str, list], score: str) -> Accepted:
    picks = picks_of(columns, path, sampling_rate=1.0)  # the rate only matters to an empty table
    return Accepted(picks, np.asarray(columns.get(score, []), dtype=float), columns.get("count", []), columns.get("comment", []))


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
            append_picks(coordinates, tomogram, accepted.picks, accepted.score, accepted.support, accepted.pickers)
    return coordinates
