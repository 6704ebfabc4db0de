"""Part of the deep consensus protocol: output sets that grow by tomograms, where the picks of a tomogram are final early.

That is so in voting alone. With a network, also an existing one, the final score is fitted to the picks of all tomograms.
An open set is safe: Scipion starts no run that cannot work in streaming before its input sets are closed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from pyworkflow.object import Pointer, Set
from tomo.objects import SetOfCoordinates3D, SetOfTomograms, Tomogram

from ...convert import Precedents, append_picks, even_box_size, plan_precedents, species_of, tomogram_sources
from .outputs import TomogramPicks, emptied, merged_picks, put_together

# Outputs of the protocol: accepted picks, every merged pick, and tomograms only where no input set holds all of them.
ACCEPTED, SCORED, TOMOGRAMS = "coordinates", "scoredCoordinates", "tomograms"


class GrowingOutputs:
    """Registers the outputs. The protocol defines `_files`, `_grid`, `_inputSets`, `_failed` and `_sourcePointers`.

    What this process has registered is in memory only: a process that continues a run makes the sets anew, from the files.
    """

    _publishedIds: list[str] | None = None
    _withSpecies: bool | None = None
    _outputSets: dict[str, SetOfCoordinates3D | SetOfTomograms]

    def _publishVoted(self) -> None:
        """Append the tomograms whose votes are final: in the order of their ids, so that every run writes the same sets."""
        with self._lock:  # steps run in threads
            ready = []
            for ts_id in self._grid().tomograms:
                if not (self._failed(ts_id) or os.path.exists(self._files().consensus(ts_id))):
                    break
                ready += [ts_id] * (not self._failed(ts_id))
            new = [ts_id for ts_id in ready if ts_id not in self._published()]
            self._publish(merged_picks(self._files(), new, None, len(self._grid().names)), list(self._grid().tomograms))

    def _published(self) -> list[str]:
        """Ids of the tomograms that this process has registered."""
        if self._publishedIds is None:
            self._publishedIds, self._outputSets = [], {}
        return self._publishedIds

    def _publish(self, merged: Mapping[str, TomogramPicks], ts_ids: Sequence[str]) -> None:
        """Append the picks of some tomograms and leave the sets open. ts_ids: all tomograms that the outputs are planned for."""
        inputs = self._inputSets()
        sets, names = inputs.tomogram_sets(), self._grid().every_name
        if self._withSpecies is None:  # all items of a set must have the same attributes
            self._withSpecies = any(species_of(coordinates) for coordinates in inputs.all)
        plan = plan_precedents(tomogram_sources(sets, ts_ids), self._grid().sampling_rate)
        for number, precedents in enumerate(plan, start=1):
            suffix = str(number) if number > 1 else ""
            own = {ts_id: merged[ts_id] for ts_id in precedents.sources if ts_id in merged}
            if not any(map(len, own.values())):
                continue
            tomograms, pointer = self._precedentsOf(precedents, suffix, sets)
            for name, kind, rows in ((ACCEPTED, "", {ts_id: of.only_accepted() for ts_id, of in own.items()}),
                                     (SCORED, "Scored", own)):
                if any(map(len, rows.values())):  # a set without items has no tables, and readers of it fail
                    coordinates = self._openSet(f"{name}{suffix}", f"{kind}{suffix}", pointer, precedents.sampling_rate)
                    for ts_id, of in rows.items():
                        tomogram = tomograms[{Tomogram.TS_ID_FIELD: ts_id}].clone()
                        append_picks(coordinates, tomogram, of.picks, of.merged.score, of.attributes(names, self._withSpecies))
                    self._registerOpen(f"{name}{suffix}", coordinates)
        self._published().extend(merged)

    def _precedentsOf(self, precedents: Precedents, suffix: str,
                      sets: Sequence[SetOfTomograms]) -> tuple[SetOfTomograms, Pointer]:
        """The tomograms of a pair of output sets and how these refer to them; made at their first use, if need be."""
        if precedents.set_index is not None:
            tomograms = sets[precedents.set_index]
            return tomograms, self._inputSets().pointer_to(tomograms)
        name = f"{TOMOGRAMS}{suffix}"
        if name not in self._outputSets:
            self._outputSets[name] = put_together(self._createSetOfTomograms(suffix), sets, precedents)
            self._register(name, self._outputSets[name])
        return self._outputSets[name], Pointer(self, extended=name)

    def _openSet(self, name: str, suffix: str, pointer: Pointer, rate: float) -> SetOfCoordinates3D:
        """The set of an output, to which items can be appended."""
        if name in self._outputSets:
            self._outputSets[name].enableAppend()
            return self._outputSets[name]
        grid = self._grid()
        coordinates = self._createSetOfCoordinates3D(pointer, suffix)
        coordinates.setSamplingRate(rate)
        coordinates.setBoxSize(even_box_size(grid.box_size * grid.sampling_rate, rate))
        coordinates.setStreamState(Set.STREAM_OPEN)
        return coordinates

    def _registerOpen(self, name: str, coordinates: SetOfCoordinates3D) -> None:
        if name in self._outputSets:
            self._updateOutputSet(name, coordinates, Set.STREAM_OPEN)
        else:
            self._outputSets[name] = coordinates
            self._register(name, coordinates)

    def _closeOutputs(self) -> None:
        """Say of every set that no more will come. Sets of an earlier result, with other tomograms or more sampling rates, which
        Scipion would keep, become empty."""
        for name, output in list(self.iterOutputAttributes()):
            if re.fullmatch(rf"({ACCEPTED}|{SCORED}|{TOMOGRAMS})\d*", name) and name not in self._outputSets:
                suffix = name.replace(SCORED, "Scored").replace(ACCEPTED, "").replace(TOMOGRAMS, "")
                self._register(name, emptied(self, output, suffix))
        for name, output in self._outputSets.items():
            self._updateOutputSet(name, output, Set.STREAM_CLOSED)

    def _register(self, name: str, output: SetOfCoordinates3D | SetOfTomograms) -> None:
        self._defineOutputs(**{name: output})
        for pointer in self._sourcePointers():
            self._defineSourceRelation(pointer, output)
