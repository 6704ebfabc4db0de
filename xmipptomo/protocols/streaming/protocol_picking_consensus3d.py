"""Scipion protocol: the coordinates on which k of n pickers agree, also while tomograms and picks still arrive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from tomo.objects import Coordinate3D, SetOfCoordinates3D
from tomo.protocols import ProtTomoBase

from tomo_particles.consensus.merged_picks import MergedPicks
from tomo_particles.core.files import written_aside
from tomo_particles.core.picks import Picks
from tomo_particles.formats.xmd import picks_of, read_table, write_picks
from tomo_particles.runs.watching import VOTE, Action, End, Prepare, Publish, Rules

from ...constants import (
    CONSENSUS_PROGRAM,
    PICKER_SCORES_ATTRIBUTE,
    PICKERS_ATTRIBUTE,
    REPRESENTATIVES,
    SPECIES_ATTRIBUTE,
    SUPPORT_ATTRIBUTE,
)
from ...convert import append_picks, even_box_size, name_of, size_of, tomogram_of
from ...files import RunFiles
from ..deep_consensus.commands import RunTomogram, consensus_arguments
from ..deep_consensus.inputs import count_rows, picks_of_sets
from ..shared.form_checks import limit_errors, symmetry_errors
from ..shared.program_steps import ProgramSteps
from ..shared.sets import set_errors
from .collected import Collected
from .following_pickers import FollowsPickers, is_passing
from .growing_output import GrowingOutput
from .streaming_form import define_waiting

OUTPUT = "agreed"
LIMITS = {"radius": (0, None, False), "patience": (0, None, True), "enough": (0, None, True), "settle": (0, None, False),
          "grace": (0, None, True)}


class XmippProtPickingConsensus3D(FollowsPickers, ProgramSteps, EMProtocol, ProtTomoBase):
    """Merges the coordinates of several pickers and accepts those on which a number of pickers agree; no network.

    *Overview*

    Coordinates nearer than the radius are the same particle. A merged coordinate is accepted if at least k different pickers
    found it. k = 1 accepts all of them (OR), k = number of pickers only those of all (AND). Several k give several outputs of one
    merging.

    *Inputs*

    - Two or more SetOfCoordinates3D, which may still grow. The tomograms are those of the first set.

    *Outputs*

    - A SetOfCoordinates3D for each k, such as _agreed2_. The score is the fraction of the pickers. Each tomogram is added once.

    *Practical recommendations*

    - A tomogram waits for all pickers. If a picker is slow, set _Pickers that are enough_: the others are then
    waited for only for some hours.
    - A picker that finds nothing in a tomogram is known only when its set is closed.
    - After an interruption use Continue: nothing is added twice.
    """

    _label = "picking consensus 3D"
    _devStatus = BETA
    _possibleOutputs = {f"{OUTPUT}{number}": SetOfCoordinates3D for number in range(1, 10)}

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputSets", params.MultiPointerParam, pointerClass="SetOfCoordinates3D", important=True, minNumObjects=2,
                      label="Coordinates of the pickers", help="One set per picker. They may still grow.")
        form.addParam("numbers", params.StringParam, default="2", label="Pickers that must agree",
                      help="One or more numbers, separated by commas: _2_, or _1,2,3_. Each number gives an output of its own.")
        form.addParam("ofThose", params.BooleanParam, default=False, label="Only pickers that have the tomogram?",
                      help="Yes: in a tomogram in which fewer pickers have coordinates, all of these are enough. No: a tomogram "
                           "that a picker missed has no coordinate on which all agree.")
        form.addParam("radius", params.FloatParam, default=0.35, label="Same-element relative radius",
                      help="Coordinates nearer than this fraction of the box size are the same particle.")
        form.addParam("representative", params.EnumParam, choices=[name.capitalize() for name in REPRESENTATIVES], default=2,
                      label="Position", expertLevel=params.LEVEL_ADVANCED,
                      help="Position of a merged coordinate: that of the first picker, the centroid, or the geometric median.")
        form.addParam("symmetry", params.StringParam, default="c1", label="Symmetry", expertLevel=params.LEVEL_ADVANCED,
                      help="Of the particle, used to average orientations: c1, c2..., d2..., t, o, i1 or i2.")
        form.addSection(label="Streaming")
        define_waiting(form)

    # ---- steps
    def _rules(self) -> Rules:
        return Rules(tuple(f"{name_of(p)} {i}" for i, p in enumerate(self.inputSets, start=1)), VOTE, self.enough.get() or None,
                     3600 * self.patience.get(), self.settle.get(), 3600 * self.grace.get(), final=False)

    def liveOutput(self) -> str:
        """The one with most coordinates."""
        return f"{OUTPUT}{min(self._numbers())}"

    def _begin(self) -> None:
        self._refuseOtherValues(("numbers", "ofThose", "radius", "representative", "symmetry"), self.inputSets)
        self._growing = {number: GrowingOutput(self, f"{OUTPUT}{number}", SetOfCoordinates3D, self._prepareOutput)
                         for number in self._numbers()}
        for output in self._growing.values():
            output.adopt()

    def _do(self, action: Action) -> bool:
        match action:
            case Prepare():
                self._merge(action)
            case Publish():
                self._publish(action)
            case End(failed=reason):
                if reason:
                    raise RuntimeError(f"Nothing to agree on: {reason}.")
                for output in self._growing.values():
                    output.close()
                return True
        return False

    def _numbers(self) -> list[int]:
        return sorted({int(word) for word in (self.numbers.get() or "").replace(",", " ").split()})

    def _files(self) -> RunFiles:
        return RunFiles(self._getExtraPath())

    def _frame(self) -> tuple[float, int]:
        """Sampling rate and box size of the first set, as they were at the start."""
        path = Path(self._getExtraPath("frame.json"))
        if not path.exists():
            first = self._sets()[0]
            with written_aside(path) as aside:
                aside.write_text(json.dumps([first.getSamplingRate(), first.getBoxSize()]), encoding="utf-8")
        rate, box_size = json.loads(path.read_text(encoding="utf-8"))
        return rate, even_box_size(rate * box_size, rate)

    def _merge(self, action: Prepare) -> None:
        """Merge the coordinates of one tomogram; one that cannot be used is left out."""
        ts_id, files, (rate, box_size) = action.tomo_id, self._files(), self._frame()
        prepared = {"tomogram": action.tomogram, "digests": action.digests, "revision": action.revision, "left_out": ""}
        try:
            sets = self._sets()
            tomogram = tomogram_of(sets[0].getPrecedents(), ts_id)
            size = size_of(tomogram)
            numbers = sorted(action.digests)
            picks, left_out = picks_of_sets([sets[number - 1] for number in numbers], ts_id, rate, size, numbers)
            write_picks(files.picks(ts_id), Picks.concatenate(picks), box_size, tomogram.getFileName())
            about = RunTomogram(ts_id, tomogram.getFileName(), tomogram.getSamplingRate(), list(size), rate, box_size, 1, False,
                                False, [len(own) for own in picks], left_out)
            arguments = consensus_arguments(files, about, radius=self.radius.get(), number=2,
                                            representative=self.representative.get(), symmetry=self.symmetry.get())
            self._runProgram(CONSENSUS_PROGRAM, arguments, f"consensus {ts_id}", json.dumps([action.tomogram, action.digests]),
                             [files.consensus(ts_id)])
            prepared["agreed"] = count_rows(files.labelled(ts_id, "positive"))
            if lacking := sorted(set(range(1, len(sets) + 1)) - set(numbers)):
                self.info(f"{ts_id}: no coordinates of set {', '.join(map(str, lacking))}")
        except Exception as error:
            if is_passing(error):
                self._hold(ts_id, error)
                return
            self.error(f"{ts_id} is left out: {error}")
            prepared |= {"revision": action.revision - 1, "left_out": str(error)}
        self._note(ts_id, **prepared)

    def _publish(self, action: Publish) -> None:
        """Add the accepted coordinates of the tomograms to the outputs that do not have them."""
        for ts_id in action.tomo_ids:
            entry = self._ledger.entry(ts_id)
            table = read_table(self._files().consensus(ts_id))
            picks, merged = picks_of(table, "merged picks", sampling_rate=self._frame()[0]), MergedPicks.from_columns(table)
            asked = len(entry.digests) if self.ofThose.get() else len(self._sets())
            for number, output in self._growing.items():
                good = merged.support >= min(number, asked)
                if good.any() and ts_id not in output.ts_ids:
                    output.append(ts_id, self._coordinates(picks[good], merged[good]))
            self._note(ts_id, published=True)

    def _coordinates(self, picks: Picks, merged: MergedPicks) -> Iterator[Coordinate3D]:
        collected = Collected(self._sets()[0].getSamplingRate())
        attributes = {SUPPORT_ATTRIBUTE: merged.support.tolist(), PICKERS_ATTRIBUTE: merged.comments.tolist(),
                      PICKER_SCORES_ATTRIBUTE: merged.picker_scores.tolist(), SPECIES_ATTRIBUTE: picks.species.tolist()}
        tomogram = tomogram_of(self._sets()[0].getPrecedents(), picks.tomo_id)
        append_picks(collected, tomogram, picks, merged.vote_share(len(self._sets())), attributes)
        return iter(collected)

    def _prepareOutput(self, output: SetOfCoordinates3D) -> None:
        first = self._sets()[0]
        output.copyInfo(first)
        output.setPrecedents(first._precedentsPointer)  # the pointer: a set alone is lost in workflows

    # ---- information
    def _validate(self):
        errors = limit_errors(self, LIMITS) + symmetry_errors(self)
        n = len(self.inputSets)
        try:
            wrong = [number for number in self._numbers() if not 1 <= number <= n] or not self._numbers()
        except ValueError:
            wrong = True
        if wrong:
            errors.append(f"*Pickers that must agree*: give numbers from 1 to {n}, separated by commas.")
        if not 0 <= (self.enough.get() or 0) <= n or self.enough.get() == 1:
            errors.append(f"*Pickers that are enough*: must be 0, or 2 to {n}.")
        for i, own in enumerate(self._sets(), start=1):
            if not own.isStreamOpen():  # of a set that still grows it is not known yet
                errors += [f"*Coordinates of the pickers*: set {i}: {error}" for error in set_errors(own, growing=True)]
        return errors

    def _summary(self):
        lines = [f"{getattr(self, name).getSize()} coordinates: {name.removeprefix(OUTPUT)} pickers agree"
                 for name in map("".join, ((OUTPUT, str(number)) for number in self._numbers())) if hasattr(self, name)]
        if lines and len(self.inputSets) == 2:
            lines.append("Two pickers: votes cannot tell whether what only one of them found are errors, or particles that the "
                         "other missed.")
        return [*lines, *self._keptLines()] or ["Nothing is ready yet."]
