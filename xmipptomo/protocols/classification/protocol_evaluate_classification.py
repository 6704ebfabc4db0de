"""Scipion protocol: classes of simulated particles against the truth."""

from __future__ import annotations

import json
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath

from tomo_particles.formats.xmd import Columns, write_table

from ...constants import EVALUATE_CLASSES_PROGRAM, PROBABILITY_ATTRIBUTE, TRUE_CLASS_ATTRIBUTE
from ..shared.program_steps import ProgramSteps, depends_on
from ..shared.progress import unfinished_lines
from .commands import evaluation_arguments
from .files import EvaluationOfClassesFiles


class XmippProtEvaluateClassification(ProgramSteps, EMProtocol):
    """Compares the classes of simulated particles with their true classes.

    *Overview*

    Particles of _simulate particles_ know their structure (_trueClass), and keep it in every set that is made of them. Classes
    are named so that most particles are right.

    *Inputs*

    - Classes of such particles, as _split volume_ or _split subtomograms 3D_ gives them, or any other classification.

    *Outputs*

    - In the summary: accuracy (share of the particles that are right), balanced accuracy (mean over the true classes), adjusted
    Rand index (0: chance, 1: the same partition) and, where particles have a probability (_classProbability), its calibration
    error. The same is in extra/evaluation/result.json.
    """

    _label = "evaluate classification"
    _devStatus = BETA
    _optionFields = {"-i": "inputClasses"}

    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputClasses", params.PointerParam, pointerClass="SetOfClasses3D, SetOfClassesSubTomograms",
                      label="Classes", important=True, help="Classes of particles that _simulate particles_ made.")

    def _files(self) -> EvaluationOfClassesFiles:
        return EvaluationOfClassesFiles(self._getExtraPath())

    def _insertAllSteps(self):
        self._insertFunctionStep(self.evaluateStep, depends_on({"classes": [self.inputClasses]}, {}), needsGPU=False)

    def evaluateStep(self, _: str):
        """Write both tables and compare them."""
        files = self._files()
        cleanPath(str(files.root))
        found: Columns = {"itemId": [], "ref3d": []}
        true: Columns = {"itemId": [], "ref3d": []}
        weights = []
        for one in self.inputClasses.get().iterItems():
            for item in one.iterItems():
                for table, number in ((found, one.getObjId()), (true, getattr(item, TRUE_CLASS_ATTRIBUTE).get())):
                    table["itemId"].append(item.getObjId())
                    table["ref3d"].append(int(number))
                if hasattr(item, PROBABILITY_ATTRIBUTE):
                    weights.append(getattr(item, PROBABILITY_ATTRIBUTE).get())
        write_table(files.classes, found | ({"weight": weights} if len(weights) == len(found["itemId"]) else {}))
        write_table(files.truth, true)
        self._runProgram(EVALUATE_CLASSES_PROGRAM, evaluation_arguments(files.classes, files.truth, files.result), job="evaluate")

    def _validate(self):
        classes = self.inputClasses.get()
        first = None if classes is None else next((item for one in classes.iterItems() for item in one.iterItems()), None)
        if classes is not None and (first is None or not hasattr(first, TRUE_CLASS_ATTRIBUTE)):
            return ["*Classes*: these particles do not know their true class; give classes of particles that _simulate "
                    "particles_ made."]
        return []

    def _summary(self):
        path = Path(self._files().result)
        if not path.exists():
            return unfinished_lines(self, {"evaluateStep": "comparing"})
        result = json.loads(path.read_text(encoding="utf-8"))
        lines = [f"{result['particles']} particles: accuracy {result['accuracy']:.3f}, balanced accuracy "
                 f"{result['balancedAccuracy']:.3f}, adjusted Rand index {result['adjustedRandIndex']:.3f}"]
        if "calibrationError" in result:
            lines.append(f"Calibration error of the probabilities: {result['calibrationError']:.3f}")
        return lines
