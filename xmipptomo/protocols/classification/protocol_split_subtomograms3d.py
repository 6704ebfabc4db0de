"""Scipion protocol: two structures in a set of aligned subtomograms, if there are two."""

from __future__ import annotations

from enum import Enum
from typing import Any

from pwem.objects import SetOfFSCs
from pyworkflow import BETA
from pyworkflow.protocol import params
from tomo.objects import (
    AverageSubTomogram,
    ClassSubTomogram,
    SetOfAverageSubTomograms,
    SetOfClassesSubTomograms,
    SetOfSubTomograms,
)
from tomo.protocols import ProtTomoBase

from tomo_particles.formats.xmd import Columns

from ...constants import SPLIT_PROGRAM
from ..averaging.results import average_of
from ..shared.checked_form import OptionalFloatParam
from ..shared.program_steps import Arguments
from .base import SplitProtocol
from .commands import split_arguments
from .subtomograms import Tilts, subtomogram_columns, tilts_of_item


class SplitOutputs(Enum):
    """Outputs of the protocol."""

    classes = SetOfClassesSubTomograms
    averages = SetOfAverageSubTomograms
    fscs = SetOfFSCs


class XmippProtSplitSubtomograms3D(SplitProtocol, ProtTomoBase):
    """Splits aligned subtomograms into two classes, and says whether there are two structures at all.

    *Overview*

    The particles are divided into two halves that never meet. In each half, what the average does not explain is split by its
    principal component, with the missing wedge taken into account. Contrast and small errors of the poses are fitted first, as
    far as all particles ask for it. Two structures are supported only if the differences of the two halves agree better than
    those of 20 simulated sets of one structure with the same poses and noise.

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
    _input, _program = "inputSubtomograms", SPLIT_PROGRAM
    _moreParams = ("firstTilt", "lastTilt")
    _how = "subtomograms were split into classes of {} particles by the principal component of their differences from the average"

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputSubtomograms", params.PointerParam, pointerClass="SetOfSubTomograms", label="Subtomograms",
                      important=True, help="Aligned particles: each with the transformation that takes it onto the average.")
        self._defineComparison(form)
        form.addParam("maxResolution", OptionalFloatParam, label="Finest resolution (Å, optional)",
                      help="Particles are compared up to this resolution. Empty: a fifth of the diameter.")
        for name, which, extreme in (("firstTilt", "First", "smallest"), ("lastTilt", "Last", "largest")):
            form.addParam(name, OptionalFloatParam, label=f"{which} tilt (degrees, optional)",
                          help=f"{which} tilt of the tilt series about the y axis of the tomogram, in degrees: the {extreme} "
                               "angle. Both define the missing wedge. Empty: as each subtomogram says (its acquisition).")
        self._defineClasses(form)
        self._defineSeed(form)
        form.addParallelSection(threads=2, mpi=0)

    # ---- steps
    def _columns(self) -> Columns:
        return subtomogram_columns(self.inputSubtomograms.get(), self._tilts())

    def _arguments(self, mask: str) -> Arguments:
        return split_arguments(
            self._files().table, self._files().output, rate=self.inputSubtomograms.get().getSamplingRate(),
            diameter=self.diameter.get(), resolution=self.maxResolution.get(), mask=mask,
            classes=self.numberOfClasses.get(), threads=self.numberOfThreads.get(), seed=self.randomSeed.get())

    def _outputsOf(self, numbers: range) -> dict[str, Any]:
        averages, subtomograms = self._createSetOfAverageSubTomograms(), self.inputSubtomograms.get()
        averages.setSamplingRate(subtomograms.getSamplingRate())
        for number in numbers:
            averages.append(self._average(number))
        classes = self._createSetOfClassesSubTomograms(self.inputSubtomograms)
        if subtomograms.getCoordinates3D() is not None:
            classes.setCoordinates3D(subtomograms._coordsPointer)
        return {SplitOutputs.classes.name: self._classify(classes, self._represented), SplitOutputs.averages.name: averages}

    def _represented(self, one: ClassSubTomogram) -> None:
        one.setRepresentative(self._average(one.getObjId()))

    def _average(self, number: int) -> AverageSubTomogram:
        rate = self.inputSubtomograms.get().getSamplingRate()
        return average_of(self._files().map(f"class_{number}"), self._halves(number), rate, f"class {number}")

    # ---- information
    def _tilts(self) -> Tilts | None:
        first, last = self.firstTilt.get(), self.lastTilt.get()
        return None if first is None or last is None else (first, last)

    def _validate(self):
        errors, subtomograms = self._setErrors({}), self.inputSubtomograms.get()
        return errors if errors or subtomograms is None else self._tiltErrors(subtomograms)

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
