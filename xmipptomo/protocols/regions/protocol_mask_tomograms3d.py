"""Scipion protocol: masks of good and bad regions of tomograms."""

from __future__ import annotations

import csv
import json
from enum import Enum
from pathlib import Path

import mrcfile
from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from pyworkflow.protocol.constants import STEPS_PARALLEL
from pyworkflow.utils import cleanPath
from tomo.objects import SetOfTomoMasks, Tomogram, TomoMask
from tomo.protocols import ProtTomoBase

from tomo_particles.core.errors import listed
from tomo_particles.core.files import written_aside

from ...constants import MASK_PROGRAM
from ...convert import tomogram_of
from ...files import MaskFiles
from ..shared import commands
from ..shared.form_checks import limit_errors
from ..shared.program_steps import ProgramSteps, depends_on, tomogram_step
from ..shared.progress import unfinished_lines
from ..shared.sets import MAX_TOMOGRAM_LINES, link_mask, link_tomogram

LIMITS = {"beadDiameter": (0, None, False), "numberOfThreads": (1, None, True), "binThreads": (1, None, True)}
PARAMS = ("beadDiameter", "membraneBad", "bright")


class MaskOutputs(Enum):
    """Output of the protocol."""

    tomoMasks = SetOfTomoMasks


class XmippProtMaskTomograms3D(ProgramSteps, EMProtocol, ProtTomoBase):
    """Divides tomograms into good and bad regions, so that nothing is picked on gold, carbon or dirt.

    *Overview*

    Each tomogram gets a mask with the class of each voxel of 20 to 30 Å (more if the tomogram has more than 15 Å/voxel): 0 good,
    1 no data, 2 gold beads, 3 membranes, 4 carbon film, 5 ice crystals and dirt, 6 outside the slab of ice, 7 marked by the user.
    All classes but 0 and 3 are bad.
    Gold is found by its density, membranes as long double layers, carbon and ice by their mean density and their texture, and the
    slab by two planes at which the variance halves. Nothing is learned, and nothing but the tomogram is needed.

    *Inputs*

    - A SetOfTomograms.
    - Optionally, masks that you made: where they are not 0, nothing shall be picked.

    *Outputs*

    - A SetOfTomoMasks, one mask per tomogram.

    *Practical recommendations*

    - Look at every mask before you use it: right click, analyse results. It shows map, mask and picks on slices.
    - Give the masks to the pickers (*Masks of regions* on their forms). They pick nothing in bad regions, and beads and carbon no
    longer change the scores elsewhere.
    - Choose Yes for membranes if your particles never lie on one.
    - A membrane parallel to the plane of the slab is not in the tilts (missing wedge), and is not found.
    - A tomogram that fails (missing file, no volume) is left out, and the summary names it. The others are processed.
    """

    _label = "mask tomograms 3D"
    _devStatus = BETA
    _possibleOutputs = MaskOutputs
    _optionFields = {"--tomograms": "inputTomograms", "--bead": "beadDiameter", "--user": "userMasks"}
    stepsExecutionMode = STEPS_PARALLEL

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputTomograms", params.PointerParam, pointerClass="SetOfTomograms", label="Tomograms", important=True,
                      help="Tomograms as reconstructed, not filtered or denoised: the finders need the noise, and the mask fits "
                           "every version of the same extent. Best are 10 to 15 Å/voxel: the two layers of a membrane are 36 Å "
                           "apart.")
        form.addParam("beadDiameter", params.FloatParam, default=100.0, label="Diameter of gold beads (Å)",
                      help="Fiducials usually have 50, 100 or 150 Å. Beads are found by their density; the diameter says how far "
                           "they reach.")
        form.addParam("membraneBad", params.BooleanParam, default=False, label="Are membranes bad?",
                      help="Yes: nothing is picked on membranes. No: membranes are marked in the mask, but they are good places.")
        form.addParam("bright", params.BooleanParam, default=False, label="Are particles bright?",
                      help="Proteins are usually dark in tomograms. Choose Yes if the contrast of the tomograms is inverted.")
        form.addParam("userMasks", params.PointerParam, pointerClass="SetOfTomoMasks", allowsNull=True,
                      label="Your own masks (optional)", expertLevel=params.LEVEL_ADVANCED,
                      help="Where these masks are not 0, nothing shall be picked. They have the shape of the "
                           "tomograms, or another sampling of the same extent. A tomogram that has none is not marked.")
        form.addParallelSection(threads=2, mpi=0, binThreads=2, binThreadsHelp=(
            "Threads of the program. Scipion works on (Scipion threads - 1) tomograms at the same time, each with this many "
            "threads. The product should not exceed the number of processors."))

    # ---- steps
    def _files(self) -> MaskFiles:
        return MaskFiles(self._getExtraPath())

    def _tomogram(self, ts_id: str) -> Tomogram:
        return tomogram_of(self.inputTomograms.get(), ts_id)

    def _unmarked(self) -> list[str]:
        """The tomograms in which the user marked nothing."""
        own = self.userMasks.get()
        marked = set() if own is None else set(own.getTSIds())
        return sorted(set(self.inputTomograms.get().getTSIds()) - marked)

    def _insertAllSteps(self):
        inputs = [pointer for pointer in (self.inputTomograms, self.userMasks) if pointer.get() is not None]
        values = depends_on({"inputs": inputs}, {name: self.getAttributeValue(name) for name in PARAMS})
        prepared = self._insertFunctionStep(self.prepareStep, values, prerequisites=[], needsGPU=False)
        masked = [self._insertFunctionStep(self.maskStep, ts_id, values, prerequisites=[prepared], needsGPU=False)
                  for ts_id in sorted(self.inputTomograms.get().getTSIds())]
        self._insertFunctionStep(self.createOutputStep, values, prerequisites=masked, needsGPU=False)

    def prepareStep(self, _: str):
        """Empty the folder of an earlier run."""
        cleanPath(str(self._files().root))

    @tomogram_step
    def maskStep(self, tomogram: Tomogram):
        """Make the mask of one tomogram."""
        ts_id = tomogram.getTsId()
        link = link_tomogram(tomogram, self._files().tomogram(ts_id))
        user = "" if ts_id in self._unmarked() else link_mask(self.userMasks.get(), ts_id, self._files().user_mask(ts_id))
        arguments = commands.mask_arguments(
            link, self._files().output(ts_id), rate=self.inputTomograms.get().getSamplingRate(), bead=self.beadDiameter.get(),
            membrane_bad=self.membraneBad.get(), bright=self.bright.get(), user=user, threads=self.binThreads.get())
        self._runProgram(MASK_PROGRAM, arguments, job=f"mask_{ts_id}")

    def createOutputStep(self, _: str):
        """Register the masks of all tomograms."""
        tomograms = self.inputTomograms.get()
        ts_ids = [ts_id for ts_id in sorted(tomograms.getTSIds()) if not self._failed(ts_id)]
        if not ts_ids:
            raise RuntimeError(f"There is no mask. {self._failures()}")
        masks = SetOfTomoMasks.create(self._getPath(), template="tomomasks%s.sqlite")
        shares, notes = {}, {}
        for ts_id in ts_ids:
            path = self._files().mask(ts_id)
            with mrcfile.open(path, header_only=True) as file:
                voxel = float(file.voxel_size.x)
            if not masks.getSize():
                masks.setSamplingRate(voxel)
            mask = TomoMask()
            mask.setTsId(ts_id)
            mask.setSamplingRate(voxel)
            mask.setLocation(path)
            mask.setVolName(tomogram_of(tomograms, ts_id).getFileName())
            masks.append(mask)
            with open(self._files().shares(ts_id), encoding="utf-8", newline="") as table:
                row = next(csv.DictReader(table))
            notes[ts_id] = row.pop("notes")
            shares[ts_id] = {name: float(value) for name, value in row.items() if name != "tomo_id"}
        self._defineOutputs(**{MaskOutputs.tomoMasks.name: masks})
        self._defineSourceRelation(self.inputTomograms, masks)
        if self.userMasks.get() is not None:
            self._defineSourceRelation(self.userMasks, masks)
        with written_aside(self._files().summary) as aside:
            content = {"shares": shares, "failures": self._failureTexts(),
                       "notes": {ts_id: note for ts_id, note in notes.items() if note},
                       "unmarked": self._unmarked() if self.userMasks.get() is not None else []}
            Path(aside).write_text(json.dumps(content, indent=1), encoding="utf-8")

    # ---- information
    def _summary(self):
        path = Path(self._files().summary)
        if not path.exists() or not hasattr(self, MaskOutputs.tomoMasks.name):
            return unfinished_lines(self, {"prepareStep": "preparing the folder", "maskStep": "masking",
                                           "createOutputStep": "writing the masks"})
        content = json.loads(path.read_text(encoding="utf-8"))
        lines = [f"*{len(content['shares'])} masks* of {self.tomoMasks.getSamplingRate():.4g} Å/voxel; share of the volume:"]
        for ts_id, shares in list(content["shares"].items())[:MAX_TOMOGRAM_LINES]:
            there = ", ".join(f"{name} {share:.1%}" for name, share in shares.items() if share > 0)
            lines.append(f"- {ts_id}: {there}")
        if len(content["shares"]) > MAX_TOMOGRAM_LINES:
            lines.append(f"... and {len(content['shares']) - MAX_TOMOGRAM_LINES} tomograms more")
        lines += [f"*Note on {ts_id}* {note}" for ts_id, note in list(content.get("notes", {}).items())[:MAX_TOMOGRAM_LINES]]
        if unmarked := content.get("unmarked"):
            lines.append(f"Nothing is marked by you in {listed(unmarked)}.")
        return lines + [f"*Tomogram left out* {failure}" for failure in content["failures"]]

    def _warnings(self):
        unmarked = self._unmarked() if self.userMasks.get() is not None and self.inputTomograms.get() is not None else []
        return [f"*Your own masks* has none of {listed(unmarked)}; nothing is marked there."] if unmarked else []

    def _validate(self):
        errors = limit_errors(self, LIMITS)
        tomograms = self.inputTomograms.get()
        if not errors and tomograms is not None and self.beadDiameter.get() < tomograms.getSamplingRate():
            errors.append(f"*Diameter of gold beads (Å)* is {self.beadDiameter.get():g}, less than a voxel of "
                          f"{tomograms.getSamplingRate():g} Å; check the diameter.")
        if (tomograms is not None and self.userMasks.get() is not None
                and len(self._unmarked()) == len(tomograms.getTSIds())):
            errors.append("*Your own masks* has no mask of any of the tomograms; check that both are of the same tilt series.")
        return errors

    def _methods(self):
        if not hasattr(self, MaskOutputs.tomoMasks.name):
            return []
        return [f"Gold, membranes, carbon, ice and dirt were masked in {self.tomoMasks.getSize()} tomograms "
                f"at {self.tomoMasks.getSamplingRate():.4g} Å/voxel."]
