"""Scipion protocol: two structures in a set of aligned subtomograms, if there are two."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path

from pwem.objects import SetOfFSCs
from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.object import Float
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath
from tomo.objects import ClassSubTomogram, SetOfAverageSubTomograms, SetOfClassesSubTomograms, SetOfSubTomograms, SubTomogram
from tomo.protocols import ProtTomoBase

from tomo_particles.formats.xmd import read_table, write_table

from ...constants import LEAST_TO_SPLIT, LOG_ODDS_ATTRIBUTE, PROBABILITY_ATTRIBUTE, SPLIT_PROGRAM
from ...maps import write_map
from ..averaging.results import average_of, fscs_of
from ..shared.checked_form import OptionalFloatParam
from ..shared.form_checks import limit_errors
from ..shared.program_steps import ProgramSteps, depends_on
from ..shared.progress import unfinished_lines
from .commands import split_arguments
from .files import SplitFiles
from .subtomograms import Tilts, subtomogram_columns, tilts_of_item
from .summary import split_lines

PARAMS = ("diameter", "maxResolution", "firstTilt", "lastTilt", "numberOfClasses", "randomSeed")
LIMITS = {"diameter": (0, None, False), "maxResolution": (0, None, False), "randomSeed": (0, None, True),
          "numberOfClasses": (2, 8, True),
          "numberOfThreads": (1, None, True)}


class SplitOutputs(Enum):
    """Outputs of the protocol."""

    classes = SetOfClassesSubTomograms
    averages = SetOfAverageSubTomograms
    fscs = SetOfFSCs


class XmippProtSplitSubtomograms3D(ProgramSteps, EMProtocol, ProtTomoBase):
    """Splits aligned subtomograms into two classes, and says whether there are two structures at all.

    *Overview*

    The particles are divided into two halves that never meet. In each half, what the average does not explain is split by its
    principal component, with the missing wedge taken into account. Contrast and small errors of the poses are fitted first. Two
    structures are supported only if the differences of the two halves agree better than those of 20 simulated sets of one
    structure with the same poses and noise.

    *Inputs*

    - A SetOfSubTomograms with alignment, 80 particles or more, as average subtomograms 3D gives it.
    - The diameter of the particle, and the tilt range of the tilt series.

    *Outputs*

    - classes: two classes, or more if asked for and supported; class 1 is the largest. Each particle has its log odds of class 1
    (_logOdds; with more classes: of its class) and the probability of its class (_classProbability) besides. The transformations
    stay as they were.
    - averages: of the classes, filtered by the FSC of their half maps; the half maps are not filtered.
    - fscs: the FSC of the half maps of each class, and the correlation of the differences of the two halves.
    - In the folder extra/split/output: all maps, also the difference, report.html and summary.json.

    *Practical recommendations*

    - Read the first line of the summary. If it says _not supported_, do not interpret the classes.
    - Some hundred particles are needed for a small difference. A mask around the part that differs helps.
    - A finer resolution is seldom better: noise grows faster than signal.
    - The summary warns if the classes follow the contrast, the direction of view or the tomogram of the particles.
    - There is no correction of the CTF, and particles with a symmetry are treated as if they had none.
    """

    _label = "split subtomograms 3D"
    _devStatus = BETA
    _possibleOutputs = SplitOutputs
    _optionFields = {"-i": "inputSubtomograms", "--diameter": "diameter", "--maxResolution": "maxResolution",
                     "--mask": "mask", "--tilts": "firstTilt", "--seed": "randomSeed"}

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputSubtomograms", params.PointerParam, pointerClass="SetOfSubTomograms", label="Subtomograms",
                      important=True, help="Aligned particles: each with the transformation that takes it onto the average.")
        form.addParam("diameter", OptionalFloatParam, label="Particle diameter (Å, optional)",
                      help="Largest extent of the particle. Structures are compared in a ball of this diameter. Empty: the "
                           "largest ball in a box.")
        form.addParam("mask", params.PointerParam, pointerClass="Volume", allowsNull=True, label="Mask (optional)",
                      help="Volume in the frame of the average, 1 where the structures may differ, 0 elsewhere. Empty: the ball.")
        form.addParam("maxResolution", OptionalFloatParam, label="Finest resolution (Å, optional)",
                      help="Particles are compared up to this resolution. Empty: a fifth of the diameter.")
        for name, which, extreme in (("firstTilt", "First", "smallest"), ("lastTilt", "Last", "largest")):
            form.addParam(name, OptionalFloatParam, label=f"{which} tilt (degrees, optional)",
                          help=f"{which} tilt of the tilt series about the y axis of the tomogram, in degrees: the {extreme} "
                               "angle. Both define the missing wedge. Empty: as each subtomogram says (its acquisition).")
        form.addParam("numberOfClasses", params.IntParam, default=2, label="Classes at most",
                      help="2: one split. More: classes are split again as long as two halves that never met support it.")
        form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                      help="Seed of the simulated sets of one structure. The same seed gives the same result.")
        form.addParallelSection(threads=2, mpi=0)

    # ---- steps
    def _files(self) -> SplitFiles:
        return SplitFiles(self._getExtraPath())

    def _insertAllSteps(self):
        values = depends_on({"subtomograms": [self.inputSubtomograms], "mask": [self.mask]},
                            {name: self.getAttributeValue(name) for name in PARAMS})
        self._insertFunctionStep(self.splitStep, values, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, values, needsGPU=False)

    def splitStep(self, _: str):
        """Write the table of the subtomograms and run the program."""
        files, subtomograms = self._files(), self.inputSubtomograms.get()
        cleanPath(str(files.root))  # of an earlier run with other parameters
        write_table(files.table, subtomogram_columns(subtomograms, self._tilts()))
        if (mask := self.mask.get()) is not None:
            write_map(files.mask, mask)
        self._runProgram(SPLIT_PROGRAM, split_arguments(
            files.table, files.output, rate=subtomograms.getSamplingRate(), diameter=self.diameter.get(),
            resolution=self.maxResolution.get(), mask=files.mask if mask is not None else "",
            classes=self.numberOfClasses.get(), threads=self.numberOfThreads.get(), seed=self.randomSeed.get()), job="split")

    def createOutputStep(self, _: str):
        """Register classes, averages and correlations."""
        files, subtomograms = self._files(), self.inputSubtomograms.get()
        rate = subtomograms.getSamplingRate()
        averages, fscs = self._createSetOfAverageSubTomograms(), self._createSetOfFSCs()
        averages.setSamplingRate(rate)
        numbers = range(1, len(self._summaryContent()["particlesOfClass"]) + 1)
        for number in numbers:
            averages.append(average_of(files.map(f"class_{number}"), self._halves(number), rate, f"class {number}"))
        for fsc in fscs_of(files.fsc, {f"class_{n}": f"class {n}" for n in numbers} | {"difference": "difference"}):
            fscs.append(fsc)
        outputs = {SplitOutputs.classes.name: self._classes(subtomograms), SplitOutputs.averages.name: averages,
                   SplitOutputs.fscs.name: fscs}
        self._defineOutputs(**outputs)
        for output in outputs.values():
            self._defineSourceRelation(self.inputSubtomograms, output)

    def _classes(self, subtomograms: SetOfSubTomograms) -> SetOfClassesSubTomograms:
        """The classes; particles that the program left out are in none."""
        table = read_table(self._files().classes)
        rows = dict(zip(table["itemId"], zip(table["ref3d"], table["logLikelihood"], table["weight"], strict=True), strict=True))
        classes = self._createSetOfClassesSubTomograms(self.inputSubtomograms)
        if subtomograms.getCoordinates3D() is not None:
            classes.setCoordinates3D(subtomograms._coordsPointer)

        def scored(item: SubTomogram, _: object) -> None:
            if item.getObjId() not in rows:
                item._appendItem = False
                return
            number, log_odds, probability = rows[item.getObjId()]
            item.setClassId(number)
            setattr(item, LOG_ODDS_ATTRIBUTE, Float(log_odds))
            setattr(item, PROBABILITY_ATTRIBUTE, Float(probability))

        def represented(one: ClassSubTomogram) -> None:
            number = one.getObjId()
            one.setRepresentative(average_of(self._files().map(f"class_{number}"), self._halves(number),
                                             subtomograms.getSamplingRate(), f"class {number}"))

        classes.classifyItems(updateItemCallback=scored, updateClassCallback=represented)
        return classes

    def _halves(self, number: int) -> list[str]:
        return [self._files().map(f"class_{number}_half{half}") for half in (1, 2)]

    # ---- information
    def _tilts(self) -> Tilts | None:
        first, last = self.firstTilt.get(), self.lastTilt.get()
        return None if first is None or last is None else (first, last)

    def _summaryContent(self) -> dict | None:
        """What the program says of its result; None before it has finished."""
        path = Path(self._files().summary)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def _validate(self):
        errors, subtomograms = limit_errors(self, LIMITS), self.inputSubtomograms.get()
        if subtomograms is None:
            return errors
        if subtomograms.getSize() < LEAST_TO_SPLIT:
            return [*errors, f"*Subtomograms*: the set has {subtomograms.getSize()} particles; two classes need at least "
                             f"{LEAST_TO_SPLIT}."]
        return errors + self._tiltErrors(subtomograms)

    def _tiltErrors(self, subtomograms: SetOfSubTomograms) -> list[str]:
        if (self.firstTilt.get() is None) != (self.lastTilt.get() is None):
            return ["*First tilt (degrees)* and *Last tilt (degrees)*: give both, or none of the two."]
        tilts = self._tilts()
        if tilts is not None:
            return [] if -90 <= tilts[0] < tilts[1] <= 90 else [
                f"*Last tilt (degrees)* must lie between -90 and 90, as *First tilt (degrees)*, and above it; received "
                f"{tilts[0]:g} to {tilts[1]:g}."]
        if tilts_of_item(subtomograms.getFirstItem(), subtomograms) is None:
            return ["*First tilt (degrees)*: the subtomograms do not say what the tilt series saw; give the first and the "
                    "last tilt."]
        return []

    def _summary(self):
        summary = self._summaryContent()
        if summary is None or not hasattr(self, SplitOutputs.classes.name):
            return unfinished_lines(self, {"splitStep": "splitting", "createOutputStep": "writing the results"})
        return [*split_lines(summary), f"Report: {self._files().report}"]

    def _methods(self):
        summary = self._summaryContent()
        if summary is None or summary["verdict"] != "supported":
            return []
        counts = " and ".join(map(str, summary["particlesOfClass"]))
        return [f"{summary['particles']} subtomograms were split into classes of {counts} particles by the principal "
                f"component of their differences from the average up to {summary['maxResolution']:g} Å. The differences of two "
                f"halves that were split each by itself correlate to {summary['agreement']:.2f}; those of simulated sets of one "
                f"structure to at most {max(summary['agreementsOfOneStructure']):.2f}."]
