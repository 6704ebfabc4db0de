"""Scipion protocol: two structures in a set of aligned projections, if there are two."""

from __future__ import annotations

from enum import Enum
from typing import Any

from pwem.objects import Class3D, SetOfClasses3D, SetOfFSCs, SetOfVolumes, Volume
from pyworkflow import BETA
from pyworkflow.protocol import params

from tomo_particles.formats.xmd import Columns

from ...constants import SPLIT_VOLUME_PROGRAM
from ..shared.checked_form import OptionalFloatParam
from ..shared.form_checks import symmetry_errors
from ..shared.program_steps import Arguments
from .base import SplitProtocol
from .commands import volume_arguments
from .particles import projection_columns

LIMITS = {"angularSampling": (2, 45, True), "angularDistance": (0, 45, False), "resize": (8, None, True),
          "rounds": (0, None, True)}
OURS, THESIS = 0, 1


class SplitVolumeOutputs(Enum):
    """Outputs of the protocol."""

    classes = SetOfClasses3D
    volumes = SetOfVolumes
    fscs = SetOfFSCs


class XmippProtSplitVolume(SplitProtocol):
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
    _input, _program = "inputParticles", SPLIT_VOLUME_PROGRAM
    _moreParams = ("symmetry", "angularSampling", "angularDistance", "resize", "recipe", "rounds")
    _how = "projections were split into classes of {} particles by a graph of their directions of view, compared"

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputParticles", params.PointerParam, pointerClass="SetOfParticles", pointerCondition="hasAlignmentProj",
                      label="Particles", important=True,
                      help="Particles with projection alignment, with their CTF if they have one.")
        self._defineComparison(form)
        form.addParam("symmetry", params.StringParam, default="c1", label="Symmetry",
                      help="Symmetry of the particle: c1, c2, ..., d2, ..., t, o, i1, i2.")
        form.addParam("resize", OptionalFloatParam, label="Scaled box (pixels, optional)",
                      help="Edge to which the images are scaled down before, an even number. Empty: as they are.")
        self._defineClasses(form)
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
        self._defineSeed(form)
        form.addParallelSection(threads=2, mpi=0)

    # ---- steps
    def _columns(self) -> Columns:
        return projection_columns(self.inputParticles.get())

    def _arguments(self, mask: str) -> Arguments:
        particles, thesis = self.inputParticles.get(), self.recipe.get() == THESIS
        return volume_arguments(
            self._files().table, self._files().output, rate=particles.getSamplingRate(), diameter=self.diameter.get(),
            mask=mask, symmetry=self.symmetry.get(), step=self.angularSampling.get(), distance=self.angularDistance.get(),
            resolution=None if thesis else self.maxResolution.get(), resize=self.resize.get(),
            flipped=particles.isPhaseFlipped(), classes=self.numberOfClasses.get(), thesis=thesis, rounds=self.rounds.get(),
            threads=self.numberOfThreads.get(), seed=self.randomSeed.get())

    def _outputsOf(self, numbers: range) -> dict[str, Any]:
        volumes = self._createSetOfVolumes()
        volumes.setSamplingRate(self._summaryContent()["samplingRate"])
        for number in numbers:
            volumes.append(self._volume(number))
        classes = self._classify(self._createSetOfClasses3D(self.inputParticles), self._represented)
        return {SplitVolumeOutputs.classes.name: classes, SplitVolumeOutputs.volumes.name: volumes}

    def _represented(self, one: Class3D) -> None:
        one.setAlignmentProj()
        one.setRepresentative(self._volume(one.getObjId()))

    def _volume(self, number: int) -> Volume:
        volume = Volume(objLabel=f"class {number}")
        volume.setLocation(self._files().map(f"class_{number}"))
        volume.setSamplingRate(self._summaryContent()["samplingRate"])
        volume.setHalfMaps(self._halves(number))
        return volume

    # ---- information
    def _validate(self):
        errors, particles = self._setErrors(LIMITS) + symmetry_errors(self), self.inputParticles.get()
        if particles is not None and not particles.hasAlignmentProj():
            errors.append("*Particles*: the set has no projection alignment; align the particles to a volume first.")
        if particles is not None and self.recipe.get() == THESIS and self.numberOfClasses.get() > 2:
            errors.append("*Classes at most*: the published recipe makes two classes; enter 2.")
        return errors

    def _moreLines(self, summary: dict) -> list[str]:
        return [f"{summary['informativeDirections']} of {summary['directions']} directions, in cones of "
                f"{summary['angularDistance']:g} degrees, hold more than noise."]
