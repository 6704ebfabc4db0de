"""Scipion protocol: the tomograms of a folder in which more and more appear, as a set that grows."""

from __future__ import annotations

import json
import os
import time
from enum import Enum
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from tomo.objects import SetOfTomograms, TomoAcquisition, Tomogram
from tomo.protocols import ProtTomoBase

from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.files import written_aside
from tomo_particles.runs.growing_tomograms import Arrived, GrowingTomograms

from ..shared.checked_form import CheckedForm
from ..shared.form_checks import limit_errors
from .following import Following
from .growing_output import GrowingOutput, new_ones

LIMITS = {"samplingRate": (0, None, True), "count": (0, None, True), "silence": (0, None, True), "settle": (0, None, False)}
FIELDS = {"tomogram_sampling_rate": "*Sampling rate*"}  # what messages call a parameter


class WatchOutputs(Enum):
    """Output of the protocol."""

    tomograms = SetOfTomograms


class XmippProtWatchTomograms(Following, CheckedForm, EMProtocol, ProtTomoBase):
    """Follows a folder into which another program writes tomograms, and adds each one to a set as soon as it is complete.

    *Overview*

    Scipion's import reads a folder once. This protocol goes on looking, so that picking and consensus can run during the session.

    *Inputs*

    - A folder of MRC files (.mrc, .rec, .map), or a pattern. The file name without its ending is the id of the tomogram.

    *Outputs*

    - A SetOfTomograms that stays open until the end. Every tomogram is added once.

    *Practical recommendations*

    - A file is complete when it has the size that its header says and has not changed for some seconds. The clock of the file
      server does not matter.
    - The run ends when the number of tomograms is there, when nothing new came for a time, or when there is a file called
      _finish_ in the folder of the run.
    - A tomogram that cannot be used is left out, and the summary says why. If its file is whole later, it is added.
    - After an interruption use Continue: no tomogram is added twice.
    """

    _label = "watch tomograms"
    _devStatus = BETA
    _possibleOutputs = WatchOutputs

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("folder", params.PathParam, label="Folder", important=True, help="Where the tomograms appear.")
        form.addParam("pattern", params.StringParam, default="", label="Pattern",
                      help="Which files to take, for example _*_rec.mrc_. Empty: all tomograms of the folder.")
        form.addParam("samplingRate", params.FloatParam, default=0, label="Sampling rate (Å/voxel)",
                      help="0: as the headers say.")
        form.addParam("tilts", params.StringParam, default="", label="First and last tilt (degrees)",
                      help="For example _-60 60_. They are stored in the acquisition. Empty: not known.")
        form.addParam("count", params.IntParam, default=0, label="Number of tomograms",
                      help="The run ends when so many are there. 0: not known.")
        form.addParam("silence", params.FloatParam, default=60, label="End after silence (minutes)",
                      help="The run ends when no file has changed for so long. 0: never.")
        form.addParam("settle", params.FloatParam, default=30, label="Unchanged for (s)", expertLevel=params.LEVEL_ADVANCED,
                      help="A file that has not changed for so many seconds is complete.")

    # ---- steps
    def followStep(self, _: str):
        """Look at the folder until the end."""
        watched = GrowingTomograms(self._source(), self.samplingRate.get() or None, self.settle.get(), "*Folder*",
                                   lambda error: error.said(FIELDS.get))
        name = WatchOutputs.tomograms.name
        output = GrowingOutput(self, name, SetOfTomograms, lambda tomograms: self._prepare(tomograms, watched))
        output.adopt()
        states, changed_at = None, time.monotonic()
        while True:
            now = time.monotonic()
            try:
                watched.look(now)
            except OSError as error:
                self.warning(f"The folder cannot be read at the moment: {error}")
            if watched.states != states:
                states, changed_at = watched.states, now
            left_out = self._add(watched, output)
            quiet = now - changed_at
            n = len(output.ts_ids) + len(left_out)
            if self._isOver(n, quiet, watched.waiting):
                break
            time.sleep(self._pause())
        left_out |= watched.unfinished(time.monotonic())
        self._keep(left_out)
        if not output.ts_ids:
            raise RuntimeError(f"No tomogram came. {' '.join(self._lines(left_out))}".strip())
        output.close()

    def _source(self) -> str:
        folder, pattern = (self.folder.get() or "").strip(), (self.pattern.get() or "").strip()
        return os.path.join(folder, pattern) if pattern else folder

    def _isOver(self, n: int, quiet: float, waiting: bool) -> bool:
        rested = quiet >= 3 * self.settle.get()
        if self._isToFinish() and (rested or not waiting):
            return True
        if self.count.get() and n >= self.count.get():
            return True
        return bool(self.silence.get()) and rested and quiet >= 60 * self.silence.get()

    def _add(self, watched: GrowingTomograms, output: GrowingOutput) -> dict[str, str]:
        """Add the tomograms that have become complete; returns why others are left out, by tsId."""
        left_out = dict(watched.faults)
        for ts_id in new_ones(sorted(watched.arrived), output):
            arrived = watched.arrived[ts_id]
            rate = self._rate(output, arrived)
            if not same_sampling_rate(arrived.sampling_rate, rate):
                left_out[ts_id] = (f"it has {arrived.sampling_rate:g} Å/voxel and those before it {rate:g}; give the sampling "
                                   "rate on the form, or watch another folder for it")
                continue
            output.append(ts_id, [self._item(ts_id, arrived, output)])
            for note in arrived.notes:
                self.warning(note)
        self._keep(left_out)
        return left_out

    def _keep(self, left_out: dict[str, str]) -> None:
        """Keep for the summary why tomograms are left out."""
        path = Path(self._getExtraPath("left_out.json"))
        if left_out or path.exists():
            with written_aside(path) as aside:
                aside.write_text(json.dumps(left_out), encoding="utf-8")

    def _rate(self, output: GrowingOutput, arrived: Arrived) -> float:
        return float(getattr(self, output.name).getSamplingRate()) if output.ts_ids else arrived.sampling_rate

    def _item(self, ts_id: str, arrived: Arrived, output: GrowingOutput) -> Tomogram:
        tomogram = Tomogram()
        tomogram.setTsId(ts_id)
        tomogram.setLocation(os.path.abspath(arrived.path))
        tomogram.setSamplingRate(self._rate(output, arrived))
        tomogram.setOrigin()
        if tilts := self._tiltRange():
            tomogram.setAcquisition(TomoAcquisition(angleMin=tilts[0], angleMax=tilts[1]))
        return tomogram

    def _prepare(self, tomograms: SetOfTomograms, watched: GrowingTomograms) -> None:
        if not tomograms.getSamplingRate():
            first = min(watched.arrived)
            tomograms.setSamplingRate(watched.arrived[first].sampling_rate)
        if tilts := self._tiltRange():
            tomograms.setAcquisition(TomoAcquisition(angleMin=tilts[0], angleMax=tilts[1]))

    def _tiltRange(self) -> tuple[float, float] | None:
        words = (self.tilts.get() or "").split()
        return (float(words[0]), float(words[1])) if words else None

    # ---- information
    def _validate(self):
        errors = limit_errors(self, LIMITS)
        folder = (self.folder.get() or "").strip()
        if not os.path.isdir(folder):
            errors.append(f"*Folder*: {folder or 'nothing'} is no folder; choose the one in which the tomograms appear.")
        try:
            tilts = self._tiltRange()
        except (ValueError, IndexError):
            tilts = (0.0, 0.0)
        if tilts is not None and not -90 <= tilts[0] < tilts[1] <= 90:
            errors.append("*First and last tilt*: give two rising numbers from -90 to 90, such as -60 60.")
        return errors

    def _summary(self):
        lines = []
        if hasattr(self, WatchOutputs.tomograms.name):
            lines.append(f"{getattr(self, WatchOutputs.tomograms.name).getSize()} tomograms")
        path = Path(self._getExtraPath("left_out.json"))
        left_out = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return [*lines, *self._lines(left_out)] or ["No tomogram came yet."]

    @staticmethod
    def _lines(left_out: dict[str, str]) -> list[str]:
        return [f"Left out: {ts_id}: {reason}" for ts_id, reason in sorted(left_out.items())]
