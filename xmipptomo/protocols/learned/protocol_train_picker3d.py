"""Scipion protocol: training of a picker that looks at every voxel."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from enum import Enum
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from pyworkflow.protocol.constants import STEPS_PARALLEL
from pyworkflow.utils import cleanPath, makeFilePath
from tomo.objects import SetOfCoordinates3D
from tomo.protocols import ProtTomoBase

from tomo_particles.core.errors import listed
from tomo_particles.core.files import file_stem, written_aside
from tomo_particles.core.picks import Picks
from tomo_particles.learning.voxels.description import read_voxel_model

from ...constants import LEAST_VOXELS, SPECIES_ATTRIBUTE, TRAIN_PROGRAM
from ...convert import append_picks, picks_of_set, tomogram_of
from ...files import PickerTrainingFiles, RunFiles
from ...objects import PickerModel
from ..deep_consensus.protocol_deep_consensus_picking3d import XmippProtDeepConsensusPicking3D
from ..shared.checked_form import OptionalFloatParam
from ..shared.form_checks import limit_errors
from ..shared.gpus import NetworkOnGpus, define_gpus
from ..shared.program_steps import ProgramSteps, depends_on
from ..shared.progress import unfinished_lines
from ..shared.sets import link_mask, link_tomogram, set_errors, write_picks_table
from ..simulation.protocol_simulate_tomograms import simulation_folder, species_table
from . import commands
from .network_form import (
    FROM_SIMULATIONS,
    NETWORK_PARAMS,
    NETWORKS,
    chosen,
    define_network,
    network_errors,
    reads_simulation,
    recipe_of,
)
from .training import noted, out_of_fold_picks, read_summary, summary_lines, training_detail

ALL, PART, CONSENSUS = range(3)
FEW = 20  # particles
LIMITS = {
    "diameter": (0, None, False), "minutes": (0, None, False), "folds": (1, 10, True), "width": (0.05, 4, True),
    "patch": (0, 512, True), "batch": (0, None, True), "learningRate": (0, None, True), "steps": (0, None, True),
    "beta": (0, None, False), "randomSeed": (0, None, True), "numberOfThreads": (1, None, True), "binThreads": (1, None, True),
}
PARAMS = ("source", "doubtful", "diameter", "classesFile", *NETWORK_PARAMS)


class TrainingOutputs(Enum):
    """Outputs of the protocol."""

    model = PickerModel
    coordinates = SetOfCoordinates3D


class XmippProtTrainPicker3D(NetworkOnGpus, ProgramSteps, EMProtocol, ProtTomoBase):
    """Trains a picker: networks that give each voxel of a tomogram a probability of each class of particle.

    *Overview*

    The networks learn from coordinates, or from the scores of a finished deep consensus. Each network is trained without one part
    of the tomograms (a fold), and picks that part. From these out-of-fold picks come the way from map to picks, the probability
    that a pick is a particle, and the lowest accepted score of each class. _Pick with a trained picker 3D_ picks new tomograms
    with the model.

    *Inputs*

    - A SetOfCoordinates3D: picked by hand, of a simulation, or the output of a deep consensus.
    - The diameter of the particle. With several classes (_species), a table of the classes.
    - Optionally, masks of regions: nothing is learned in bad regions, and coordinates there are ignored.

    *Outputs*

    - model: for _pick with a trained picker 3D_. Its file is training/model.h5 of the extra folder.
    - coordinates: the out-of-fold picks of the training tomograms, with score (a probability), class (_species) and group id.

    *Practical recommendations*

    - Fifty particles are few, some hundreds are good. Ten minutes for each network are enough for one class on two processors;
    several classes need more.
    - Look at _patches with targets_ first (right click, analyse results): the coloured places must lie on particles.
    - The F score in the summary is measured on what the networks did not learn from. It is low if the coordinates are in other
    voxels, if the diameter is wrong, or if the training was too short.
    - If the coordinates are only a part of the particles, say so (_What the coordinates are_): the space without coordinates then
    counts less.
    - From a consensus: the picks of the new model may go back into the consensus as the picks of a derived picker (_Derived
    pickers_ on its form). They are scored, but they do not count as agreement.
    - A training that was stopped goes on with Continue.
    """

    _label = "train a picker 3D"
    _devStatus = BETA
    _possibleOutputs = TrainingOutputs
    _networkProgram = TRAIN_PROGRAM
    _optionFields = {"--coordinates": "inputCoordinates", "--tomograms": "inputCoordinates", "--consensus": "inputCoordinates",
                     "--simulation": "inputCoordinates", "--diameter": "diameter", "--classes": "classesFile",
                     "--recipe": "recipe", "--target": "target", "--loss": "loss", "--minutes": "minutes",
                     "--folds": "folds", "--patch": "patch", "--inputModel": "startModel", "--learningRate": "learningRate",
                     "--mask": "regionMasks"}
    stepsExecutionMode = STEPS_PARALLEL

    # ---- form
    def _defineParams(self, form):
        define_gpus(form, "Train on GPUs. The network _unet_ is made for processors; _deepfinder_ needs a GPU.")
        form.addSection(label="Input")
        form.addParam("inputCoordinates", params.PointerParam, pointerClass="SetOfCoordinates3D", label="Coordinates",
                      important=True,
                      help="What to learn from. The tomograms are those in which they were picked; tomograms without coordinates "
                           "are left out, because nobody says that nothing is there.")
        form.addParam("source", params.EnumParam, default=ALL, label="What the coordinates are",
                      choices=["All particles of their tomograms", "A part of the particles", "Scored by a deep consensus"],
                      help="_All particles_: where there is no coordinate, there is no particle.\n_A part_: the space without "
                           "coordinates counts three tenths.\n_Scored by a deep consensus_: choose an output of a finished deep "
                           "consensus. All picks of its run teach: a score of 0.5 or more is a particle, as surely as the score "
                           "says; a score below 0.2 is none. At least 20 picks must be accepted.")
        form.addParam("doubtful", params.EnumParam, default=0, choices=["Ignored", "Learned with a small weight"],
                      condition=f"source == {CONSENSUS}", label="Picks with a score from 0.2 to 0.5",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="_Ignored_: nothing is learned there. _Learned with a small weight_: the score itself is learned.")
        form.addParam("diameter", OptionalFloatParam, label="Particle diameter (Å, optional)",
                      help="All particles are one class of this diameter; beads, vesicles, carbon and contaminants of a "
                           "simulation stay background. Empty: the classes are those of the table below, or of the simulation "
                           "from which the coordinates come.")
        form.addParam("classesFile", params.FileParam, label="Table of classes (optional)", condition=f"source != {CONSENSUS}",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="CSV with the columns class, diameter (Å) and, if you like, voxels (the volume in voxels of the "
                           "tomograms) and distractor (1: learned as background). The classes are the _species of the "
                           "coordinates. Empty: the table of the simulation, if the coordinates come from one.")
        form.addParam("regionMasks", params.PointerParam, pointerClass="SetOfTomoMasks", allowsNull=True,
                      label="Masks of regions (optional)",
                      help="Masks of good and bad regions, of _mask tomograms 3D_. Nothing is learned in bad regions, and "
                           "coordinates there are ignored. Tomograms without a mask count as good everywhere.")
        define_network(form)
        form.addParallelSection(threads=1, mpi=0, binThreads=2, binThreadsHelp="Threads of the training.")

    # ---- inputs
    def _files(self) -> PickerTrainingFiles:
        return PickerTrainingFiles(self._getExtraPath())

    def _consensus(self) -> RunFiles | None:
        """The files of the deep consensus that made the coordinates; None if none did."""
        parent = self.inputCoordinates.getObjValue()
        return RunFiles(parent._getExtraPath()) if isinstance(parent, XmippProtDeepConsensusPicking3D) else None

    def _classes(self) -> str:
        """The table of classes: given, of the simulation that made the coordinates, or ''; none with a diameter."""
        if self.diameter.get() is not None or self.source.get() == CONSENSUS:
            return ""
        return self._text("classesFile") or species_table(self.inputCoordinates)

    def _maskedTomograms(self) -> list[str]:
        masks = self.regionMasks.get()
        return [] if masks is None else sorted(set(masks.getTSIds()) & set(self.inputCoordinates.get().getTSIds()))

    # ---- steps
    def _insertAllSteps(self):
        files = [path for path in (self._classes(), self._text("startModel")) if path]
        if self.source.get() == CONSENSUS:
            files.append(str(self._consensus().final))
        roles = {"coordinates": [self.inputCoordinates], "masks": [self.regionMasks]}
        values = depends_on(roles, {name: self.getAttributeValue(name) for name in PARAMS}, files)
        last = self._insertFunctionStep(self.convertInputStep, values, prerequisites=[], needsGPU=False)
        if self._usesGpus():
            last = self._insertFunctionStep(self.gpuStep, self.gpuList.get(), prerequisites=[last], needsGPU=True)
        last = self._insertFunctionStep(self.trainStep, values, prerequisites=[last], needsGPU=self._usesGpus())
        self._insertFunctionStep(self.createOutputStep, values, prerequisites=[last], needsGPU=False)

    def convertInputStep(self, _: str):
        """Write the coordinates, and links to tomograms and masks by their ids."""
        files, coordinates = self._files(), self.inputCoordinates.get()
        cleanPath(str(files.root))  # of an earlier run with other parameters
        makeFilePath(files.model)
        for ts_id in self._maskedTomograms():
            with self._collectingFailure(ts_id):
                # A consensus knows its tomograms by their ids; other sources by the names of the links
                name = ts_id if self.source.get() == CONSENSUS and "/" not in ts_id else file_stem(ts_id)
                link_mask(self.regionMasks.get(), ts_id, str(Path(files.region_masks) / f"{name}_mask.mrc"))
        if self.source.get() == CONSENSUS or reads_simulation(self):
            return  # the program reads their folders
        found = {}
        for ts_id in sorted(coordinates.getTSIds()):
            if self._failed(ts_id):
                continue
            with self._collectingFailure(ts_id):
                tomogram = tomogram_of(coordinates.getPrecedents(), ts_id)
                link_tomogram(tomogram, files.tomogram(ts_id))
                found[ts_id] = picks_of_set(coordinates, tomogram, 1, coordinates.getSamplingRate())
        if not found:
            raise RuntimeError(f"No tomogram could be read. {self._failures()}")
        write_picks_table(files.coordinates, found, coordinates.getBoxSize())

    def trainStep(self, _: str):
        """Train the networks; one that was stopped goes on."""
        files, source, options = self._files(), self._source(), self._options()
        masks = files.region_masks if os.path.isdir(files.region_masks) else ""
        self._runNetwork(lambda gpus: commands.training_arguments(
            files.model, files.notes, source, options, masks=masks, gpus=gpus, threads=self.binThreads.get()), job="training")

    def _source(self) -> commands.LearnedFrom:
        files = self._files()
        if self.source.get() == CONSENSUS:
            return commands.LearnedFrom(consensus=str(self._consensus().root), soft=bool(self.doubtful.get()),
                                        diameter=self.diameter.get())
        if reads_simulation(self):
            return commands.LearnedFrom(simulation=simulation_folder(self.inputCoordinates), classes=self._classes())
        return commands.LearnedFrom(files.coordinates, sorted(map(str, Path(files.tomograms).glob("*.mrc"))),
                                    self.inputCoordinates.get().getSamplingRate(), partial=self.source.get() == PART,
                                    diameter=self.diameter.get(), classes=self._classes())

    def _options(self) -> commands.TrainingOptions:
        return commands.TrainingOptions(
            NETWORKS[self.recipe.get()], chosen(self, "target"), chosen(self, "loss"), self.minutes.get(), self.steps.get(),
            self.folds.get(), self.width.get(), self.patch.get(), self.batch.get(), self.learningRate.get(), self.beta.get(),
            self.mirror.get(), self._text("startModel"), self.randomSeed.get())

    def createOutputStep(self, _: str):
        """Register the model, and the out-of-fold picks."""
        files, given = self._files(), self.inputCoordinates.get()
        described, content = read_voxel_model(files.model), read_summary(files)
        names = [one.name for one in described.classes]
        model = PickerModel(files.model)
        model.describe(names, described.sampling_rate, content["outOfFoldF"])
        picks, unknown = self._outOfFold(names)
        outputs = {TrainingOutputs.model.name: model}
        if any(map(len, picks.values())):
            # The pointer of the tomograms: a set alone is lost in workflows
            coordinates = self._createSetOfCoordinates3D(given._precedentsPointer)
            coordinates.setSamplingRate(given.getPrecedents().getSamplingRate())
            coordinates.setBoxSize(given.getBoxSize())
            for ts_id, own in picks.items():
                append_picks(coordinates, tomogram_of(given.getPrecedents(), ts_id), own,
                             attributes={SPECIES_ATTRIBUTE: list(own.species)})
            outputs[TrainingOutputs.coordinates.name] = coordinates
        self._defineOutputs(**outputs)
        for pointer in (self.inputCoordinates, self.regionMasks):
            for output in outputs.values():
                if pointer.get() is not None:
                    self._defineSourceRelation(pointer, output)
        notes = [f"{listed(unknown)}: of no tomogram of the coordinates; their out-of-fold picks are in "
                 f"{files.beside('_picks.csv')} only"] * bool(unknown)
        if len(outputs) == 1:
            notes.append("no out-of-fold pick reached the lowest accepted score; train longer")
        with written_aside(files.summary) as aside:
            Path(aside).write_text(json.dumps({"notes": [*noted(files.notes), *notes]}, indent=1), encoding="utf-8")

    def _outOfFold(self, names: list[str]) -> tuple[dict[str, Picks], list[str]]:
        """The out-of-fold picks by tilt-series id, with the number of their class as group id, and names that are no id."""
        ts_ids = self.inputCoordinates.get().getPrecedents().getTSIds()
        ids = {file_stem(ts_id): ts_id for ts_id in ts_ids} | {ts_id: ts_id for ts_id in ts_ids}
        found = out_of_fold_picks(self._files(), names)
        known = {ids[name]: replace(own, tomo_id=ids[name]) for name, own in found.items() if name in ids}
        return known, [name for name in found if name not in ids]

    # ---- information
    def _validate(self):
        errors = limit_errors(self, LIMITS)
        coordinates = self.inputCoordinates.get()
        if coordinates is None:
            return errors
        errors += [f"*Coordinates*: {error}" for error in set_errors(coordinates)]
        return errors or [*self._sourceErrors(), *self._sizeErrors(coordinates.getSamplingRate()), *self._simulationErrors(),
                          *network_errors(self, self._text("startModel")), *self._maskErrors()]

    def _sourceErrors(self) -> list[str]:
        if self.source.get() != CONSENSUS:
            return []
        run = self._consensus()
        if run is None:
            return ["*What the coordinates are*: these are of no deep consensus; choose an output of one, or another answer."]
        return [] if run.scored.exists() else [
            f"*Coordinates*: their deep consensus has no scores ({run.scored}); run it with the network, not with voting."]

    def _sizeErrors(self, rate: float) -> list[str]:
        diameter = self.diameter.get()
        if diameter is not None and diameter < LEAST_VOXELS * rate:
            return [f"*Particle diameter (Å)* is {diameter:g}, less than {LEAST_VOXELS} voxels of {rate:g} Å; check the "
                    "diameter, or use tomograms that are binned less."]
        if diameter is not None:
            return []
        if self.source.get() == CONSENSUS:
            return ["*Particle diameter (Å)* cannot be EMPTY: the picks of a consensus are one class."]
        table = self._classes()
        if not table:
            return ["*Particle diameter (Å)* cannot be EMPTY: give it, or the *Table of classes* (expert level advanced)."]
        return [] if os.path.isfile(table) else [f"*Table of classes* does not exist: {table}."]

    def _simulationErrors(self) -> list[str]:
        """Where a network learns what no set of Scipion has: the density without noise, or the shapes of the particles."""
        if not reads_simulation(self):
            return []
        densities = recipe_of(self).denoises
        if self.source.get() != ALL or not simulation_folder(self.inputCoordinates, densities=densities):
            if not densities:
                return ["*Target*: shape needs the maps and the angles of all _particles_ of a simulation; choose these, or "
                        "another target."]
            return [f"*Network*: {' and '.join(FROM_SIMULATIONS)} also learn the density without noise. Choose all _particles_ "
                    "of a simulation with *Keep the densities without noise?* (expert level advanced), or another network."]
        return [] if self.diameter.get() is None else [
            "*Particle diameter (Å)* has no meaning with this network or target, which learns the classes of the simulation; "
            "leave it empty."]

    def _maskErrors(self) -> list[str]:
        if self.regionMasks.get() is None or self._maskedTomograms():
            return []
        return ["*Masks of regions* has no mask of any of the tomograms; check that both are of the same tilt series."]

    def _warnings(self):
        coordinates, warnings = self.inputCoordinates.get(), []
        if self.source.get() == ALL and self._consensus() is not None:
            warnings.append("*What the coordinates are*: these come from a deep consensus, which also knows doubtful and false "
                            "picks. Choose _Scored by a deep consensus_ to learn from them too.")
        if coordinates is not None and coordinates.getSize() < FEW:
            warnings.append(f"*Coordinates* has {coordinates.getSize()} particles: too few to learn from.")
        return warnings

    def _summary(self):
        files, content = self._files(), read_summary(self._files())
        if content is None or not os.path.exists(files.summary) or not hasattr(self, TrainingOutputs.model.name):
            doing = {"convertInputStep": "reading the inputs", "gpuStep": "trying the GPUs", "trainStep": "training",
                     "createOutputStep": "writing the results"}
            details = {"trainStep": training_detail(files, self.folds.get())}
            return unfinished_lines(self, doing, details=details) + self._gpuLines()
        picks = getattr(self, TrainingOutputs.coordinates.name, None)
        notes = json.loads(Path(files.summary).read_text(encoding="utf-8"))["notes"]
        lines = summary_lines(content, picks.getSize() if picks is not None else 0, notes)
        return [*lines, *(f"*Tomogram left out* {failure}" for failure in self._failureTexts()), *self._gpuLines()]

    def _methods(self):
        content = read_summary(self._files())
        if content is None or not hasattr(self, TrainingOutputs.model.name):
            return []
        particles = sum(of["particles"] for of in content["classes"].values())
        return [f"{len(content['steps'])} networks ({content['parameters']['recipe']}) were trained on {particles} particles in "
                f"{len(content['tomograms'])} tomograms, each without one part of them. On these parts the F score of the picks "
                f"was {content['outOfFoldF']:.2f} [Moebel2021]."]

    def _citations(self):
        return ["Moebel2021", "Gubins2020"]
