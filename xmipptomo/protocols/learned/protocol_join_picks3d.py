"""Scipion protocol: picks of a trained network and of template matching as one set."""

from __future__ import annotations

import os
from dataclasses import replace
from enum import Enum

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.object import Pointer
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath
from tomo.objects import SetOfCoordinates3D
from tomo.protocols import ProtTomoBase

from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.errors import listed
from tomo_particles.core.files import file_stem

from ...constants import JOIN_PROGRAM, SPECIES_ATTRIBUTE
from ...convert import append_picks, tomogram_of
from ...files import JoinFiles, PickingFiles
from ..picking.protocol_template_matching3d import XmippProtTemplateMatching3D
from ..shared.checked_form import OptionalFloatParam
from ..shared.form_checks import limit_errors
from ..shared.program_steps import ProgramSteps, depends_on
from ..shared.progress import unfinished_lines
from ..shared.sets import link_tomogram, set_errors, write_picking
from . import commands
from .joined import FOUND_BY, group_lines, joined_picks
from .protocol_deep_pick3d import XmippProtDeepPick3D

KNOWN, LEARNED = range(2)
FOUND_BY_ATTRIBUTE = "_foundBy"
LIMITS = {"diameter": (0, None, False), "threshold": (0, 1, True)}
PARAMS = ("diameter", "source", "fitFile", "threshold")


class JoinOutputs(Enum):
    """Output of the protocol."""

    coordinates = SetOfCoordinates3D


