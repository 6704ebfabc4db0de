"""Part of every picker: picking tomograms as they come, into a set that grows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tomo.objects import Coordinate3D, SetOfCoordinates3D

from tomo_particles.core.picks import Picks
from tomo_particles.runs.sightings import OVER, SourceSeen

from ...constants import SPECIES_ATTRIBUTE
from ...convert import append_picks, even_box_size, tomogram_of
from ..streaming.collected import Collected
from ..streaming.following import GRACE, LONGEST_PAUSE, Following
from ..streaming.growing_output import GrowingOutput
from ..streaming.set_looks import look_at_input

OUTPUT = "coordinates"


class PicksWhatComes(Following):
    """A picker whose tomograms still arrive works on one after the other, with all threads of the program."""

    def _insertAllSteps(self) -> None:
        if not self._comes():
            self._insertBatchSteps()
            return
        begun = Path(self._files().root, "following")
        begun.parent.mkdir(parents=True, exist_ok=True)
        begun.touch()
        super()._insertAllSteps()

    def _comes(self) -> bool:
        """Whether tomograms arrive one by one, now or when the run began."""
        look = look_at_input(self._looksAt(self.inputTomograms.get().getFileName()))
        return Path(self._files().root, "following").exists() or look is None or look.state != OVER

    def _pause(self) -> float:
        return LONGEST_PAUSE

    def followStep(self, _: str) -> None:
        """Pick each tomogram as it comes, until no more come."""
        self._refuseOtherValues((*self._selectionParams, *self._stepParams, *self._outputParams),
                                self._givenPointers())
        self._prepare()  # what all tomograms need
        output = GrowingOutput(self, OUTPUT, SetOfCoordinates3D, self._prepareOutput)
        output.adopt()
        found: dict[str, Picks] = {}
        seen = SourceSeen()
        while True:
            now = time.monotonic()
            seen = seen.seen_again(look_at_input(self._looksAt(self.inputTomograms.get().getFileName())), now)
            new = [ts_id for ts_id in seen.items if ts_id not in found]
            for ts_id in new:
                found[ts_id] = self._picked(ts_id, output)
            if new:
                self._writeSummary({ts_id: picks for ts_id, picks in found.items() if not self._failed(ts_id)})
            if not new and seen.unread_since is None and (seen.is_over(now, GRACE) or self._isToFinish()):
                break
            if not new:
                time.sleep(self._pause())
        self._hasFinished()
        if not output.ts_ids:
            raise RuntimeError(self._nothingPicked())
        output.close()

    def _picked(self, ts_id: str, output: GrowingOutput) -> Picks:
        """The picks of a tomogram, which the output has then."""
        rate = self.inputTomograms.get().getSamplingRate()
        if ts_id not in output.ts_ids:
            self.pickStep(ts_id, "")
        if self._failed(ts_id):
            return Picks(ts_id, [], rate)
        picks: Picks = self._picks(ts_id, rate)
        if ts_id not in output.ts_ids:
            output.append(ts_id, self._items(picks))
        return picks

    def _items(self, picks: Picks) -> Iterator[Coordinate3D]:
        tomograms = self.inputTomograms.get()
        collected = Collected(tomograms.getSamplingRate())
        attributes = {SPECIES_ATTRIBUTE: list(picks.species)} if self._species() else None
        append_picks(collected, tomogram_of(tomograms, picks.tomo_id), picks, attributes=attributes)
        return iter(collected)

    def _prepareOutput(self, coordinates: SetOfCoordinates3D) -> None:
        rate = self.inputTomograms.get().getSamplingRate()
        coordinates.setPrecedents(self.inputTomograms)  # a pointer: a set alone is lost in workflows
        coordinates.setSamplingRate(rate)
        coordinates.setBoxSize(even_box_size(self._boxAngstrom(), rate))
