"""What the protocols share that split a set of aligned particles: fields, steps, scores of the particles, what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pwem.objects import FSC, EMObject, EMSet
from pwem.protocols import EMProtocol
from pyworkflow.object import Float, Pointer
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath

from tomo_particles.formats.xmd import Columns, read_table, write_table

from ...constants import LEAST_TO_SPLIT, LOG_ODDS_ATTRIBUTE, PROBABILITY_ATTRIBUTE
from ...maps import write_map
from ..averaging.results import fscs_of
from ..shared.checked_form import OptionalFloatParam
from ..shared.form_checks import limit_errors
from ..shared.program_steps import Arguments, ProgramSteps, depends_on
from ..shared.progress import unfinished_lines
from .files import SplitFiles
from .summary import methods_line, split_lines

PARAMS = ("diameter", "maxResolution", "numberOfClasses", "randomSeed")
LIMITS = {"diameter": (0, None, False), "maxResolution": (0, None, False), "randomSeed": (0, None, True),
          "numberOfClasses": (2, 8, True), "numberOfThreads": (1, None, True)}


class SplitProtocol(ProgramSteps, EMProtocol):
    """Splits a set of aligned particles by a program. A protocol defines what is below `what a protocol defines`."""

    _input = ""  # name of the pointer to the particles
    _program = ""
    _moreParams: tuple[str, ...] = ()  # of the form, on which the result depends besides PARAMS
    _how = ""  # for `summary.methods_line`

    # ---- what a protocol defines
    def _columns(self) -> Columns:
        """The table of the particles."""
        raise NotImplementedError

    def _arguments(self, mask: str) -> Arguments:
        """Of the program. mask: path, '' for none."""
        raise NotImplementedError

    def _outputsOf(self, numbers: range) -> dict[str, Any]:
        """The outputs by name, but for the correlations. numbers: of the classes, from 1."""
        raise NotImplementedError

    # ---- form
    def _defineComparison(self, form) -> None:
        form.addParam("diameter", OptionalFloatParam, label="Particle diameter (Å, optional)",
                      help="Largest extent of the particle. Structures are compared in a ball of this diameter. Empty: the "
                           "largest ball in a box.")
        form.addParam("mask", params.PointerParam, pointerClass="Volume", allowsNull=True, label="Mask (optional)",
                      help="Volume in the frame of the average, 1 where the structures may differ, 0 elsewhere. Empty: the ball.")

    def _defineClasses(self, form) -> None:
        form.addParam("numberOfClasses", params.IntParam, default=2, label="Classes at most",
                      help="2: one split. More: classes are split again as long as two halves that never met support it.")

    def _defineSeed(self, form) -> None:
        form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                      help="Seed of every random choice. The same seed gives the same result.")

    # ---- steps
    def _files(self) -> SplitFiles:
        return SplitFiles(self._getExtraPath())

    def _particles(self) -> Pointer:
        return getattr(self, self._input)

    def _insertAllSteps(self):
        values = depends_on({"particles": [self._particles()], "mask": [self.mask]},
                            {name: self.getAttributeValue(name) for name in (*PARAMS, *self._moreParams)})
        self._insertFunctionStep(self.splitStep, values, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, values, needsGPU=False)

    def splitStep(self, _: str):
        """Write the table of the particles and run the program."""
        files, mask = self._files(), self.mask.get()
        cleanPath(str(files.root))  # of an earlier run with other parameters
        write_table(files.table, self._columns())
        if mask is not None:
            write_map(files.mask, mask)
        self._runProgram(self._program, self._arguments(files.mask if mask is not None else ""), job="split")

    def createOutputStep(self, _: str):
        """Register classes, maps and correlations."""
        numbers = range(1, len(self._summaryContent()["particlesOfClass"]) + 1)
        fscs = self._createSetOfFSCs()
        for fsc in self._curves(numbers):
            fscs.append(fsc)
        outputs = {**self._outputsOf(numbers), "fscs": fscs}
        self._defineOutputs(**outputs)
        for output in outputs.values():
            self._defineSourceRelation(self._particles(), output)

    def _curves(self, numbers: range) -> list[FSC]:
        return fscs_of(self._files().fsc, {f"class_{n}": f"class {n}" for n in numbers} | {"difference": "difference"})

    def _classify(self, classes: EMSet, represented: Callable[[EMObject], None]) -> EMSet:
        """Fill empty classes with the particles and their scores; those that the program left out are in none."""
        table = read_table(self._files().classes)
        rows = dict(zip(table["itemId"], zip(table["ref3d"], table["logLikelihood"], table["weight"], strict=True), strict=True))

        def scored(item: EMObject, _: object) -> None:
            if item.getObjId() not in rows:
                item._appendItem = False
                return
            number, log_odds, probability = rows[item.getObjId()]
            item.setClassId(number)
            setattr(item, LOG_ODDS_ATTRIBUTE, Float(log_odds))
            setattr(item, PROBABILITY_ATTRIBUTE, Float(probability))

        classes.classifyItems(updateItemCallback=scored, updateClassCallback=represented)
        return classes

    def _halves(self, number: int) -> list[str]:
        return [self._files().map(f"class_{number}_half{half}") for half in (1, 2)]

    # ---- information
    def _summaryContent(self) -> dict | None:
        """What the program says of its result; None before it has finished."""
        path = Path(self._files().summary)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def _setErrors(self, limits: dict) -> list[str]:
        """What is wrong with numbers of the form, and with the size of the set."""
        errors, particles = limit_errors(self, LIMITS | limits), self._particles().get()
        if particles is not None and particles.getSize() < LEAST_TO_SPLIT:
            errors.append(f"*{self.getParam(self._input).label}*: the set has {particles.getSize()} particles; two classes "
                          f"need at least {LEAST_TO_SPLIT}.")
        return errors

    def _moreLines(self, summary: dict) -> list[str]:
        return []

    def _summary(self):
        summary = self._summaryContent()
        if summary is None or not hasattr(self, "classes"):
            return unfinished_lines(self, {"splitStep": "splitting", "createOutputStep": "writing the results"})
        return [*split_lines(summary), *self._moreLines(summary), f"Report: {self._files().report}"]

    def _methods(self):
        summary = self._summaryContent()
        return [] if summary is None or summary["verdict"] != "supported" else [methods_line(summary, self._how)]
