"""Scipion protocol: picking with a trained picker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pwem.objects import Volume
from pyworkflow.protocol import params
from pyworkflow.utils import makeFilePath
from tomo.objects import Tomogram

from tomo_particles.core.errors import InputError, listed
from tomo_particles.core.files import digest_of, written_aside
from tomo_particles.core.picks import Picks
from tomo_particles.learning.voxels.description import VoxelModel, read_voxel_model
from tomo_particles.learning.voxels.recipes import CLUSTERINGS
from tomo_particles.learning.voxels.targets import VOLUME_DIAMETER

from ...constants import DEEP_PICK_PROGRAM, TILTS
from ...maps import names_of, volumes_of, write_maps
from ..picking.base import KEEP_AUTOMATIC, KEEP_NUMBER, KEEP_THRESHOLD, TomogramPicker
from ..picking.protocol_template_matching3d import VOLUMES
from ..shared.checked_form import OptionalFloatParam
from ..shared.commands import Selection
from ..shared.form_checks import limit_errors
from ..shared.gpus import NetworkOnGpus, define_gpus
from . import commands
from .thresholds import read_thresholds
from .training import noted

OF_TRAINING, OF_FILE = range(2)
AS_TRAINED, MEAN_SHIFT = 0, 1 + CLUSTERINGS.index("meanshift")
LIMITS = {"bandwidth": (0, None, False), "boxFactor": (1, None, True), "tiltFirst": (-90, 90, True), "tiltLast": (-90, 90, True),
          "angularStep": (0, 90, True), "lowPass": (0, None, True)}


class XmippProtDeepPick3D(NetworkOnGpus, TomogramPicker):
    """Picks tomograms with a model of _train a picker 3D_: positions, classes and scores.

    *Overview*

    The networks of the model give each voxel a probability of each class. The places of high probability are the picks. Their
    score is the probability that the pick is a particle, as measured on the training tomograms. A tomogram of the training is
    picked by the networks that did not learn from it; all others by the mean of all networks.

    *Inputs*

    - A SetOfTomograms, processed as those of the training. Other sampling rates are rescaled to that of the model.
    - The model: an output of _train a picker 3D_, or a file of xmipp_train_picker_tomo.
    - Optionally, masks of regions: nothing is picked in bad regions.

    *Outputs*

    - A SetOfCoordinates3D: every coordinate has its score, its class (_species) and the number of the class as group id.
    With templates (_Names and angles_) the class is the name of the template that fits best, and the coordinates are oriented;
    without, orientations are unknown.

    *Practical recommendations*

    - Begin with the thresholds of the training. The wizard beside _Lowest score_ shows what each threshold gave there.
    - Read the notes of the summary: they say if a tomogram looks unlike those of the training (contrast, far fewer picks).
    - The picks may go into a deep consensus. If the model learned from that consensus, give them as a derived picker.
    - Thirty seconds for a tomogram of 512 x 512 x 200 voxels are usual with _unet_ on two processors.
    - A tomogram that fails (missing file, no volume) is left out, and the summary names it. The others are processed.
    """

    _label = "pick with a trained picker 3D"
    _program = _networkProgram = DEEP_PICK_PROGRAM
    _stepParams = ("modelFrom", "modelFile", "cluster", "bandwidth", "turns", "scoreMaps", "tiltFirst", "tiltLast", "angularStep",
                   "lowPass")
    _outputParams = ("boxFactor",)
    _selectionParams = ("keep", "number", "threshold")
    _classWord = "Class"
    _optionFields = {**TomogramPicker._optionFields, "--model": "modelFile", "--cluster": "cluster",
                     "--bandwidth": "bandwidth", "--identify": "inputTemplates",
                     "--tilts": "tiltFirst", "--angularstep": "angularStep", "--lowpass": "lowPass"}

    # ---- form
    def _defineParams(self, form):
        define_gpus(form, "Look at the tomograms with GPUs.")
        form.addSection(label="Input")
        self._defineTomograms(form)
        form.addParam("modelFrom", params.EnumParam, choices=["Of a training", "A file"], default=OF_TRAINING,
                      display=params.EnumParam.DISPLAY_HLIST, label="Model",
                      help="The output _model_ of _train a picker 3D_, or a file that xmipp_train_picker_tomo wrote.")
        form.addParam("inputModel", params.PointerParam, pointerClass="PickerModel", condition=f"modelFrom == {OF_TRAINING}",
                      label="Trained model", important=True, help="Output of _train a picker 3D_.")
        form.addParam("modelFile", params.FileParam, condition=f"modelFrom == {OF_FILE}", label="Model file",
                      help="File of xmipp_train_picker_tomo, .h5.")
        self._defineRegions(form)
        form.addParam("keep", params.EnumParam, choices=["As in the training", "Best of each tomogram", "Above a threshold"],
                      default=KEEP_AUTOMATIC, display=params.EnumParam.DISPLAY_HLIST, label="Keep",
                      help="_As in the training_: the lowest scores with the best F score in the training, one for each "
                           "class.\n_Best of each tomogram_: a fixed number, the best first.\n_Above a threshold_: all picks "
                           "whose score reaches the threshold.")
        form.addParam("number", params.IntParam, default=300, condition=f"keep == {KEEP_NUMBER}", label="Number of picks",
                      help="Number per tomogram. Better too many than too few: a later consensus or classification can remove "
                           "false picks, but cannot find missing ones.")
        form.addParam("threshold", params.StringParam, default="0.5", condition=f"keep == {KEEP_THRESHOLD}", label="Lowest score",
                      help="A probability from 0 to 1, for all classes (0.5), for single ones (4cr2:0.7), or both, separated by "
                           "blanks. The wizard shows precision and recall in the training.")
        form.addParam("cluster", params.EnumParam, choices=["As in the training", "Peaks", "Components", "Mean shift"],
                      default=AS_TRAINED, label="From map to picks", expertLevel=params.LEVEL_ADVANCED,
                      help="How places are found in the map. The scores were measured for the way of the training.")
        form.addParam("bandwidth", OptionalFloatParam, condition=f"cluster == {MEAN_SHIFT}", label="Bandwidth (Å, optional)",
                      expertLevel=params.LEVEL_ADVANCED, help="Radius of the mean shift. Empty: that of the training.")
        form.addParam("turns", params.BooleanParam, default=False, label="Average four orientations?",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="Yes: each tomogram is picked in four orientations (half turns about its axes), and the mean "
                           "score counts. It takes four times as long.")
        form.addParam("scoreMaps", params.BooleanParam, default=False, label="Keep the score maps?",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="Yes: write the probability of any particle at every voxel into picking/score_maps of the extra "
                           "folder. _Analyze results_ shows them.")
        form.addParam("boxFactor", params.FloatParam, default=1.6, label="Box size (diameters)",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="Box size of the output: 1.5 to 2 particle diameters are right for the consensus.")
        self._defineTemplates(form)
        self._defineThreads(form)

    def _defineTemplates(self, form: params.Form) -> None:
        form.addSection(label="Names and angles")
        form.addParam("inputTemplates", params.MultiPointerParam, pointerClass=VOLUMES, allowsNull=True,
                      label="Templates (optional)",
                      help="Densities of particles, bright on dark. Each is compared within two voxels of the picks alone, which "
                           "is much faster than template matching of whole tomograms. A pick gets the name and the orientation "
                           "of the template that fits best, in place of its class. Its score stays that of the networks.")
        line = form.addLine("Tilt range (degrees)",
                            help="First and last angle of the tilt series; they define the missing wedge. The tilt axis is y.")
        line.addParam("tiltFirst", params.FloatParam, default=TILTS[0], label="First tilt")
        line.addParam("tiltLast", params.FloatParam, default=TILTS[1], label="Last tilt")
        form.addParam("angularStep", params.FloatParam, default=0.0, label="Angular step (degrees)",
                      help="Angle between neighbouring orientations. 0: computed from resolution and diameter, between 7 and 20.")
        form.addParam("lowPass", params.FloatParam, default=0.0, label="Low-pass filter (Å)",
                      help="Finest resolution that is compared. 0: that of the voxels.")

    # ---- inputs
    def modelPath(self) -> str:
        """The file of the model; '' where none is chosen yet."""
        if self.modelFrom.get() == OF_FILE:
            return self._text("modelFile")
        return self.inputModel.get().getFileName() if self.inputModel.get() is not None else ""

    def _model(self) -> VoxelModel:
        return read_voxel_model(self.modelPath(), "*Model file*" if self.modelFrom.get() == OF_FILE else "*Trained model*")

    def _inputPointers(self) -> list:
        model = [self.inputModel] if self.modelFrom.get() == OF_TRAINING else []
        return [*super()._inputPointers(), *self.inputTemplates, *model]

    def _volumes(self) -> list[Volume]:
        return list(volumes_of(pointer.get() for pointer in self.inputTemplates if pointer.get() is not None))

    def _species(self) -> list[str]:
        """Those of the templates, if there are any: a pick that none could be compared with keeps the class of the model."""
        return list(dict.fromkeys([*names_of(self._volumes()), *(one.name for one in self._model().classes)]))

    def _prepare(self) -> None:
        write_maps(self._files().templates, self._volumes())

    def _boxAngstrom(self) -> float:
        return self.boxFactor.get() * max(one.radius for one in self._model().classes) / VOLUME_DIAMETER

    def _values(self, names) -> str:
        """The model counts by its content: a training may have been run again."""
        return super()._values(names) + digest_of(self.modelPath())

    # ---- steps
    def _insertPicking(self, ts_ids: list[str], values: str, prepared: int) -> list[int]:
        if not self._usesGpus():
            return super()._insertPicking(ts_ids, values, prepared)
        steps = [self._insertFunctionStep(self.gpuStep, self.gpuList.get(), prerequisites=[prepared], needsGPU=True)]
        for ts_id in ts_ids:  # one after the other: each takes the memory of all GPUs
            steps.append(self._insertFunctionStep(self.pickStep, ts_id, values, prerequisites=steps[-1:], needsGPU=True))
        return steps[-1:]

    def _arguments(self, tomogram: Tomogram, link: str, picks: str) -> commands.Arguments:
        files = self._files()
        note = files.note(tomogram.getTsId())
        makeFilePath(note)
        keep = self.keep.get()
        options = commands.PickingOptions(
            self.modelPath(), Selection(number=self.number.get() if keep == KEEP_NUMBER else None),
            self._text("threshold").split() if keep == KEEP_THRESHOLD else [],
            "" if self.cluster.get() == AS_TRAINED else CLUSTERINGS[self.cluster.get() - 1],
            self.bandwidth.get() if self.cluster.get() == MEAN_SHIFT else None, self.turns.get(),
            [str(Path(files.templates) / f"{name}.mrc") for name in names_of(self._volumes())],
            (self.tiltFirst.get(), self.tiltLast.get()), self.angularStep.get(), self.lowPass.get())
        return commands.picking_arguments(link, picks, note, options, rate=self.inputTomograms.get().getSamplingRate(),
                                          score_maps=files.score_maps if self.scoreMaps else "", threads=self.binThreads.get())

    def _runPicker(self, arguments: commands.Arguments, job: str, about: str, results: list[str]) -> None:
        self._runNetwork(lambda gpus: [*arguments, "--gpus", gpus], job, about, results)

    # ---- information
    def _writeSummary(self, found: dict[str, Picks]) -> None:
        super()._writeSummary(found)
        content = self._summaryContent() | {"notes": {ts_id: noted(self._files().note(ts_id)) for ts_id in found}}
        with written_aside(self._files().summary) as aside:
            Path(aside).write_text(json.dumps(content, indent=1), encoding="utf-8")

    def _summary(self):
        content = self._summaryContent()
        return [*super()._summary(), *note_lines(content.get("notes", {}) if content else {}), *self._gpuLines()]

    def _validate(self):
        errors = limit_errors(self, LIMITS) + self._selectionErrors()
        if not self.tiltFirst.get() < self.tiltLast.get():
            errors.append(f"*Tilt range (degrees)*: the first tilt must be smaller than the last, received "
                          f"{self.tiltFirst.get():g} and {self.tiltLast.get():g}.")
        errors += [f"*Templates*: {volume.getFileName()} has no sampling rate; import it again with one."
                   for volume in self._volumes() if not volume.getSamplingRate()]
        path = self.modelPath()
        if not path:
            return [*errors, "*Model file* cannot be EMPTY: choose the file of a trained model."]
        try:
            model = self._model()
        except InputError as error:
            return [*errors, str(error)]
        if self.keep.get() == KEEP_THRESHOLD:
            try:
                read_thresholds(self._text("threshold"), [one.name for one in model.classes])
            except ValueError as error:
                errors.append(f"*Lowest score* {error}")
        return errors

    def _warnings(self):
        model, warnings = self._model(), []
        if not model.tested:
            warnings.append("The model is untested: no particle was left to validate it on.")
        if not model.rule.scores:
            warnings.append("The model is uncalibrated: its scores are not probabilities.")
        masks, tomograms = self.regionMasks.get(), self.inputTomograms.get()
        if masks is not None and (lacking := sorted(set(tomograms.getTSIds()) - set(masks.getTSIds()))):
            warnings.append(f"*Masks of regions* has none of {listed(lacking)}: these tomograms are left out.")
        return warnings

    def _methods(self):
        if not hasattr(self, "coordinates"):
            return []
        return [f"{self.coordinates.getSize()} particles were picked in {self.inputTomograms.get().getSize()} tomograms by "
                f"{self._model().folds} trained networks ({self._model().recipe}) [Moebel2021]."]

    def _citations(self):
        return ["Moebel2021"]


def note_lines(notes: Mapping[str, list[str]]) -> list[str]:
    """A line for each note; one that the program gave of several tomograms is said once, with their names."""
    of_note: dict[str, list[str]] = {}
    for ts_id, own in notes.items():
        for note in own:
            of_note.setdefault(note, []).append(ts_id)
    return [f"*Note{f' on {listed(names)}' if len(names) < len(notes) or len(notes) == 1 else ''}* {note}"
            for note, names in of_note.items()]