class XmippProtJoinPicks3D(ProgramSteps, EMProtocol, ProtTomoBase):
    """Joins the picks of a trained network and of template matching in the same tomograms: one set, one score.

    *Overview*

    Picks within half a diameter are of one particle. The map of the network is read at the picks of the templates, and the map of
    the templates at the picks of the network. A logistic regression joins the two values to one score. It is learned from
    tomograms whose particles are known, each tomogram scored by the others, or it is that of an earlier run.

    *Inputs*

    - Coordinates of _pick with a trained picker 3D_, with _Keep the score maps?_ Yes. Give it a low lowest score (0.1), so that
    few particles are missing.
    - Coordinates of _template matching 3D_ in the same tomograms, with _Keep the score maps?_ Yes.
    - The particles of these tomograms, if they are known; or the file of an earlier run.

    *Outputs*

    - A SetOfCoordinates3D of the accepted picks: each has its score, who found it (_foundBy: both, tm for template matching
    alone, dl for the network alone; group id 1, 2, 3), and class and orientation of the template if there is one.
    - The file extra/joining/fit.json, which joins the picks of other tomograms.

    *Practical recommendations*

    - The summary has the numbers of each group: with known particles also precision, recall and F score.
    - Without any known particles, give both sets to a deep consensus instead.
    """

    _label = "join network and template picks 3D"
    _devStatus = BETA
    _possibleOutputs = JoinOutputs
    _optionFields = {"--tomograms": "inputNetwork", "--network": "inputNetwork", "--networkMaps": "inputNetwork",
                     "--template": "inputTemplate", "--templateMaps": "inputTemplate", "--diameter": "diameter",
                     "--truth": "known", "--fit": "fitFile", "--threshold": "threshold"}

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputNetwork", params.PointerParam, pointerClass="SetOfCoordinates3D", important=True,
                      label="Coordinates of the network",
                      help="Output of _pick with a trained picker 3D_ that kept its score maps.")
        form.addParam("inputTemplate", params.PointerParam, pointerClass="SetOfCoordinates3D", important=True,
                      label="Coordinates of the templates",
                      help="Output of _template matching 3D_ that kept its score maps, in tomograms of the same sampling rate.")
        form.addParam("diameter", params.FloatParam, label="Particle diameter (Å)",
                      help="Picks within half of it are of one particle.")
        form.addParam("source", params.EnumParam, choices=["Learned here", "Of an earlier run"], default=KNOWN,
                      display=params.EnumParam.DISPLAY_HLIST, label="Joint score",
                      help="_Learned here_: from the particles of these tomograms, which are known; two tomograms at least. _Of "
                           "an earlier run_: from its file.")
        form.addParam("known", params.PointerParam, pointerClass="SetOfCoordinates3D", condition=f"source == {KNOWN}",
                      allowsNull=True, label="Known particles",
                      help="Every particle of these tomograms: of experts, or of a simulation. A pick that is none of them "
                           "counts as wrong.")
        form.addParam("fitFile", params.FileParam, condition=f"source == {LEARNED}", label="File of the joint score",
                      help="extra/joining/fit.json of an earlier run, or what xmipp_join_picks_tomo wrote.")
        form.addParam("threshold", OptionalFloatParam, label="Lowest score (optional)", expertLevel=params.LEVEL_ADVANCED,
                      help="From 0 to 1. Empty: that of the best F score in the learning.")

    # ---- inputs
    def _files(self) -> JoinFiles:
        return JoinFiles(self._getExtraPath())

    def _known(self) -> Pointer | None:
        return self.known if self.source.get() == KNOWN else None

    def _tsIds(self) -> list[str]:
        """The tomograms that both were looked for in."""
        tomograms = (pointer.get().getPrecedents().getTSIds() for pointer in (self.inputNetwork, self.inputTemplate))
        return sorted(set.intersection(*map(set, tomograms)))

    @staticmethod
    def _maps(pointer: Pointer, picker: type) -> str:
        """The folder of the score maps of the run that made the coordinates; '' where it is of another kind or kept none."""
        run = pointer.getObjValue()
        return PickingFiles(run._getExtraPath()).score_maps if isinstance(run, picker) and run.scoreMaps else ""

    def _pointers(self) -> dict[str, Pointer]:
        known = self._known()
        return {"network": self.inputNetwork, "template": self.inputTemplate} | ({"truth": known} if known else {})

    # ---- steps
    def _insertAllSteps(self):
        roles = {role: [pointer] for role, pointer in self._pointers().items()}
        fit = [] if self._known() else [self._text("fitFile")]
        values = depends_on(roles, {name: self.getAttributeValue(name) for name in PARAMS}, fit)
        self._insertFunctionStep(self.convertInputStep, values, needsGPU=False)
        self._insertFunctionStep(self.joinStep, values, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, values, needsGPU=False)

    def convertInputStep(self, _: str):
        """Write the coordinates, and links to the tomograms by their ids."""
        files, ts_ids = self._files(), self._tsIds()
        cleanPath(str(files.root))
        network = self.inputNetwork.get()
        for ts_id in ts_ids:
            link_tomogram(tomogram_of(network.getPrecedents(), ts_id), files.tomogram(ts_id))
        for role, pointer in self._pointers().items():
            write_picking(files.picks(role), pointer.get(), ts_ids, network.getSamplingRate())

    def joinStep(self, _: str):
        """Run the program."""
        files, known = self._files(), self._known()
        self._runProgram(JOIN_PROGRAM, commands.joining_arguments(
            [files.tomogram(ts_id) for ts_id in self._tsIds()], self.inputNetwork.get().getSamplingRate(),
            (files.picks("network"), self._maps(self.inputNetwork, XmippProtDeepPick3D)),
            (files.picks("template"), self._maps(self.inputTemplate, XmippProtTemplateMatching3D)), files.output,
            diameter=self.diameter.get(), fit=files.fit if known else self._text("fitFile"),
            truth=files.picks("truth") if known else "", threshold=self.threshold.get()), job="joining")

    def createOutputStep(self, _: str):
        """Register the accepted picks."""
        found, network = joined_picks(self._files().output), self.inputNetwork.get()
        if not found:
            raise RuntimeError("No pick reached the lowest score: lower *Lowest score*, or see in the log how well the joint "
                               "score was learned.")
        ids = {file_stem(ts_id): ts_id for ts_id in self._tsIds()}
        coordinates = self._createSetOfCoordinates3D(network._precedentsPointer)
        coordinates.setSamplingRate(network.getSamplingRate())
        coordinates.setBoxSize(network.getBoxSize())
        for name, (picks, found_by) in found.items():
            append_picks(coordinates, tomogram_of(network.getPrecedents(), ids[name]), replace(picks, tomo_id=ids[name]),
                         attributes={SPECIES_ATTRIBUTE: list(picks.species), FOUND_BY_ATTRIBUTE: found_by})
        self._defineOutputs(**{JoinOutputs.coordinates.name: coordinates})
        for pointer in self._pointers().values():
            self._defineSourceRelation(pointer, coordinates)

    # ---- information
    def _validate(self):
        errors, known = limit_errors(self, LIMITS), self._known()
        for pointer, label in ((self.inputNetwork, "Coordinates of the network"),
                               (self.inputTemplate, "Coordinates of the templates"), (known, "Known particles")):
            if pointer is not None and pointer.get() is not None:
                errors += [f"*{label}*: {error}" for error in set_errors(pointer.get())]
        if errors:
            return errors
        for pointer, label, picker in ((self.inputNetwork, "Coordinates of the network", XmippProtDeepPick3D),
                                       (self.inputTemplate, "Coordinates of the templates", XmippProtTemplateMatching3D)):
            if not self._maps(pointer, picker):
                errors.append(f"*{label}* must come from _{picker._label}_ with *Keep the score maps?* Yes; run it so.")
        if errors:
            return errors
        rates = [pointer.get().getSamplingRate() for pointer in (self.inputNetwork, self.inputTemplate)]
        if not same_sampling_rate(*rates):
            errors.append(f"*Coordinates of the templates* are in tomograms of {rates[1]:g} Å/voxel, those of the network of "
                          f"{rates[0]:g}; pick both in the same tomograms.")
        return errors + self._scoreErrors(self._tsIds(), known)

    def _scoreErrors(self, ts_ids: list[str], known: Pointer | None) -> list[str]:
        if not ts_ids:
            return ["*Coordinates of the templates* are in none of the tomograms of the network; pick both in the same "
                    "tomograms."]
        if known is None:
            path = self._text("fitFile")
            return [] if path and os.path.isfile(path) else [f"*File of the joint score* does not exist: '{path}'."]
        if known.get() is None:
            return ["*Known particles* cannot be EMPTY: choose them, or the joint score of an earlier run."]
        if lacking := sorted(set(ts_ids) - set(known.get().getTSIds())):
            return [f"*Known particles* has none in {listed(lacking)}, so that every pick there counts as wrong; give them, or "
                    "leave these tomograms out."]
        return [] if len(ts_ids) > 1 else ["*Joint score*: to learn it takes two tomograms or more, of which each is scored by "
                                           "the others."]

    def _summary(self):
        picks = getattr(self, JoinOutputs.coordinates.name, None)
        if picks is None:
            return unfinished_lines(self, {"convertInputStep": "reading the inputs", "joinStep": "joining the picks",
                                           "createOutputStep": "writing the results"})
        return [f"*{picks.getSize()} picks* in {len(picks.getTSIds())} tomograms", *group_lines(self._files().groups),
                f"(both: found {FOUND_BY['both']}; tm: by template matching; dl: by the network)"]

    def _methods(self):
        if not hasattr(self, JoinOutputs.coordinates.name):
            return []
        return [f"{self.coordinates.getSize()} picks of a trained network and of template matching were joined by a logistic "
                "regression of both score maps, as compared in [Moebel2021]."]

    def _citations(self):
        return ["Moebel2021"]
