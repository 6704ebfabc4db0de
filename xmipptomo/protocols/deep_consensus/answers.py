"""What persons said of the picks of a run: learned from on Continue, kept through a restart, registered with who said it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyworkflow.utils import cleanPath
from tomo.objects import SetOfCoordinates3D, SetOfTomograms, Tomogram

from tomo_particles.consensus.answers import Answer, answered_picks, rescaled
from tomo_particles.core.files import digest_of
from tomo_particles.core.picks import Picks
from tomo_particles.runs.answers_file import read_answers

from ...constants import ANSWER_ATTRIBUTE, LEARN_PROGRAM, WHEN_ATTRIBUTE, WHO_ATTRIBUTE, WHY_ATTRIBUTE
from ...convert import Precedents, append_picks, even_box_size, plan_precedents, tomogram_sources
from ...files import RunFiles
from . import commands
from .inputs import CommonGrid
from .outputs import TomogramPicks, emptied
from .second_look import votes_only

ANSWERED = "answeredCoordinates"  # the output
KEPT = "_answers.csv"  # what the name of the answers ends in while a restart empties the folder of the run


class LearnsFromAnswers:
    """Of the protocol of the deep consensus: its step that learns, and the answers themselves."""

    def _answersGiven(self) -> str:
        """What the step depends on: with another answer, Continue does it again."""
        return digest_of(self._files().answers)  # type: ignore[attr-defined]

    def answersStep(self, *_: str):
        """Score the picks again with what persons said of some of them."""
        files = self._files()  # type: ignore[attr-defined]
        cleanPath(*map(str, files.of_answers))  # of an earlier run
        if read_answers(files.answers):
            rates = {tomogram.tomogram_rate for tomogram in self._grid().tomograms.values()}  # type: ignore[attr-defined]
            self._runProgram(LEARN_PROGRAM, commands.answers_arguments(  # type: ignore[attr-defined]
                files, radius=self.consensusRadius.get(),  # type: ignore[attr-defined]
                tomogram_rate=rates.pop() if len(rates) == 1 else None), job="answers")

    def _registerAnswers(self, merged: Mapping[str, TomogramPicks], ts_ids: Sequence[str]) -> None:
        """Register the answers as sets, if there are any. merged: every merged pick.  ts_ids: those of all outputs."""
        grid = self._grid()  # type: ignore[attr-defined]
        answers = {} if votes_only(self) else answers_by_tomogram(
            self._files(), merged, grid, self.consensusRadius.get())  # type: ignore[attr-defined]
        sets, registered = self._inputSets().tomogram_sets(), set()  # type: ignore[attr-defined]
        for number, precedents in enumerate(plan_precedents(tomogram_sources(sets, ts_ids), grid.sampling_rate), start=1):
            suffix = str(number) if number > 1 else ""
            if any(ts_id in answers for ts_id in precedents.sources):
                tomograms, pointer = self._precedentsOf(precedents, suffix, sets)  # type: ignore[attr-defined]
                coordinates = self._createSetOfCoordinates3D(pointer, f"Answered{suffix}")  # type: ignore[attr-defined]
                append_answers(coordinates, tomograms, precedents, grid, answers)
                self._register(f"{ANSWERED}{suffix}", coordinates)  # type: ignore[attr-defined]
                registered.add(f"{ANSWERED}{suffix}")
        for name, output in list(self.iterOutputAttributes()):  # type: ignore[attr-defined]
            if re.fullmatch(rf"{ANSWERED}\d*", name) and name not in registered:  # of answers that were taken back
                self._register(name, emptied(self, output, name.replace(ANSWERED, "Answered")))  # type: ignore[attr-defined]

    def makePathsAndClean(self):
        """A restart empties the folder of the run; hours of a person's work must not go with it."""
        answers, kept = Path(self._files().answers), Path(f"{self._getPath()}{KEPT}")  # type: ignore[attr-defined]
        if answers.is_file():
            os.replace(answers, kept)
        super().makePathsAndClean()  # type: ignore[misc]
        if kept.is_file():
            os.replace(kept, answers)


def learned(files: RunFiles) -> dict[str, Any] | None:
    """For the summary: what came of the answers; None where there are none."""
    return dict(json.loads(files.learned.read_text(encoding="utf-8"))) if files.learned.is_file() else None


def answers_by_tomogram(files: RunFiles, merged: Mapping[str, TomogramPicks], grid: CommonGrid, radius: float
                        ) -> dict[str, list[Answer]]:
    """The answer that counts at each place, by tomogram. merged: every merged pick.  radius: fraction of the box."""
    found: dict[str, list[Answer]] = {}
    for ts_id, own in merged.items():
        said = [answer for answer in read_answers(files.answers) if answer.tomo_id == ts_id]
        sizes = {ts_id: grid.tomograms[ts_id].size} if ts_id in grid.tomograms else {}
        last = answered_picks(said, own.merged.tomo_id, own.merged.positions, grid.sampling_rate, radius * grid.box_size, sizes)
        if every := [*last.of, *(answer for answer in last.added if answer not in last.of)]:
            found[ts_id] = every
    return found


def append_answers(coordinates: SetOfCoordinates3D, tomograms: SetOfTomograms, precedents: Precedents, grid: CommonGrid,
                   answers: Mapping[str, list[Answer]]) -> SetOfCoordinates3D:
    """Fill a new set with the places that persons judged, in voxels of its tomograms, with who said what."""
    coordinates.setSamplingRate(precedents.sampling_rate)
    coordinates.setBoxSize(even_box_size(grid.box_size * grid.sampling_rate, precedents.sampling_rate))
    for ts_id in precedents.sources:
        if own := answers.get(ts_id):
            tomogram = tomograms[{Tomogram.TS_ID_FIELD: ts_id}].clone()
            places = [rescaled(answer, grid.sampling_rate) for answer in own]
            attributes = {
                ANSWER_ATTRIBUTE: [1 if answer.yes else -1 for answer in own],
                WHO_ATTRIBUTE: [answer.who for answer in own],
                WHEN_ATTRIBUTE: [answer.when for answer in own],
                WHY_ATTRIBUTE: [answer.why for answer in own],
            }
            picks = Picks(ts_id, places, grid.sampling_rate, score=[answer.score for answer in own])
            append_picks(coordinates, tomogram, picks, attributes=attributes)
    return coordinates
