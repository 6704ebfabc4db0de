"""Scipion protocol: particles of known structure at known poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pwem.objects import Acquisition, Particle, SetOfParticles, SetOfVolumes, Transform, Volume
from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.object import Integer
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath
from tomo.objects import SetOfSubTomograms, SubTomogram, TomoAcquisition
from tomo.protocols import ProtTomoBase

from tomo_particles.formats.xmd import ANGLES, Columns, read_table

from ...constants import SIMULATE_PARTICLES_PROGRAM, TRUE_CLASS_ATTRIBUTE
from ...convert import matrix_of
from ...maps import volumes_of, write_maps
from ..shared.form_checks import limit_errors
from ..shared.program_steps import ProgramSteps, depends_on
from ..shared.progress import unfinished_lines
from .commands import simulation_arguments
from .files import SimulatedFiles
from .particles import ctf_model, projection_transform

PROJECTIONS, SUBTOMOGRAMS = 0, 1
PARAMS = ("kind", "absent", "count", "boxSize", "samplingRate", "separation", "maxResolution", "angleError", "leastDefocus",
          "mostDefocus", "contrast", "firstTilt", "lastTilt", "randomSeed")
LIMITS = {"absent": (0, 0.9, True), "count": (1, None, True), "boxSize": (8, None, True), "samplingRate": (0, None, False),
          "separation": (0, None, False), "maxResolution": (0, None, False), "angleError": (0, 90, True),
          "leastDefocus": (0, 10, True), "mostDefocus": (0, 10, True), "contrast": (0, 0.5, True), "randomSeed": (0, None, True)}
OPTICS = 300.0, 2.7, 0.08  # kV, mm, share: of images without a CTF, which a set of Scipion must name
PARTICLES, STRUCTURES = "particles", "structures"


class XmippProtSimulateParticles(ProgramSteps, EMProtocol, ProtTomoBase):
    """Simulates projections or subtomograms whose structure and pose are known. Use them to try a classification.

    *Overview*

    Each particle is of one of the structures, at a random orientation. A projection is one image with white noise, and if wanted
    a CTF and uneven contrast. A subtomogram is back-projected from a tilt series of its own, without CTF.

    *Inputs*

    - One volume: the second structure lacks a compact part of it. Several volumes in one frame: a structure each. None: a
    built-in complex.

    *Outputs*

    - particles: with their alignment, and the number of their structure (_trueClass), which _evaluate classification_ reads.
    - structures: the volumes in the box of the particles.

    *Practical recommendations*

    - The separation sets the noise. With 3, who knows both structures is right in 93 of 100 cases; with 6 in nearly all.
    - The same seed gives the same particles.
    """

    _label = "simulate particles"
    _devStatus = BETA
    _possibleOutputs = {PARTICLES: SetOfParticles, STRUCTURES: SetOfVolumes}
    _optionFields = {"--maps": "inputVolumes", "--absent": "absent", "--count": "count", "--boxsize": "boxSize",
                     "--samplingrate": "samplingRate", "--separation": "separation", "--maxResolution": "maxResolution",
                     "--angleError": "angleError", "--defocus": "leastDefocus", "--contrast": "contrast", "--tilts": "firstTilt",
                     "--seed": "randomSeed"}

    def _defineParams(self, form):
        projections, subtomograms = f"kind == {PROJECTIONS}", f"kind == {SUBTOMOGRAMS}"
        form.addSection(label="Particles")
        form.addParam("kind", params.EnumParam, choices=["Projections", "Subtomograms"], default=PROJECTIONS, label="Particles",
                      display=params.EnumParam.DISPLAY_HLIST, help="One image of each particle, or a tilt series of each.")
        form.addParam("inputVolumes", params.MultiPointerParam, pointerClass="Volume, SetOfVolumes", allowsNull=True,
                      label="Structures (optional)", help="Volumes in one frame, particle bright. Empty: a built-in complex.")
        form.addParam("absent", params.FloatParam, default=0.066, label="Absent share of the mass",
                      help="With one volume or none: what the second structure lacks. 0: there is one structure.")
        form.addParam("count", params.IntParam, default=2000, label="Number of particles", help="Of all structures together.")
        form.addParam("boxSize", params.IntParam, default=32, label="Box size (pixels)", help="Edge of an image or box, even.")
        form.addParam("samplingRate", params.FloatParam, default=15.0, label="Sampling rate (Å/pixel)",
                      help="Volumes are resampled to it.")
        form.addParam("separation", params.FloatParam, default=4.0, label="Separation (d')",
                      help="Norm of the difference of the first two structures in all images of a particle over the deviation of "
                           "the noise of a pixel.")
        form.addParam("maxResolution", params.FloatParam, default=60.0, label="Resolution of the separation (Å)",
                      help="Up to which the separation is taken.")
        form.addSection(label="Errors")
        form.addParam("angleError", params.FloatParam, default=0.0, label="Deviation of the orientations (degrees)",
                      help="Deviation of the given from the true orientation, about each axis.")
        form.addParam("leastDefocus", params.FloatParam, default=0.0, condition=projections, label="Least defocus (µm)",
                      help="0: no CTF.")
        form.addParam("mostDefocus", params.FloatParam, default=0.0, condition=projections, label="Most defocus (µm)",
                      help="0: no CTF.")
        form.addParam("contrast", params.FloatParam, default=0.0, condition=projections, label="Deviation of the contrast",
                      help="Over its mean.")
        form.addParam("firstTilt", params.FloatParam, default=-60.0, condition=subtomograms, label="First tilt (degrees)",
                      help="Of the tilt series, about the y axis.")
        form.addParam("lastTilt", params.FloatParam, default=60.0, condition=subtomograms, label="Last tilt (degrees)",
                      help="Of the tilt series, about the y axis.")
        form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                      help="Seed of every random choice.")

    def _files(self) -> SimulatedFiles:
        return SimulatedFiles(self._getExtraPath())

    def _insertAllSteps(self):
        values = depends_on({"volumes": list(self.inputVolumes)}, {name: self.getAttributeValue(name) for name in PARAMS})
        self._insertFunctionStep(self.simulateStep, values, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, values, needsGPU=False)

    def simulateStep(self, _: str):
        """Write the maps and run the program."""
        files = self._files()
        cleanPath(str(files.root))
        volumes = list(volumes_of(pointer.get() for pointer in self.inputVolumes))
        maps = write_maps(files.maps, volumes) if volumes else []
        projections = self.kind.get() == PROJECTIONS
        defocus = (self.leastDefocus.get(), self.mostDefocus.get()) if projections and self.mostDefocus.get() else None
        self._runProgram(SIMULATE_PARTICLES_PROGRAM, simulation_arguments(
            files.output, maps, projections=projections, absent=self.absent.get(), count=self.count.get(),
            box=self.boxSize.get(), rate=self.samplingRate.get(), separation=self.separation.get(),
            resolution=self.maxResolution.get(), angle_error=self.angleError.get(), defocus=defocus,
            contrast=self.contrast.get(), tilts=(self.firstTilt.get(), self.lastTilt.get()), seed=self.randomSeed.get()),
            job="simulate")

    def createOutputStep(self, _: str):
        """Register particles and structures."""
        files, projections = self._files(), self.kind.get() == PROJECTIONS
        table = read_table(files.named("particles.xmd" if projections else "subtomograms.xmd"))
        true = read_table(files.named("truth.xmd"))["ref3d"]
        particles = (self._projections if projections else self._subtomograms)(table, true)
        structures = self._createSetOfVolumes()
        structures.setSamplingRate(self.samplingRate.get())
        for path in sorted(Path(files.output).glob("structure_*.mrc")):
            volume = Volume(objLabel=path.stem.replace("_", " "))
            volume.setLocation(str(path))
            volume.setSamplingRate(self.samplingRate.get())
            structures.append(volume)
        self._defineOutputs(**{PARTICLES: particles, STRUCTURES: structures})

    def _projections(self, table: Columns, true: list[int]) -> SetOfParticles:
        particles = self._createSetOfParticles()
        particles.setSamplingRate(self.samplingRate.get())
        particles.setAlignmentProj()
        with_ctf = "ctfDefocusU" in table
        particles.setHasCTF(with_ctf)
        voltage, aberration, contrast = OPTICS
        if with_ctf:
            voltage, aberration, contrast = (float(table[name][0]) for name in ("ctfVoltage", "ctfSphericalAberration", "ctfQ0"))
        acquisition = Acquisition(voltage=voltage, sphericalAberration=aberration, amplitudeContrast=contrast)
        particles.setAcquisition(acquisition)
        for row, number in enumerate(true):
            item = Particle()
            _place(item, table, row, number)
            item.setAcquisition(acquisition)
            item.setTransform(projection_transform(_of(table, ANGLES, row), _of(table, ("shiftX", "shiftY"), row)))
            if with_ctf:
                item.setCTF(ctf_model(table, row))
            particles.append(item)
        return particles

    def _subtomograms(self, table: Columns, true: list[int]) -> SetOfSubTomograms:
        subtomograms = self._createSetOfSubTomograms()
        subtomograms.setSamplingRate(self.samplingRate.get())
        acquisition = TomoAcquisition()
        acquisition.setAngleMin(float(table["missingRegionThetaY0"][0]))
        acquisition.setAngleMax(float(table["missingRegionThetaYF"][0]))
        subtomograms.setAcquisition(acquisition)
        for row, number in enumerate(true):
            item = SubTomogram()
            _place(item, table, row, number)
            item.setAcquisition(acquisition)
            matrix = matrix_of(_of(table, ANGLES, row))
            matrix[:3, 3] = matrix[:3, :3] @ _of(table, ("shiftX", "shiftY", "shiftZ"), row)
            item.setTransform(Transform(matrix))
            subtomograms.append(item)
        return subtomograms

    def _validate(self):
        errors = limit_errors(self, LIMITS)
        if self.boxSize.get() % 2:
            errors.append(f"*Box size (pixels)* must be even, received {self.boxSize.get()}.")
        if self.kind.get() == PROJECTIONS and not (0 < self.leastDefocus.get() <= self.mostDefocus.get()
                                                   or self.leastDefocus.get() == self.mostDefocus.get() == 0):
            errors.append("*Least defocus (µm)* must be above 0 and at most *Most defocus (µm)*; enter 0 in both for no CTF.")
        if self.kind.get() == SUBTOMOGRAMS and not -80 <= self.firstTilt.get() < self.lastTilt.get() <= 80:
            errors.append("*First tilt (degrees)* and *Last tilt (degrees)* must lie within -80 and 80, the first lower.")
        return errors

    def _summary(self):
        if not hasattr(self, PARTICLES):
            return unfinished_lines(self, {"simulateStep": "simulating", "createOutputStep": "writing the results"})
        true = read_table(self._files().named("truth.xmd"))["ref3d"]
        counts = " + ".join(map(str, np.bincount(true)[1:]))
        return [f"{len(true)} particles of {max(true)} structures ({counts})"]


def _of(table: Columns, names: tuple[str, ...], row: int) -> np.ndarray:
    return np.array([table[name][row] for name in names], dtype=float)


def _place(item: Particle | SubTomogram, table: Columns, row: int, number: int) -> None:
    """Where the image of an item lies, its rate, its id and its true class."""
    index, _, path = table["image"][row].partition("@")
    item.setLocation(int(index), path)
    item.setSamplingRate(float(table["samplingRate"][row]))
    item.setObjId(int(table["itemId"][row]))
    setattr(item, TRUE_CLASS_ATTRIBUTE, Integer(int(number)))
