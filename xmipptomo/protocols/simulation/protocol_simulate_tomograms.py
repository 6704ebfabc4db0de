"""Scipion protocol: tomograms of known content."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from glob import glob
from pathlib import Path

import numpy as np
from pwem.objects import SetOfVolumes, Volume
from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.object import Pointer
from pyworkflow.utils import cleanPath
from tomo.objects import SetOfCoordinates3D, SetOfTomograms, TomoAcquisition, Tomogram
from tomo.protocols import ProtTomoBase

from tomo_particles.core.picks import Picks

from ...constants import BUILTIN_COMPLEXES, DISTRACTORS, SIMULATION_PROGRAM, SPECIES_ATTRIBUTE
from ...convert import append_picks, even_box_size, read_pickings, species_of, tomogram_of
from ...files import SimulationFiles
from ...maps import names_of, volumes_of, write_maps
from ..shared import commands
from ..shared.program_steps import ProgramSteps, depends_on
from ..shared.progress import unfinished_lines
from .form import BUILTIN, PARAMS, VOLUMES, define_params, numbers, validation_errors
from .summary import simulated_species, summary_lines

# `distractors` and `target` only where there are any. No Enum: members of one class would be one member.
TOMOGRAMS, PARTICLES, DISTRACTORS_OUTPUT, TARGET, TEMPLATES = "tomograms", "particles", "distractors", "target", "templates"
OUTPUTS = {TOMOGRAMS: SetOfTomograms, PARTICLES: SetOfCoordinates3D, DISTRACTORS_OUTPUT: SetOfCoordinates3D,
           TARGET: SetOfCoordinates3D, TEMPLATES: SetOfVolumes}


class XmippProtSimulateTomograms(ProgramSteps, EMProtocol, ProtTomoBase):
    """Simulates tomograms in which every particle is known. Use them to test pickers before you work on real data.

    *Overview*

    Complexes are placed at random positions and orientations, together with gold beads and vesicles. They may touch but do not
    overlap. A tilt series is computed, by projection or by multislice. It has contrast transfer, noise that changes from tilt to
    tilt, and detector noise. The tilt series is reconstructed by weighted back-projection, with a true missing wedge. The recipe
    is that of the SHREC 2020 benchmark.

    *Inputs*

    - None, for the built-in complexes. Or volumes of the project, or map files (for example from the EMDB).

    *Outputs*

    - tomograms: the reconstructions, with dark proteins, as in real tomograms.
    - particles: the true position and orientation of every complex, with its class as name (_species) and as number (group id).
    - distractors: gold beads and vesicles; use them as negative references of the consensus, or to test that a picker does not
    pick them.
    - target: the particles of one class, if a target is named.
    - templates: the density of each class, bright, for template matching.
    - In the folder extra/simulation/output: tilt series with their angles, volumes with the class and the particle number of each
    voxel, pictures, tables, and simulation.json with all parameters.

    *Practical recommendations*

    - Begin small: three tomograms of 256 x 256 x 100 voxels take a minute or so. The benchmark's size is 512 x 512 x 200.
    - The signal to noise ratio decides how difficult the task is. At 0.1 large and medium complexes can be found, at 0.02 only
    large ones. (SHREC 2020 states 0.004, measured in another way.)
    - To choose a picker and its options, simulate your own particle (as a map file) with your tilt range and defocus. Then
    use _evaluate picking 3D_.
    - Name the target if a consensus follows: a consensus works on one species.
    - The same seed gives the same tomograms.
    """

    _label = "simulate tomograms"
    _devStatus = BETA
    _possibleOutputs = OUTPUTS
    _optionFields = {"--maps": "mapFiles", "--counts": "counts", "--beads": "beads", "--vesicles": "vesicles",
                     "--carbon": "carbon", "--contaminants": "contaminants",
                     "--tomograms": "numberOfTomograms", "--samplingrate": "samplingRate", "--snr": "snr", "--defocus": "defocus",
                     "--voltage": "voltage", "--prefix": "prefix"}

    # ---- form
    def _defineParams(self, form):
        define_params(form)

    def _files(self) -> SimulationFiles:
        return SimulationFiles(self._getExtraPath())

    def _volumes(self) -> list[Volume]:
        pointers = self.inputVolumes if self.source.get() == VOLUMES else []
        return list(volumes_of(pointer.get() for pointer in pointers if pointer.get() is not None))

    def _mapFiles(self) -> list[str]:
        return sorted(glob(self.mapFiles.get())) if self.mapFiles.get() else []

    def _complexes(self) -> list[str]:
        """Names of the classes, in the order of their numbers."""
        if self.source.get() == BUILTIN:
            return list(BUILTIN_COMPLEXES)
        return names_of(self._volumes()) if self.source.get() == VOLUMES else [Path(path).stem for path in self._mapFiles()]

    def _target(self) -> str:
        return (self.targetComplex.get() or "").strip()

    # ---- steps
    def _insertAllSteps(self):
        volumes = {f"{volume.getFileName()}@{volume.getObjId()}": volume.getFileName() for volume in self._volumes()}
        values = depends_on({}, {"volumes": list(volumes), **{name: self.getAttributeValue(name) for name in PARAMS}},
                            [*volumes.values(), *self._mapFiles()])
        self._insertFunctionStep(self.simulateStep, values, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, values, self._target(), needsGPU=False)

    def simulateStep(self, _: str):
        """Run the program."""
        files = self._files()
        cleanPath(str(files.root))  # the program refuses to write over a simulation
        files.root.mkdir(parents=True)
        maps = write_maps(files.maps, self._volumes()) if self.source.get() == VOLUMES else []
        options = commands.SimulationOptions(
            folder=files.output, tomograms=self.numberOfTomograms.get(), size=(self.sizeX.get(), self.sizeY.get(),
            self.sizeZ.get()), sampling_rate=self.samplingRate.get(), maps=maps if self.source.get() in (BUILTIN, VOLUMES) else
            self._mapFiles(), counts=numbers(self.counts.get()), beads=self.beads.get(), vesicles=self.vesicles.get(),
            carbon=self.carbon.get(), contaminants=self.contaminants.get(),
            tilts=(self.tiltFirst.get(), self.tiltLast.get(), self.tiltStep.get()), snr=self.snr.get(),
            optics=commands.Optics(self.defocus.get(), self.voltage.get(), self.sphericalAberration.get(),
                                   self.amplitudeContrast.get()),
            envelope=self.envelope.get(), ice_noise=self.iceNoise.get(), structural_noise=self.structuralNoise.get(),
            multislice=self.multislice.get(), density=self.density.get(), prefix=self.prefix.get(),
            threads=self.numberOfThreads.get(), seed=self.randomSeed.get())
        self._runProgram(SIMULATION_PROGRAM, commands.simulation_arguments(options), job="simulation")

    def createOutputStep(self, _: str, target: str):
        """Register the tomograms, what is in them, and the densities."""
        files, rate = self._files(), self.samplingRate.get()
        species = simulated_species(files.classes)
        truth = read_pickings(files.truth, rate)
        tomograms = self._registerTomograms()
        numbered = {ts_id: replace(picks, group=[species[name].number for name in picks.species])
                    for ts_id, picks in truth.items()}
        complexes = [name for name in species if name not in DISTRACTORS]
        present = {name for picks in truth.values() for name in picks.species}
        diameters = {name: species[name].diameter for name in species if name in present}
        largest = max((diameter for name, diameter in diameters.items() if name in complexes), default=10 * rate)
        self._registerCoordinates(PARTICLES, tomograms, numbered, complexes, largest)
        self._registerCoordinates(DISTRACTORS_OUTPUT, tomograms, numbered, DISTRACTORS, species[DISTRACTORS[0]].diameter)
        if target in present:
            self._registerCoordinates(TARGET, tomograms, numbered, [target], diameters[target])
        self._registerTemplates(complexes)

    def _registerTomograms(self) -> SetOfTomograms:
        acquisition = TomoAcquisition(
            angleMin=self.tiltFirst.get(), angleMax=self.tiltLast.get(), step=self.tiltStep.get(), voltage=self.voltage.get(),
            sphericalAberration=self.sphericalAberration.get(), amplitudeContrast=self.amplitudeContrast.get())
        tomograms = self._createSetOfTomograms()
        tomograms.setSamplingRate(self.samplingRate.get())
        tomograms.setAcquisition(acquisition)
        for number in range(1, self.numberOfTomograms.get() + 1):
            name = f"{self.prefix.get()}_{number}"
            tomogram = Tomogram()
            tomogram.setLocation(self._files().tomogram(name))
            tomogram.setSamplingRate(self.samplingRate.get())
            tomogram.setTsId(name)
            tomogram.setOrigin()
            tomogram.setAcquisition(acquisition)
            tomograms.append(tomogram)
        self._defineOutputs(**{TOMOGRAMS: tomograms})
        return tomograms

    def _registerCoordinates(self, output: str, tomograms: SetOfTomograms, truth: dict[str, Picks],
                             names: Collection[str], diameter: float) -> None:
        """Register the objects of these classes with a box of one and a half diameters (Å); nothing if there are none."""
        picked = {ts_id: picks[np.isin(picks.species.astype(str), list(names))] for ts_id, picks in truth.items()}
        if not any(len(picks) for picks in picked.values()):
            return
        pointer = Pointer(self, extended=TOMOGRAMS)  # not the set: workflows that wait for each other lose it
        coordinates = self._createSetOfCoordinates3D(pointer, f"_{output}")
        coordinates.setSamplingRate(tomograms.getSamplingRate())
        coordinates.setBoxSize(even_box_size(1.5 * diameter, tomograms.getSamplingRate()))
        for ts_id, picks in picked.items():
            append_picks(coordinates, tomogram_of(tomograms, ts_id), picks, attributes={SPECIES_ATTRIBUTE: list(picks.species)})
        self._defineOutputs(**{output: coordinates})

    def _registerTemplates(self, names: list[str]) -> None:
        templates = self._createSetOfVolumes("_templates")
        templates.setSamplingRate(self.samplingRate.get())
        for name in names:
            volume = Volume()
            volume.setLocation(self._files().template(name))
            volume.setSamplingRate(self.samplingRate.get())
            volume.setObjLabel(name)
            templates.append(volume)
        self._defineOutputs(**{TEMPLATES: templates})

    # ---- information
    def _validate(self):
        return validation_errors(self, self._complexes())

    def _summary(self):
        if not hasattr(self, PARTICLES):
            return unfinished_lines(self, {"simulateStep": "simulating tomograms", "createOutputStep": "writing the results"})
        return summary_lines(self._files(), self.snr.get(), self.randomSeed.get())

    def _methods(self):
        if not hasattr(self, PARTICLES):
            return []
        way = "a multislice calculation" if self.multislice else "projection"
        return [f"{self.numberOfTomograms.get()} tomograms with {self.particles.getSize()} particles of "
                f"{len(species_of(self.particles))} complexes were simulated after the recipe of SHREC 2020 [Gubins2020]: tilt "
                f"series from {self.tiltFirst.get():g} to {self.tiltLast.get():g} degrees every {self.tiltStep.get():g} by "
                f"{way}, {self.defocus.get():g} µm of underfocus at {self.voltage.get():g} kV, a signal to noise ratio of "
                f"{self.snr.get():g}, and weighted back-projection."]

    def _citations(self):
        return ["Gubins2020"]


def species_table(pointer: Pointer) -> str:
    """The table of species of the simulation that made what the pointer points to; '' if none did."""
    parent = pointer.getObjValue()
    if not isinstance(parent, XmippProtSimulateTomograms):
        return ""
    table = SimulationFiles(parent._getExtraPath()).classes
    return table if os.path.exists(table) else ""


def simulation_folder(pointer: Pointer, *, densities: bool = False) -> str:
    """The folder of the simulation that made these particles, if asked for with their densities without noise; '' if none did."""
    parent = pointer.getObjValue()
    if not isinstance(parent, XmippProtSimulateTomograms) or pointer.getExtended() != PARTICLES:
        return ""
    if densities and not parent.density:
        return ""
    return SimulationFiles(parent._getExtraPath()).output
