"""From the programs' tables to the sets that Scipion registers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from pwem.protocols import EMProtocol
from tomo.objects import SetOfCoordinates3D, SetOfTomograms, Tomogram

from tomo_particles.consensus.expected_precision import expected_precision_recall
from tomo_particles.consensus.merged_picks import NEGATIVE, MergedPicks, named_pickers, read_pickers
from tomo_particles.consensus.verdict import Verdict
from tomo_particles.core.picks import Picks
from tomo_particles.formats.xmd import DISAGREEMENT, join_tables, picks_of, read_table, with_nan

from ...constants import (
    DISAGREEMENT_ATTRIBUTE,
    LABEL_ATTRIBUTE,
    NETWORK_SCORE_ATTRIBUTE,
    NO_DISAGREEMENT,
    PICKER_SCORE_ATTRIBUTE,
    PICKER_SCORES_ATTRIBUTE,
    PICKERS_ATTRIBUTE,
    SPECIES_ATTRIBUTE,
    SUPPORT_ATTRIBUTE,
)
from ...convert import Precedents
from ...files import RunFiles
from .inputs import CommonGrid


@dataclass(frozen=True)
class TomogramPicks:
    """Merged picks of one tomogram, each column of length n.

    picks: with their identity.  merged: with scores, votes and labels.  disagreement: of their orientations, degrees, NaN for
    fewer than two.  accepted: whether the user gets them.
    """

    picks: Picks
    merged: MergedPicks
    disagreement: np.ndarray
    accepted: np.ndarray

    def __len__(self) -> int:
        return len(self.picks)

    def only_accepted(self) -> TomogramPicks:
        """Without what is not accepted."""
        return TomogramPicks(**{field.name: getattr(self, field.name)[self.accepted] for field in fields(self)})

    def attributes(self, pickers: Mapping[int, str], with_species: bool) -> dict[str, list]:
        """What the coordinates have besides position, score, orientation and group id. pickers: names by number."""
        found = {
            SUPPORT_ATTRIBUTE: self.merged.support.tolist(),
            PICKERS_ATTRIBUTE: [named_pickers(comment, pickers) for comment in self.merged.comments],
            PICKER_SCORES_ATTRIBUTE: self.merged.picker_scores.tolist(),
            NETWORK_SCORE_ATTRIBUTE: np.nan_to_num(with_nan(self.merged.network)).tolist(),
            PICKER_SCORE_ATTRIBUTE: np.nan_to_num(self.picks.score).tolist(),
            DISAGREEMENT_ATTRIBUTE: np.nan_to_num(self.disagreement, nan=NO_DISAGREEMENT).tolist(),
            LABEL_ATTRIBUTE: self.merged.label.tolist(),
        }
        return found | ({SPECIES_ATTRIBUTE: self.picks.species.tolist()} if with_species else {})


def merged_picks(files: RunFiles, ts_ids: Sequence[str], threshold: float | None, n_pickers: int) -> dict[str, TomogramPicks]:
    """Every merged pick of each tomogram and whether it is accepted, see `MergedPicks.accepted`.

    threshold: None for voting; then the score is the fraction of the n_pickers that saw the pick. What derived pickers alone
    found is among them.
    """
    if threshold is None:
        return {ts_id: _picks_of(read_table(files.consensus(ts_id)), None, n_pickers) for ts_id in ts_ids}
    scored = join_tables([read_table(path) for path in (files.final, files.scored_derived) if path.exists()])
    rows: dict[str, list[int]] = {ts_id: [] for ts_id in ts_ids}
    for row, ts_id in enumerate(scored.get("tiltSeriesId", [])):
        rows[ts_id].append(row)  # what has failed was not scored
    tables = {ts_id: {name: [values[row] for row in own] for name, values in scored.items()} for ts_id, own in rows.items()}
    return {ts_id: _picks_of(table, threshold, n_pickers) for ts_id, table in tables.items()}


def _picks_of(table: dict[str, list], threshold: float | None, n_pickers: int) -> TomogramPicks:
    picks = picks_of(table, "scored picks", sampling_rate=1.0)  # the rate only matters to an empty table
    merged = MergedPicks.from_columns(table)
    disagreement = with_nan(table.get(DISAGREEMENT, [np.nan] * len(picks)))
    scored = merged.voted(n_pickers) if threshold is None else merged
    return TomogramPicks(picks, scored, disagreement, merged.accepted(threshold))


def disagreements(merged: Iterable[TomogramPicks]) -> dict[str, float | int]:
    """Of all accepted picks, how many have orientations of several pickers, and by how much these differ (median, degrees)."""
    every = np.concatenate([own.disagreement[own.accepted & np.isfinite(own.disagreement)] for own in merged])
    return {"compared": len(every), "medianDisagreement": round(float(np.median(every)), 2)} if len(every) else {}


def derived_counts(merged: Iterable[TomogramPicks], grid: CommonGrid) -> dict[str, dict[str, int]]:
    """By derived picker, how many places it found that no other picker did, and how many of them are accepted."""
    counts = {name: {"alone": 0, "accepted": 0} for number, name in grid.every_name.items() if number < 0}
    for own in merged:
        for comment, accepted in zip(own.merged.comments, own.accepted, strict=True):
            for number in read_pickers(comment) if comment else []:
                if number < 0:
                    counts[grid.every_name[number]]["alone"] += 1
                    counts[grid.every_name[number]]["accepted"] += int(accepted)
    return counts


def expected(merged: Iterable[TomogramPicks], threshold: float | None, verdict: Verdict | None) -> dict[str, float | None]:
    """Expected precision and recall (of what any picker saw) of the accepted picks, by their scores; empty for voting.

    The same numbers as in the report, the viewer and the wizard: a positive reference counts as 1, negative ones are left out.
    verdict: of the run.
    """
    if threshold is None:
        return {}
    every = [own.probability[(own.label != NEGATIVE) & ~own.derived] for own in (of_tomogram.merged for of_tomogram in merged)]
    return expected_precision_recall(np.concatenate(every) if every else np.zeros(0), np.array([threshold]), verdict).at(0)


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


def emptied(protocol: EMProtocol, output: SetOfTomograms | SetOfCoordinates3D,
            suffix: str) -> SetOfTomograms | SetOfCoordinates3D:
    """A set without items in place of an output of before, which Scipion would keep. suffix: of its file."""
    if isinstance(output, SetOfTomograms):
        empty = protocol._createSetOfTomograms(suffix)
        empty.copyInfo(output)
    else:
        empty = protocol._createSetOfCoordinates3D(output._precedentsPointer, suffix)
        empty.setBoxSize(output.getBoxSize())
    empty.setSamplingRate(output.getSamplingRate())
    return empty
