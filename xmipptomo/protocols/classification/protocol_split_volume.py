"""Scipion protocol: two structures in a set of aligned projections, if there are two."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path

from pwem.objects import Class3D, Particle, SetOfClasses3D, SetOfFSCs, SetOfParticles, SetOfVolumes, Volume
from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.object import Float
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath

from tomo_particles.formats.xmd import read_table, write_table

from ...constants import LEAST_TO_SPLIT, LOG_ODDS_ATTRIBUTE, PROBABILITY_ATTRIBUTE, SPLIT_VOLUME_PROGRAM
from ...maps import write_map
from ..averaging.results import fscs_of
from ..shared.checked_form import OptionalFloatParam
from ..shared.form_checks import limit_errors, symmetry_errors
from ..shared.program_steps import ProgramSteps, depends_on
from ..shared.progress import unfinished_lines
from .commands import volume_arguments
from .files import SplitFiles
from .particles import projection_columns
from .summary import split_lines

PARAMS = ("diameter", "symmetry", "angularSampling", "angularDistance", "maxResolution", "resize", "numberOfClasses", "recipe",
          "rounds", "randomSeed")
LIMITS = {"diameter": (0, None, False), "angularSampling": (2, 45, True), "angularDistance": (0, 45, False),
          "maxResolution": (0, None, False), "resize": (8, None, True), "numberOfClasses": (2, 8, True),
          "rounds": (0, None, True), "randomSeed": (0, None, True), "numberOfThreads": (1, None, True)}
OURS, THESIS = 0, 1


class SplitVolumeOutputs(Enum):
    """Outputs of the protocol."""

    classes = SetOfClasses3D
    volumes = SetOfVolumes
    fscs = SetOfFSCs


class XmippProtSplitVolume(ProgramSteps, EMProtocol):
    """Splits aligned projections into two classes, and says whether there are two structures at all.

    *Overview*

    What the average does not explain of each image is split in each direction of view by its principal component. Directions that
    share particles form a graph, whose maximum cut gives their signs. Each half of the particles is split by itself and judged
    by the classes of the other half. Two structures are supported only if the differences of two halves that never met agree
    better than those of 20 simulated sets of one structure with the same poses, CTFs and noise.

    *Inputs*

    - A SetOfParticles with projection alignment, 80 particles or more. Some thousand are needed for a small difference.

    *Outputs*

    - classes: class 1 is the largest. Each particle has its log odds of class 1 (_logOdds) and the probability of its class
    (_classProbability) besides. The alignment stays as it was.
    - volumes: of the classes, with their half maps.
    - fscs: the FSC of the half maps of each class, and the correlation of the differences of the two halves.
    - In the folder extra/split/output: all maps, also the difference, the graph of directions, report.html and summary.json.

    *Practical recommendations*

    - Read the first line of the summary. If it says _not supported_, do not interpret the classes.
    - A mask around the part that differs helps. Scale large images down (_Scaled box_): differences are found at low resolution.
    - The summary warns if the classes follow contrast, defocus, direction of view or micrograph of the particles.
    - What breaks the symmetry of a particle needs particles expanded by the symmetry, and the symmetry c1.
    """

    _label = "split volume"
    _devStatus = BETA
    _possibleOutputs = SplitVolumeOutputs
    _optionFields = {"-i": "inputParticles", "--diameter": "diameter", "--maxResolution": "maxResolution", "--mask": "mask",
                     "--symmetry": "symmetry", "--angularSampling": "angularSampling", "--angularDistance": "angularDistance",
                     "--resize": "resize", "--classes": "numberOfClasses", "--recipe": "recipe", "--iter": "rounds",
                     "--seed": "randomSeed"}

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputParticles", params.PointerParam, pointerClass="SetOfParticles", pointerCondition="hasAlignmentProj",
                      label="Particles", important=True,
                      help="Particles with projection alignment, with their CTF if they have one.")
        form.addParam("diameter", OptionalFloatParam, label="Particle diameter (Å, optional)",
                      help="Largest extent of the particle. Structures are compared in a ball of this diameter. Empty: the "
                           "largest ball in a box.")
        form.addParam("mask", params.PointerParam, pointerClass="Volume", allowsNull=True, label="Mask (optional)",
                      help="Volume in the frame of the average, 1 where the structures may differ, 0 elsewhere. Empty: the ball.")
        form.addParam("symmetry", params.StringParam, default="c1", label="Symmetry",
                      help="Symmetry of the particle: c1, c2, ..., d2, ..., t, o, i1, i2.")
        form.addParam("resize", OptionalFloatParam, label="Scaled box (pixels, optional)",
                      help="Edge to which the images are scaled down before, an even number. Empty: as they are.")
        form.addParam("numberOfClasses", params.IntParam, default=2, label="Classes at most",
                      help="2: one split. More: classes are split again as long as two halves that never met support it.")
        form.addSection(label="Directions")
        form.addParam("recipe", params.EnumParam, choices=["With verdict", "As published"], default=OURS, label="Recipe",
                      display=params.EnumParam.DISPLAY_HLIST,
                      help="_With verdict_: residuals, resolution and cones by data, refinement.\n_As published_: whole images, "
                           "cones of 7.5 degrees, one graph of all particles, no refinement and no verdict.")
        form.addParam("maxResolution", OptionalFloatParam, label="Finest resolution (Å, optional)", condition=f"recipe == {OURS}",
                      help="Particles are compared up to this resolution. Empty: where the components of two halves agree best.")
        form.addParam("angularDistance", OptionalFloatParam, label="Width of the cones (degrees, optional)",
                      help="Most degrees between the view of a particle and a direction. Empty: as the next field, else where "
                           "the components of two halves agree best; as published: 7.5.")
        form.addParam("angularSampling", OptionalFloatParam, label="Between two directions (degrees, optional)",
                      expertLevel=params.LEVEL_ADVANCED, help="Empty: as the width of the cones, at most 22.5.")
        form.addParam("rounds", params.IntParam, default=2, label="Rounds of refinement", expertLevel=params.LEVEL_ADVANCED,
                      condition=f"recipe == {OURS}", help="In each, every fifth of the particles is judged by the rest.")
        form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                      help="Seed of every random choice. The same seed gives the same result.")
        form.addParallelSection(threads=2, mpi=0)

    # ---- steps
    def _files(self) -> SplitFiles:
        return SplitFiles(self._getExtraPath())

    def _insertAllSteps(self):
        values = depends_on({"particles": [self.inputParticles], "mask": [self.mask]},
                            {name: self.getAttributeValue(name) for name in PARAMS})
        self._insertFunctionStep(self.splitStep, values, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, values, needsGPU=False)

    def splitStep(self, _: str):
        """Write the table of the particles and run the program."""
        files, particles = self._files(), self.inputParticles.get()
        cleanPath(str(files.root))  # of an earlier run with other parameters
        write_table(files.table, projection_columns(particles))
        if (mask := self.mask.get()) is not None:
            write_map(files.mask, mask)
        thesis = self.recipe.get() == THESIS
        self._runProgram(SPLIT_VOLUME_PROGRAM, volume_arguments(
            files.table, files.output, rate=particles.getSamplingRate(), diameter=self.diameter.get(),
            mask=files.mask if mask is not None else "", symmetry=self.symmetry.get(), step=self.angularSampling.get(),
            distance=self.angularDistance.get(), resolution=None if thesis else self.maxResolution.get(),
            resize=self.resize.get(), flipped=particles.isPhaseFlipped(), classes=self.numberOfClasses.get(), thesis=thesis,
            rounds=self.rounds.get(), threads=self.numberOfThreads.get(), seed=self.randomSeed.get()), job="split")

    def createOutputStep(self, _: str):
        """Register classes, volumes and correlations."""
        files, summary = self._files(), self._summaryContent()
        volumes, fscs = self._createSetOfVolumes(), self._createSetOfFSCs()
        volumes.setSamplingRate(summary["samplingRate"])
        numbers = range(1, len(summary["particlesOfClass"]) + 1)
        for number in numbers:
            volumes.append(self._volume(number))
        for fsc in fscs_of(files.fsc, {f"class_{n}": f"class {n}" for n in numbers} | {"difference": "difference"}):
            fscs.append(fsc)
        outputs = {SplitVolumeOutputs.classes.name: self._classes(self.inputParticles.get()),
                   SplitVolumeOutputs.volumes.name: volumes, SplitVolumeOutputs.fscs.name: fscs}
        self._defineOutputs(**outputs)
        for output in outputs.values():
            self._defineSourceRelation(self.inputParticles, output)

    def _volume(self, number: int) -> Volume:
        files = self._files()
        volume = Volume(objLabel=f"class {number}")
        volume.setLocation(files.map(f"class_{number}"))
        volume.setSamplingRate(self._summaryContent()["samplingRate"])
        volume.setHalfMaps([files.map(f"class_{number}_half{half}") for half in (1, 2)])
        return volume

    def _classes(self, particles: SetOfParticles) -> SetOfClasses3D:
        """The classes; particles that the program left out are in none."""
        table = read_table(self._files().classes)
        rows = dict(zip(table["itemId"], zip(table["ref3d"], table["logLikelihood"], table["weight"], strict=True), strict=True))
        classes = self._createSetOfClasses3D(self.inputParticles)

        def scored(item: Particle, _: object) -> None:
            if item.getObjId() not in rows:
                item._appendItem = False
                return
            number, log_odds, probability = rows[item.getObjId()]
            item.setClassId(number)
            setattr(item, LOG_ODDS_ATTRIBUTE, Float(log_odds))
            setattr(item, PROBABILITY_ATTRIBUTE, Float(probability))

        def represented(one: Class3D) -> None:
            one.setAlignmentProj()
            one.setRepresentative(self._volume(one.getObjId()))

        classes.classifyItems(updateItemCallback=scored, updateClassCallback=represented)
        return classes

    # ---- information
    def _summaryContent(self) -> dict | None:
        """What the program says of its result; None before it has finished."""
        path = Path(self._files().summary)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def _validate(self):
        errors, particles = limit_errors(self, LIMITS) + symmetry_errors(self), self.inputParticles.get()
        if particles is None:
            return errors
        if particles.getSize() < LEAST_TO_SPLIT:
            errors.append(f"*Particles*: the set has {particles.getSize()} particles; two classes need at least "
                          f"{LEAST_TO_SPLIT}.")
        if not particles.hasAlignmentProj():
            errors.append("*Particles*: the set has no projection alignment; align the particles to a volume first.")
        if self.recipe.get() == THESIS and self.numberOfClasses.get() > 2:
            errors.append("*Classes at most*: the published recipe makes two classes; enter 2.")
        return errors

    def _summary(self):
        summary = self._summaryContent()
        if summary is None or not hasattr(self, SplitVolumeOutputs.classes.name):
            return unfinished_lines(self, {"splitStep": "splitting", "createOutputStep": "writing the results"})
        return [*split_lines(summary),
                f"{summary['informativeDirections']} of {summary['directions']} directions, in cones of "
                f"{summary['angularDistance']:g} degrees, hold more than noise.", f"Report: {self._files().report}"]

    def _methods(self):
        summary = self._summaryContent()
        if summary is None or summary["verdict"] != "supported":
            return []
        counts = " and ".join(map(str, summary["particlesOfClass"]))
        return [f"{summary['particles']} projections were split into classes of {counts} particles by a graph of their "
                f"directions of view, compared up to {summary['maxResolution']:g} Å. The differences of two halves that were "
                f"split each by itself correlate to {summary['agreement']:.2f}; those of simulated sets of one structure to at "
                f"most {max(summary['agreementsOfOneStructure']):.2f}."]
