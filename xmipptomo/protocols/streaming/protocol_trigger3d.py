"""Scipion protocol: hands tomograms or their coordinates on when enough of them are there."""

from __future__ import annotations

import json
import time
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.object import Set
from pyworkflow.protocol import params
from tomo.objects import SetOfTomograms
from tomo.protocols import ProtTomoBase

from tomo_particles.core.files import written_aside
from tomo_particles.runs.sightings import SourceSeen
from tomo_particles.runs.triggers import DYNAMIC, MULTIPLEXING, STATIC, Arrived, Condition, Output, handed_on

from ..shared.checked_form import CheckedForm
from ..shared.form_checks import limit_errors
from .following import GRACE, Following
from .growing_output import GrowingOutput, new_ones
from .set_items import items_of, prepare_alike
from .set_looks import look_at_input

KINDS = (DYNAMIC, MULTIPLEXING, STATIC)
OUTPUT = "released"
LIMITS = {"tomograms": (1, None, True), "coordinates": (0, None, True), "lastTomograms": (1, None, True),
          "minutes": (0, None, True), "settle": (0, None, False)}


class XmippProtTrigger3D(Following, CheckedForm, EMProtocol, ProtTomoBase):
    """Waits until there are enough tomograms, coordinates, or good scores, and then hands them on.

    *Overview*

    Put this protocol between one that runs during the session and those that need a number of tomograms or coordinates. It looks
    at the input every few seconds. When the condition holds, it makes an output, and the runs that wait for it start.

    *Inputs*

    - A SetOfCoordinates3D or a SetOfTomograms, which may still grow.

    *Outputs*

    - Dynamic: one set that stays open. It has all tomograms so far, and every later one is added.
    - Multiplexing: closed sets of which each fulfils the condition, one after the other. The last one has the rest. A tomogram is
      never divided.
    - Static: one closed set of what fulfilled the condition. What comes later is not used. For interactive work, or for a first
      training.

    *Practical recommendations*

    - A tomogram counts when its coordinates no longer change, or when those of a later tomogram are there.
    - All conditions that are given must hold together.
    - After an interruption use Continue: nothing is handed on twice.
    """

    _label = "trigger 3D"
    _devStatus = BETA
    _possibleOutputs = {OUTPUT: Set}  # numbered, where there are several

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputSet", params.PointerParam, pointerClass="SetOfCoordinates3D, SetOfTomograms", important=True,
                      label="Coordinates or tomograms", help="They may still grow.")
        form.addParam("kind", params.EnumParam, choices=["Dynamic", "Multiplexing", "Static"], default=0, label="Output",
                      help="_Dynamic_: one set that goes on growing. _Multiplexing_: closed sets, one after the other. "
                           "_Static_: one closed set of what fulfilled the condition.")
        form.addParam("tomograms", params.IntParam, default=5, label="Tomograms, at least",
                      help="Number of tomograms that must be there. With _Multiplexing_ in each set.")
        form.addParam("coordinates", params.IntParam, default=0, label="Coordinates, at least",
                      help="Number of coordinates in these tomograms. 0: any.")
        form.addParam("minScore", params.FloatParam, default=0, label="Mean score, at least", expertLevel=params.LEVEL_ADVANCED,
                      help="Mean of the scores of the last tomograms. 0: any.")
        form.addParam("lastTomograms", params.IntParam, default=3, label="of so many last tomograms",
                      expertLevel=params.LEVEL_ADVANCED, help="Number of tomograms whose scores are averaged.")
        form.addParam("minutes", params.FloatParam, default=0, label="Minutes, at least", expertLevel=params.LEVEL_ADVANCED,
                      help="Time since the first tomogram was seen. 0: any.")
        form.addParam("settle", params.FloatParam, default=30, label="Unchanged for (s)", expertLevel=params.LEVEL_ADVANCED,
                      help="Coordinates of a tomogram that have not changed for so many seconds are complete.")

    # ---- steps
    def followStep(self, _: str):
        """Look and hand on, until the input is over or nothing more is to come."""
        self._growing: dict[int, GrowingOutput] = {}
        seen, recorded = SourceSeen(), self._recorded()
        first_seen: dict[str, float] = {}
        kind = KINDS[self.kind.get()]
        for number in range(len(recorded)):
            self._output(number).adopt()
        while True:
            now = time.monotonic()
            seen = seen.seen_again(look_at_input(self._looksAt(self.inputSet.get().getFileName())), now)
            over = seen.unread_since is None and seen.is_over(now, GRACE)
            arrived = self._arrived(seen, over, now, first_seen)
            over = over and len(arrived) == len(seen.items)  # otherwise it takes one more look
            outputs = handed_on(kind, self._condition(), arrived, recorded, over, now)
            if outputs != recorded:
                self._record(outputs)
                recorded = outputs
            self._write(recorded)
            if over or (kind == STATIC and recorded):
                break
            time.sleep(self._pause())
        if not recorded:
            raise RuntimeError("The input ended before the condition held: lower the numbers on the form.")

    def _arrived(self, seen: SourceSeen, over: bool, now: float, first_seen: dict[str, float]) -> list[Arrived]:
        """The tomograms that are complete, in the order in which the set has them."""
        look = self._looksAt(self.inputSet.get().getFileName()).look()
        arrived = []
        for ts_id in seen.items:
            first_seen.setdefault(ts_id, now)
            if look is None or seen.delivered(ts_id, now, self.settle.get(), over) is None:
                break
            counts, scores = look.counts, look.scores
            arrived.append(Arrived(ts_id, counts.get(ts_id, 0), scores.get(ts_id, 0.0), first_seen[ts_id]))
        return arrived

    def _condition(self) -> Condition:
        return Condition(self.tomograms.get(), self.coordinates.get(), self.minScore.get() or None, self.lastTomograms.get(),
                         60 * self.minutes.get())

    def _write(self, outputs: tuple[Output, ...]) -> None:
        for number, output in enumerate(outputs):
            growing = self._output(number)
            for ts_id in new_ones(output.tomo_ids, growing):
                growing.append(ts_id, items_of(self.inputSet.get(), ts_id))
            if output.closed and self._is_open(growing.name):
                growing.close()

    def _is_open(self, name: str) -> bool:
        look = self._looksAt(self._getPath(f"{name}.sqlite")).look()
        return look is not None and look.is_open

    def _output(self, number: int) -> GrowingOutput:
        if number not in self._growing:
            name = f"{OUTPUT}{number + 1}" if KINDS[self.kind.get()] == MULTIPLEXING else OUTPUT
            given = self.inputSet.get()
            self._growing[number] = GrowingOutput(self, name, type(given), lambda made: prepare_alike(made, given))
        return self._growing[number]

    # ---- what is recorded
    def _recordPath(self) -> Path:
        return Path(self._getExtraPath("released.json"))

    def _recorded(self) -> tuple[Output, ...]:
        path = self._recordPath()
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return tuple(Output(tuple(own["tomograms"]), own["closed"]) for own in found)

    def _record(self, outputs: tuple[Output, ...]) -> None:
        with written_aside(self._recordPath()) as aside:
            aside.write_text(json.dumps([{"tomograms": own.tomo_ids, "closed": own.closed} for own in outputs]), encoding="utf-8")

    # ---- information
    def _validate(self):
        errors = limit_errors(self, LIMITS)
        if isinstance(self.inputSet.get(), SetOfTomograms) and (self.coordinates.get() or self.minScore.get()):
            errors.append("*Coordinates* and *Mean score* have no meaning for tomograms: set both to 0.")
        return errors

    def _summary(self):
        recorded = self._recorded()
        if not recorded:
            return ["Nothing is handed on yet."]
        lines = []
        for number, output in enumerate(recorded, start=1):
            n = len(output.tomo_ids)
            lines.append(f"Output {number}: {n} tomogram{'s' * (n != 1)}, {'closed' if output.closed else 'open'}")
        return lines
