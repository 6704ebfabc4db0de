"""Scipion protocol: releases a finished set again, tomogram by tomogram, to rehearse a session."""

from __future__ import annotations

import math
import time
from enum import Enum
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.object import Set
from pyworkflow.protocol import params
from tomo.protocols import ProtTomoBase

from tomo_particles.core.files import written_aside
from tomo_particles.runs.releases import Drill

from ..shared.checked_form import CheckedForm
from ..shared.form_checks import limit_errors
from .following import Following
from .growing_output import GrowingOutput
from .set_items import items_of, prepare_alike
from .set_looks import look_at_set

LIMITS = {"interval": (0, None, True), "jitter": (0, 1, True), "delay": (0, None, True), "lacking": (0, None, True),
          "failAfter": (0, None, True), "seed": (0, None, True)}


class ReleaseOutputs(Enum):
    """Output of the protocol."""

    released = Set


class XmippProtRelease3D(Following, CheckedForm, EMProtocol, ProtTomoBase):
    """Releases a finished set of tomograms or coordinates again, tomogram by tomogram, as if it came from the microscope.

    *Overview*

    Use it to rehearse a workflow for a session, or to test one: each tomogram comes after some seconds, and the set stays open
    until the last one.

    *Inputs*

    - A SetOfTomograms or SetOfCoordinates3D that is complete.

    *Outputs*

    - A set of the same kind that grows.

    *Practical recommendations*

    - The troubles of a real session can be had too: another order, tomograms that come in two parts or never, a run that fails.
    - The same seed gives the same order and the same times.
    - After an interruption use Continue: nothing is released twice.
    """

    _label = "release 3D"
    _devStatus = BETA
    _possibleOutputs = ReleaseOutputs

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputSet", params.PointerParam, pointerClass="SetOfCoordinates3D, SetOfTomograms", important=True,
                      label="Tomograms or coordinates", help="The set to release again.")
        form.addParam("interval", params.FloatParam, default=60, label="Interval (s)", help="From a tomogram to the next.")
        form.addParam("jitter", params.FloatParam, default=0, label="Irregularity",
                      help="By which fraction of the interval a tomogram may come earlier or later.")
        form.addParam("delay", params.FloatParam, default=0, label="Delay (s)", help="Before the first tomogram.")
        form.addParam("shuffled", params.BooleanParam, default=False, label="In another order?",
                      help="Yes: in a random order. No: in that of the set.")
        form.addParam("halves", params.BooleanParam, default=False, label="In two parts?",
                      help="Yes: half of the coordinates of a tomogram come first, the rest half an interval later.")
        form.addParam("lacking", params.IntParam, default=0, label="Tomograms that never come",
                      help="Number of tomograms that are left out.")
        form.addParam("failAfter", params.IntParam, default=0, label="Fail after", expertLevel=params.LEVEL_ADVANCED,
                      help="The run fails once after so many tomograms; Continue releases the rest. 0: it does not fail.")
        form.addParam("seed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                      help="The same seed gives the same order and the same times.")

    # ---- steps
    def followStep(self, _: str):
        """Release what is due, until all is out."""
        given = self.inputSet.get()
        output = GrowingOutput(self, ReleaseOutputs.released.name, type(given), lambda made: prepare_alike(made, given))
        output.adopt()
        begun = time.monotonic()
        for release in self._drill().plan(list(look_at_set(given.getFileName()).counts)):
            items = items_of(given, release.tomo_id)
            there = self._released().get(release.tomo_id, 0)
            due = items[there:math.ceil(release.share * len(items))]
            if not due:
                continue
            time.sleep(max(0.0, begun + release.at - time.monotonic()))
            if len(output.ts_ids) == self.failAfter.get() > 0 and release.tomo_id not in output.ts_ids:
                self._failOnce()
            for item in due:
                item.setObjId(None)  # numbered as they come
            output.append(release.tomo_id, due)
            if self._isToFinish():
                self._hasFinished()
                break
        output.close()

    def _drill(self) -> Drill:
        return Drill(self.interval.get(), self.jitter.get(), self.delay.get(), self.shuffled.get(), self.halves.get(),
                     self.lacking.get(), self.seed.get())

    def _released(self) -> dict[str, int]:
        look = self._looksAt(self._getPath(f"{ReleaseOutputs.released.name}.sqlite")).look()
        return look.counts if look else {}

    def _failOnce(self) -> None:
        failed = Path(self._getExtraPath("failed"))
        if not failed.exists():
            with written_aside(failed) as aside:
                aside.write_text("", encoding="utf-8")
            raise RuntimeError(f"The run fails after {self.failAfter.get()} tomograms, as its form asks for: use Continue.")

    # ---- information
    def _validate(self):
        errors = limit_errors(self, LIMITS)
        if self.inputSet.get().isStreamOpen():
            errors.append("*Tomograms or coordinates*: the set still grows; choose one that is complete.")
        return errors

    def _summary(self):
        released = self._released()
        return [f"{len(released)} tomograms are released."] if released else ["Nothing is released yet."]
