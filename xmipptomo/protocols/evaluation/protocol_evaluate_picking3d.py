"""Scipion protocol: pickings against a reference."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from pyworkflow.protocol.constants import STEPS_PARALLEL
from pyworkflow.utils import cleanPath
from tomo.objects import SetOfCoordinates3D
from tomo.protocols import ProtTomoBase

from tomo_particles.core.errors import listed
from tomo_particles.core.files import written_aside

from ...constants import EVALUATION_PROGRAM
from ...convert import name_of, names_of_pickers, species_of
from ...files import EvaluationFiles
from ..shared import commands
from ..shared.form_checks import limit_errors
from ..shared.program_steps import ProgramSteps, depends_on
from ..shared.progress import unfinished_lines
from ..shared.sets import link_mask, set_errors, write_picking
from ..simulation.protocol_simulate_tomograms import species_table
from .inputs import write_reference
from .results import Evaluation, summary_lines

LIMITS = {"radius": (0, None, True), "randomSeed": (0, None, True), "numberOfThreads": (1, None, True)}


class XmippProtEvaluatePicking3D(ProgramSteps, EMProtocol, ProtTomoBase):
    """Measures the quality of pickings against a known reference.

    *Overview*

    Each picking is compared with a reference. Picks and particles within a radius are paired one to one, so that the number of
    pairs is largest. A paired particle is found. A pick without a particle is false. A particle without a pick is missed.

    - Precision: the fraction of the picks that found a particle. Recall: the fraction of the particles that were found.
    - F1: the harmonic mean of both. Compare pickings by it. The F1 of as many random positions is given for comparison.
    - AP (average precision): how well the scores sort true picks before false ones, at all thresholds; 1 is perfect.
    - Calibration: whether a score of 0.8 means that 80 % of such picks are particles. Only for scores from 0 to 1.

    *Inputs*

    - One or more sets of coordinates to evaluate: pickers, consensus runs, the same picker with several parameters.
    - The reference: picked by hand, or the particles of a simulation. Tomograms without any coordinate in it are left out.
    - Optionally, distractors (gold beads, vesicles): the false picks that lie on them are counted.

    *Outputs*

    - The summary, and the figure of _analyse results_: precision-recall curves, F1 and calibration of all pickings.
    - In the folder extra/evaluation, for each picking: all numbers (JSON, CSV), its pictures, and the result for every pick
    (XMD).

    *Practical recommendations*

    - A picking is evaluated with all its picks. If many have low scores, compare the AP, or reduce the number of picks first.
    - The radius is half the diameter of a particle. If a picker centres badly, its F1 rises with the radius: double it.
    - A reference picked by hand misses particles too. Particles that only the picker found then count as false.
    - For a picker of one species, name this species as target. Picks of other species are then false.
    """

    _label = "evaluate picking 3D"
    _devStatus = BETA
    _possibleOutputs = {}
    _optionFields = {"--picks": "inputPickings", "--truth": "reference", "--radius": "radius", "--classes": "classesFile",
                     "--target": "targetSpecies", "--mask": "regionMasks"}
    stepsExecutionMode = STEPS_PARALLEL
    _itemsName = "Pickings and tomograms"

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputPickings", params.MultiPointerParam, pointerClass="SetOfCoordinates3D", label="Coordinates to "
                                                                                                          "evaluate",
                      important=True, help="One or more sets. Their tomograms, sampling rates and box sizes may differ from "
                                           "those of the reference. Tomograms are recognised by their tilt-series id.")
        form.addParam("reference", params.PointerParam, pointerClass="SetOfCoordinates3D", label="Reference", important=True,
                      help="The true particles: of a simulation, or picked by hand.")
        form.addParam("distractors", params.PointerParam, pointerClass="SetOfCoordinates3D", allowsNull=True,
                      label="Known distractors (optional)",
                      help="Objects that are not particles, such as the gold beads and vesicles of a simulation. "
                           "False picks on them are counted.")
        form.addParam("regionMasks", params.PointerParam, pointerClass="SetOfTomoMasks", allowsNull=True,
                      label="Masks of regions (optional)", expertLevel=params.LEVEL_ADVANCED,
                      help="Masks of _mask tomograms 3D_ for every tomogram of the reference. Every number is then also given "
                           "without the picks and the particles that lie in bad regions.")
        form.addParam("targetSpecies", params.StringParam, default="", label="Target species (optional)",
                      help="Names of species of the reference, separated by blanks. Only these count as particles. "
                           "Empty: all species of the reference.")
        form.addParam("radius", params.FloatParam, default=0.0, label="Radius (Å)",
                      help="A pick within this distance of a particle has found it. 0: half the diameter of the species if it "
                           "is known (see the table of species), otherwise half the box size of the reference.")
        form.addParam("classesFile", params.FileParam, label="Table of species (optional)",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="CSV with the columns class, molecular_weight (kDa), diameter (Å), distractor (0 or 1). "
                           "Empty: the table of the simulation, if the reference comes from one.")
        form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                      help="Seed of the random positions with which the pickings are compared.")
        form.addParallelSection(threads=2, mpi=0)

    def _files(self) -> EvaluationFiles:
        return EvaluationFiles(self._getExtraPath())

    def _pickings(self) -> list[SetOfCoordinates3D]:
        return [pointer.get() for pointer in self.inputPickings if pointer.get() is not None]

    def _targets(self) -> list[str]:
        return (self.targetSpecies.get() or "").replace(",", " ").split()

    def _classes(self) -> str:
        """The table of species: given, of the simulation that made the reference, or ''."""
        return self._text("classesFile") or species_table(self.reference)

    # ---- steps
    def _insertAllSteps(self):
        roles = {"pickings": self.inputPickings, "reference": [self.reference], "distractors": [self.distractors],
                 "masks": [self.regionMasks]}
        parameters = {name: self.getAttributeValue(name) for name in ("targetSpecies", "radius", "classesFile", "randomSeed")}
        values = depends_on(roles, parameters, [path for path in [self._classes()] if path])
        convert = self._insertFunctionStep(self.convertInputStep, values, prerequisites=[], needsGPU=False)
        steps = [self._insertFunctionStep(self.evaluateStep, number, values, prerequisites=[convert], needsGPU=False)
                 for number in range(1, len(self._pickings()) + 1)]
        self._insertFunctionStep(self.collectStep, values, prerequisites=steps, needsGPU=False)

    def convertInputStep(self, _: str):
        """Write the reference and every picking as one table each, in voxels of the reference."""
        files, reference = self._files(), self.reference.get()
        cleanPath(str(files.root))  # of an earlier run with other parameters
        ts_ids = write_reference(files, reference, self.distractors.get(), self._collectingFailure)
        if not ts_ids:
            raise RuntimeError(f"No tomogram of the reference could be read. {self._failures()}")
        if self.regionMasks.get() is not None:
            if not os.path.isdir(files.tomograms):
                raise RuntimeError("*Masks of regions*: the headers of the tomograms have another sampling rate than the "
                                   "reference, so that masks do not fit; correct the headers, or leave the masks out.")
            for ts_id in ts_ids:
                link_mask(self.regionMasks.get(), ts_id, files.region_mask(ts_id))
        for number, picking in enumerate(self._pickings(), start=1):
            with self._collectingFailure(self._nameOf(number)):
                write_picking(files.picks(number), picking, ts_ids, reference.getSamplingRate())

    def evaluateStep(self, number: int, _: str):
        """Evaluate one picking."""
        if self._failed(self._nameOf(number)):
            return
        files, reference = self._files(), self.reference.get()
        rate, classes = reference.getSamplingRate(), self._classes()
        radius = self.radius.get() / rate if self.radius.get() else None if classes else reference.getBoxSize() / 2
        with self._collectingFailure(self._nameOf(number)):
            tomograms = sorted(map(str, Path(files.tomograms).glob("*.mrc")))
            self._runProgram(EVALUATION_PROGRAM, commands.evaluation_arguments(
                files.picks(number), files.truth, files.root_of(number), radius=radius, classes=classes, targets=self._targets(),
                tomograms=tomograms, rate=rate, seed=self.randomSeed.get(),
                masks=files.region_masks if self.regionMasks.get() is not None else ""), job=f"evaluation_{number}")

    def collectStep(self, _: str):
        """Write down which picking is which; the run has failed if none could be evaluated."""
        done = {number: name for number, name in enumerate(names_of_pickers(self.inputPickings), start=1)
                if os.path.exists(self._files().report(number))}
        if not done:
            raise RuntimeError(f"No picking could be evaluated. {self._failures()}")
        with written_aside(self._files().summary) as aside:
            content = {"pickings": done, "failures": self._failureTexts()}
            Path(aside).write_text(json.dumps(content, indent=1), encoding="utf-8")

    def _nameOf(self, number: int) -> str:
        return f"set {number}, {name_of(self.inputPickings[number - 1])}"

    # ---- information
    def evaluations(self) -> list[Evaluation]:
        """What there is to show, in the order of the form; empty before the run has finished."""
        if not os.path.exists(self._files().summary):
            return []
        content = json.loads(Path(self._files().summary).read_text(encoding="utf-8"))
        return [Evaluation.read(name, self._files(), int(number)) for number, name in content["pickings"].items()]

    def _validate(self):
        errors = limit_errors(self, LIMITS)
        sets = {f"*Coordinates to evaluate*, set {n}": picking for n, picking in enumerate(self._pickings(), start=1)}
        if not sets:
            errors.append("*Coordinates to evaluate* cannot be EMPTY: choose at least one set.")
        reference = self.reference.get()
        if reference is not None:
            sets["*Reference*"] = reference
        for field, coordinates in sets.items():
            errors += [f"{field}: {error}" for error in set_errors(coordinates)]
        return errors or ([] if reference is None else self._agreementErrors(reference))

    def _agreementErrors(self, reference: SetOfCoordinates3D) -> list[str]:
        known = set(reference.getTSIds())
        errors = [f"*Coordinates to evaluate*, set {number}: it has no tomogram in common with the reference (it has "
                  f"{', '.join(sorted(picking.getTSIds())[:3])}, the reference {', '.join(sorted(known)[:3])})."
                  for number, picking in enumerate(self._pickings(), start=1) if not known & set(picking.getTSIds())]
        species = species_of(reference) if self._targets() else []
        errors += [f"*Target species*: the reference has no '{name}'; it has {', '.join(species) or 'no species'}."
                   for name in self._targets() if name not in species]
        masks = self.regionMasks.get()
        if lacking := [] if masks is None else sorted(known - set(masks.getTSIds())):
            errors.append(f"*Masks of regions* has no mask of {listed(lacking)}; make one of each, or leave the masks out.")
        given = (self.classesFile.get() or "").strip()
        return errors + ([f"*Table of species* does not exist: {given}."] if given and not os.path.isfile(given) else [])

    def _summary(self):
        evaluations = self.evaluations()
        if not evaluations:
            doing = {"convertInputStep": "reading the inputs", "evaluateStep": "comparing with the reference",
                     "collectStep": "writing the results"}
            return unfinished_lines(self, doing, items="pickings")
        content = json.loads(Path(self._files().summary).read_text(encoding="utf-8"))
        lines = summary_lines(evaluations) + [f"*Left out* {failure}" for failure in content["failures"]]
        return [*lines, f"All numbers and pictures: {self._files().root}"]

    def _methods(self):
        evaluations = self.evaluations()
        if not evaluations:
            return []
        best = max(evaluations, key=lambda evaluation: evaluation.numbers["F1"])
        return [f"{len(evaluations)} pickings were compared with {best.numbers['particles']} reference particles by one-to-one "
                f"matching within a radius [Gubins2020]; the best, {best.name}, reached an F1 of {best.numbers['F1']:.3f} "
                f"(precision {best.numbers['precision']:.3f}, recall {best.numbers['recall']:.3f})."]

    def _citations(self):
        return ["Gubins2020"]
