"""Scipion protocol: the files of a picker that is still at work, as a set of coordinates that grows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from enum import Enum

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from tomo.objects import Coordinate3D, SetOfCoordinates3D
from tomo.protocols import ProtTomoBase

from tomo_particles.core.coordinates import check_inside, rescale_size
from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.formats.growing_picks import NOTHING, GrowingPicks, Sizes
from tomo_particles.runs.sightings import OPEN, OVER, Source, SourceSeen

from ...constants import SPECIES_ATTRIBUTE
from ...convert import append_picks, even_box_size, size_of, tomogram_of
from ..shared.checked_form import CheckedForm
from ..shared.form_checks import limit_errors
from .collected import Collected
from .following import GRACE, Following
from .growing_output import GrowingOutput
from .set_looks import look_at_input

LIMITS = {"boxSize": (0, None, False), "samplingRate": (0, None, True), "silence": (0, None, True), "settle": (0, None, False)}
FIELDS = {"picks": "*File or folder*", "picks_sampling_rate": "*Sampling rate of the coordinates (Å/voxel)*"}


class WatchPicksOutputs(Enum):
    """Output of the protocol."""

    coordinates = SetOfCoordinates3D


class XmippProtWatchPicks3D(Following, CheckedForm, EMProtocol, ProtTomoBase):
    """Follows the files of a picker outside Scipion, and adds the coordinates of each tomogram to a set when they are there.

    *Overview*

    _Import coordinates 3D from pickers_ reads files once. This protocol goes on looking, so that a picker that works outside
    Scipion can take part in a consensus during the session.

    *Inputs*

    - A SetOfTomograms, which may still grow.
    - The folder into which the picker writes a file for each tomogram, or one file that grows. The formats are those of the
    import (docs/formats.md).

    *Outputs*

    - A SetOfCoordinates3D that stays open until the end. A tomogram is added once, with all its coordinates.

    *Practical recommendations*

    - The coordinates of a tomogram are complete when its files have not changed for some seconds, or when those of a later
    tomogram are there. What changes after that is not used, and the summary says so.
    - The run ends when the tomograms are complete and each has its coordinates, when nothing new came for a time, or when there
    is a file called _finish_ in the folder of the run.
    - After an interruption use Continue: no tomogram is added twice.
    """

    _label = "watch pick files 3D"
    _devStatus = BETA
    _possibleOutputs = WatchPicksOutputs

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputTomograms", params.PointerParam, pointerClass="SetOfTomograms", label="Tomograms", important=True,
                      help="The tomograms of the coordinates. They may still come, and may have another binning than those that "
                           "were picked.")
        form.addParam("filesPath", params.PathParam, label="File or folder", important=True,
                      help="Where the picker writes. The folder may be empty at first.")
        form.addParam("filesPattern", params.StringParam, default="", label="Pattern (optional)",
                      help="Which files of the folder to read, for example _*.cbox_. Empty: all that are coordinates.")
        form.addParam("pickerName", params.StringParam, default="", label="Picker name (optional)",
                      help="What a consensus calls these coordinates. Empty: the name of the run.")
        form.addParam("boxSize", params.FloatParam, default=20, label="Box size (voxels)", allowsPointers=True,
                      help="Box size in voxels of the tomograms, rounded to an even number: 1.5 to 2 particle diameters.")
        form.addParam("samplingRate", params.FloatParam, default=0, label="Sampling rate of the coordinates (Å/voxel)",
                      expertLevel=params.LEVEL_ADVANCED, help="0: as in the files, otherwise that of the tomograms.")
        form.addParam("silence", params.FloatParam, default=120, label="End after silence (minutes)",
                      help="The run ends when no file has changed for so long. 0: never.")
        form.addParam("settle", params.FloatParam, default=30, label="Unchanged for (s)", expertLevel=params.LEVEL_ADVANCED,
                      help="Coordinates of a tomogram that have not changed for so many seconds are complete.")

    # ---- steps
    def followStep(self, _: str):
        """Look at tomograms and files until the end."""
        watched = GrowingPicks(self._source(), 1, self.samplingRate.get() or None, "*File or folder*",
                               lambda error: error.said(FIELDS.get))
        output = GrowingOutput(self, WatchPicksOutputs.coordinates.name, SetOfCoordinates3D, self._prepareOutput)
        output.adopt()
        tomograms, picks, sizes = SourceSeen(), SourceSeen(), {}
        added: dict[str, str] = {}
        states, changed_at = None, time.monotonic()
        while True:
            now = time.monotonic()
            tomograms = tomograms.seen_again(look_at_input(self._looksAt(self.inputTomograms.get().getFileName())), now)
            sizes |= self._sizes(ts_id for ts_id in tomograms.items if ts_id not in sizes)
            picks = picks.seen_again(self._found(watched, sizes), now)
            if watched.states != states:
                states, changed_at = watched.states, now
            self._add(watched, picks, sizes, output, added, now)
            complete = tomograms.is_over(now, GRACE) and set(tomograms.items) <= set(picks.items)
            quiet = now - changed_at
            silent = bool(self.silence.get()) and quiet >= max(60 * self.silence.get(), 3 * self.settle.get())
            if silent or (quiet >= 3 * self.settle.get() and (complete or self._isToFinish())):
                break
            time.sleep(self._pause())
        self._hasFinished()
        if not output.ts_ids:
            raise RuntimeError(f"No coordinates came. {' '.join(self._keptLines())}".strip())
        output.close()

    def _source(self) -> str:
        folder, pattern = self.filesPath.get().strip(), (self.filesPattern.get() or "").strip()
        return os.path.join(folder, pattern) if pattern else folder

    def _sizes(self, ts_ids: Iterator[str]) -> Sizes:
        """Sampling rate and size of tomograms that have come."""
        given = self.inputTomograms.get()
        return {ts_id: (given.getSamplingRate(), size_of(tomogram_of(given, ts_id))) for ts_id in ts_ids}

    def _found(self, watched: GrowingPicks, sizes: Sizes) -> Source | None:
        try:
            return Source(watched.look(sizes), OVER if self._isToFinish() else OPEN)
        except OSError:
            return None

    def _add(self, watched: GrowingPicks, seen: SourceSeen, sizes: Sizes, output: GrowingOutput, added: dict[str, str],
             now: float) -> None:
        """Add the tomograms whose coordinates have become complete."""
        troubles = [*watched.faults.values(), *watched.later]
        for ts_id in seen.items:
            digest = seen.delivered(ts_id, now, self.settle.get(), over=False)
            if not digest or digest == NOTHING:
                continue
            if ts_id in output.ts_ids:
                if added.setdefault(ts_id, digest) != digest:
                    troubles.append(f"The coordinates of {ts_id} changed after they were added; those of before stay.")
                continue
            picks = watched.picks_of(ts_id, sizes)
            if picks is None:  # changes at this moment
                continue
            try:
                self._checkInside(picks, sizes)
                output.append(ts_id, self._items(picks))
                added[ts_id] = digest
            except InputError as error:
                troubles.append(f"{ts_id} is left out: {error.said(FIELDS.get)}")
        self._keepLines(dict.fromkeys([*troubles, *watched.notes]))

    def _checkInside(self, picks: Picks, sizes: Mapping[str, tuple[float, tuple[int, int, int]]]) -> None:
        """Raise InputError for coordinates outside their tomogram."""
        rate, size = sizes[picks.tomo_id]
        check_inside(picks.positions, rescale_size(size, rate, picks.sampling_rate),
                     f"*File or folder*: tomogram '{picks.tomo_id}'", picks.sampling_rate)

    def _items(self, picks: Picks) -> Iterator[Coordinate3D]:
        given = self.inputTomograms.get()
        collected = Collected(given.getSamplingRate())
        attributes = {SPECIES_ATTRIBUTE: list(picks.species)}
        append_picks(collected, tomogram_of(given, picks.tomo_id), picks, attributes=attributes)
        return iter(collected)

    def _prepareOutput(self, coordinates: SetOfCoordinates3D) -> None:
        rate = self.inputTomograms.get().getSamplingRate()
        coordinates.setPrecedents(self.inputTomograms)  # a pointer: a set alone is lost in workflows
        coordinates.setSamplingRate(rate)
        coordinates.setBoxSize(even_box_size(self.boxSize.get() * rate, rate))

    # ---- information
    def _validate(self):
        errors = limit_errors(self, LIMITS)
        path = (self.filesPath.get() or "").strip()
        if not os.path.exists(path):
            errors.append(f"*File or folder*: {path or 'nothing'} does not exist; choose where the picker writes.")
        return errors

    def _summary(self):
        output = getattr(self, WatchPicksOutputs.coordinates.name, None)
        lines = [f"{output.getSize()} coordinates"] if output is not None else []
        return [*lines, *self._keptLines()] or ["No coordinates came yet."]
