"""What the pickers share: one step per tomogram, one program per step, one scored set of coordinates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from pyworkflow.protocol.constants import STEPS_PARALLEL
from pyworkflow.utils import cleanPath, makeFilePath
from tomo.objects import SetOfCoordinates3D, Tomogram
from tomo.protocols import ProtTomoBase

from tomo_particles.core.files import written_aside
from tomo_particles.core.picks import Picks
from tomo_particles.formats.xmd import picks_of, read_table

from ...constants import SPECIES_ATTRIBUTE
from ...convert import append_picks, even_box_size, tomogram_of
from ...files import PickingFiles
from ..shared.commands import Selection
from ..shared.form_checks import limit_errors
from ..shared.program_steps import ProgramSteps, depends_on, state_of, tomogram_step
from ..shared.progress import rows_so_far, unfinished_lines
from ..shared.sets import MAX_TOMOGRAM_LINES, link_mask, link_tomogram
from .following import PicksWhatComes

KEEP_AUTOMATIC, KEEP_NUMBER, KEEP_THRESHOLD = 0, 1, 2


class PickerOutputs(Enum):
    """Output of every picker."""

    coordinates = SetOfCoordinates3D


class TomogramPicker(PicksWhatComes, ProgramSteps, EMProtocol, ProtTomoBase):
    """A picker: the class of a protocol defines its parameters, what it prepares and which program it runs."""

    _devStatus = BETA
    _possibleOutputs = PickerOutputs
    _optionFields = {"--tomograms": "inputTomograms", "--number": "number", "--threshold": "threshold",
                     "--mask": "regionMasks"}
    stepsExecutionMode = STEPS_PARALLEL

    _program = ""
    _stepParams: tuple[str, ...] = ()  # what the picks depend on: changing another one does not pick again
    _outputParams: tuple[str, ...] = ()
    _selectionParams: tuple[str, ...] = ("keep", "number", "threshold", "bright")
    _classWord = "Of template"  # what the summary calls a class

    # ---- what each picker defines
    def _arguments(self, tomogram: Tomogram, link: str, picks: str) -> list:
        """Arguments of the program for one tomogram."""
        raise NotImplementedError

    def _boxAngstrom(self) -> float:
        """Edge of the box, Å."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """Write what all tomograms need."""

    def _inputPointers(self) -> list:
        return [self.inputTomograms, self.regionMasks]

    def _species(self) -> list[str]:
        """Names of the species in the order of their group ids, from 1; empty if a picker knows none."""
        return []

    # ---- form
    def _defineTomograms(self, form: params.Form) -> None:
        form.addParam("inputTomograms", params.PointerParam, pointerClass="SetOfTomograms", label="Tomograms", important=True,
                      help="Reconstructed tomograms. Picking is fast at 10 to 15 Å/voxel, and this binning loses little.")

    def _defineSelection(self, form: params.Form, number: int, threshold: float, score: str) -> None:
        form.addParam("keep", params.EnumParam, choices=["Automatic", "Best of each tomogram", "Above a threshold"],
                      default=KEEP_AUTOMATIC,
                      display=params.EnumParam.DISPLAY_HLIST, label="Keep",
                      help="How many peaks become picks.\n_Automatic_: the peaks that noise would not reach.\n_Best of each "
                           "tomogram_: a fixed number, the best first.\n_Above a threshold_: all peaks whose score reaches "
                           "the threshold.")
        form.addParam("number", params.IntParam, default=number, condition=f"keep == {KEEP_NUMBER}", label="Number of picks",
                      help="Number per tomogram, and per template if there are several. Better too many than too few: a later "
                           "consensus or classification can remove false picks, but cannot find missing ones.")
        form.addParam("threshold", params.FloatParam, default=threshold, condition=f"keep == {KEEP_THRESHOLD}",
                      label="Lowest score", help=score)
        form.addParam("bright", params.BooleanParam, default=False, label="Are particles bright?",
                      help="Proteins are usually dark in tomograms. Choose Yes if the contrast of the tomograms is inverted.")

    def _defineThreads(self, form: params.Form) -> None:
        form.addParallelSection(threads=2, mpi=0, binThreads=2, binThreadsHelp=(
            "Threads of the program. Scipion picks (Scipion threads - 1) tomograms at the same time, each with this many "
            "threads. The product should not exceed the number of processors."))

    def _defineRegions(self, form: params.Form) -> None:
        form.addParam("regionMasks", params.PointerParam, pointerClass="SetOfTomoMasks", allowsNull=True,
                      label="Masks of regions (optional)",
                      help="Masks of good and bad regions, of _mask tomograms 3D_. Nothing is picked in bad regions, "
                           "and what is there (gold, carbon, dirt) does not change the scores elsewhere. Masks of other programs "
                           "are refused: give them to _mask tomograms 3D_ as your own masks.")

    # ---- steps
    def _files(self) -> PickingFiles:
        return PickingFiles(self._getExtraPath())

    def _tomogram(self, ts_id: str) -> Tomogram:
        return tomogram_of(self.inputTomograms.get(), ts_id)

    def _selection(self) -> Selection:
        if self.keep.get() == KEEP_NUMBER:
            return Selection(number=self.number.get())
        return Selection(threshold=self.threshold.get() if self.keep.get() == KEEP_THRESHOLD else None)

    def _values(self, names: Sequence[str]) -> str:
        """Parameters and inputs that a step depends on, as one of its arguments: if they change, resuming does it again."""
        values = {name: self.getAttributeValue(name) for name in names}
        return depends_on({"inputs": self._givenPointers()}, values, list(filter(None, [values.get("templateFile")])))

    def _givenPointers(self) -> list:
        return [pointer for pointer in self._inputPointers() if pointer.get() is not None]

    def _insertBatchSteps(self) -> None:
        """The steps where every tomogram is there."""
        picking = self._values((*self._selectionParams, *self._stepParams))
        prepared = self._insertFunctionStep(self.prepareStep, picking, prerequisites=[], needsGPU=False)
        picked = self._insertPicking(sorted(self.inputTomograms.get().getTSIds()), picking, prepared)
        final = self._values((*self._selectionParams, *self._stepParams, *self._outputParams))
        self._insertFunctionStep(self.createOutputStep, final, prerequisites=picked, needsGPU=False)

    def _insertPicking(self, ts_ids: list[str], values: str, prepared: int) -> list[int]:
        """The steps that pick each tomogram, after the step `prepared`."""
        return [self._insertFunctionStep(self.pickStep, ts_id, values, prerequisites=[prepared], needsGPU=False)
                for ts_id in ts_ids]

    def prepareStep(self, _: str):
        """Empty the folder of an earlier run and write what all tomograms need."""
        cleanPath(str(self._files().root))
        self._prepare()

    @tomogram_step
    def pickStep(self, tomogram: Tomogram):
        """Pick one tomogram."""
        ts_id = tomogram.getTsId()
        picks = self._files().picks(ts_id)
        makeFilePath(picks)
        link = link_tomogram(tomogram, self._files().tomogram(ts_id))
        arguments = self._arguments(tomogram, link, picks)
        about = state_of(tomogram.getFileName())
        if self.regionMasks.get() is not None:
            mask = link_mask(self.regionMasks.get(), ts_id, self._files().region_mask(ts_id))
            arguments, about = [*arguments, "--mask", mask], about + state_of(mask)
        self._runPicker(arguments, f"picking_{ts_id}", about, [picks])

    def _runPicker(self, arguments: list, job: str, about: str, results: list[str]) -> None:
        self._runProgram(self._program, arguments, job, about, results)

    def createOutputStep(self, _: str):
        """Register the picks of all tomograms."""
        tomograms = self.inputTomograms.get()
        found = {ts_id: self._picks(ts_id, tomograms.getSamplingRate()) for ts_id in sorted(tomograms.getTSIds())
                 if not self._failed(ts_id)}
        if not any(len(picks) for picks in found.values()):
            raise RuntimeError(self._nothingPicked())
        coordinates = self._createSetOfCoordinates3D(self.inputTomograms)  # a pointer: a set alone is lost in workflows
        coordinates.setSamplingRate(tomograms.getSamplingRate())
        coordinates.setBoxSize(even_box_size(self._boxAngstrom(), tomograms.getSamplingRate()))
        for ts_id, picks in found.items():
            attributes = {SPECIES_ATTRIBUTE: list(picks.species)} if self._species() else None
            append_picks(coordinates, tomogram_of(tomograms, ts_id), picks, attributes=attributes)
        self._defineOutputs(**{PickerOutputs.coordinates.name: coordinates})
        for pointer in self._givenPointers():
            self._defineSourceRelation(pointer, coordinates)
        self._writeSummary(found)

    def _nothingPicked(self) -> str:
        masked = "" if self.regionMasks.get() is None else "look at the *Masks of regions* first, then "
        return f"Nothing was picked: {masked}lower *Lowest score*, or check the contrast of the tomograms. {self._failures()}"

    def _picks(self, ts_id: str, rate: float) -> Picks:
        """What the program found in a tomogram, with the number of the class as group id."""
        path = self._files().picks(ts_id)
        picks = picks_of(read_table(path), path, sampling_rate=rate)
        names = self._species()
        group = [names.index(name) + 1 if name in names else 0 for name in picks.species]
        return replace(picks, tomo_id=ts_id, group=group)

    # ---- information
    def _writeSummary(self, found: dict[str, Picks]) -> None:
        content = {"counts": {ts_id: len(picks) for ts_id, picks in found.items()}, "failures": self._failureTexts(),
                   "species": {name: sum(int((picks.species == name).sum()) for picks in found.values())
                               for name in self._species()}}
        with written_aside(self._files().summary) as aside:
            Path(aside).write_text(json.dumps(content, indent=1), encoding="utf-8")

    def _summaryContent(self) -> dict | None:
        path = Path(self._files().summary)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def _summary(self):
        content = self._summaryContent()
        if content is None or not hasattr(self, PickerOutputs.coordinates.name):
            doing = {"prepareStep": "preparing the templates", "pickStep": "picking", "followStep": "picking what comes",
                     "createOutputStep": "writing the picks"}
            return unfinished_lines(self, doing, so_far=self._soFar())
        counts = content["counts"]
        lines = [f"*{sum(counts.values())} picks* in {len(counts)} tomograms; box of {self.coordinates.getBoxSize()} voxels, "
                 f"{self.coordinates.getSamplingRate():.4g} Å/voxel"]
        lines += [f"{self._classWord} {name}: {count}" for name, count in content["species"].items()]
        lines += [f"- {ts_id}: {count}" for ts_id, count in list(counts.items())[:MAX_TOMOGRAM_LINES]]
        if len(counts) > MAX_TOMOGRAM_LINES:
            lines.append(f"... and {len(counts) - MAX_TOMOGRAM_LINES} tomograms more")
        return lines + [f"*Tomogram left out* {failure}" for failure in content["failures"]]

    def _soFar(self) -> list[str]:
        """What there is before the run has finished."""
        counts = [rows_so_far(path) for path in Path(self._files().picks("any")).parent.glob("*.xmd")]
        found = [f"*So far*: {sum(counts)} picks in {len(counts)} tomogram{'s' * (len(counts) != 1)}"] * bool(counts)
        return found + [f"*Tomogram left out* {failure}" for failure in self._failureTexts()]

    def _selectionErrors(self) -> list[str]:
        return limit_errors(self, dict.fromkeys(("number", "numberOfThreads", "binThreads"), (1, None, True)))
