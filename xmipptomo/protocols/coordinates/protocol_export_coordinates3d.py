"""Scipion protocol: a set of coordinates as files of another package."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.object import String
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath, makePath
from tomo.protocols import ProtTomoBase

from tomo_particles.core.errors import listed
from tomo_particles.core.files import file_stem

from ...constants import CONVERT_PROGRAM, EXPORT_FILES, PACKAGES
from ...convert import tomogram_of
from ...files import ExportFiles
from ..shared.commands import export_arguments
from ..shared.program_steps import ProgramSteps
from ..shared.sets import link_tomogram, write_picking
from .copies import copy_files


class XmippProtExportCoordinates3D(ProgramSteps, EMProtocol, ProtTomoBase):
    """Writes a set of coordinates as files for other packages, with scores and orientations if the format can hold them.

    *Overview*

    Formats count coordinates differently: from the corner or from the centre, in voxels or in Å, from 0, 1 or 0.5. Each format is
    written by its own rules (docs/formats.md lists them), and every coordinate keeps its position in the tomogram.

    *Inputs*

    - A SetOfCoordinates3D: the accepted picks of a consensus, or of any picker.

    *Outputs*

    - Files in the folder extra/export of this run, and in the destination folder; the summary names them. Dynamo gets a table and
      a list of its tomograms. IMOD and copick get one file per tomogram.

    *Practical recommendations*

    - For RELION 5: the names of the tomograms in the star file (rlnTomoName) must be those that RELION uses. _Names of tomograms
    in the file_ changes them.
    - If a format must have an orientation, coordinates without one get zeros; the log says how many.
    - Positions are in voxels of the tomograms in which the set was picked: choose the right binning when you extract.
    """

    _label = "export coordinates 3D to packages"
    _devStatus = BETA
    _possibleOutputs = {}
    _optionFields = {"-i": "inputCoordinates", "--to": "fileFormat", "--class": "species", "--rename": "rename"}

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._copied = String()  # JSON, digests by path: kept by the project where the folder of the run is emptied

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputCoordinates", params.PointerParam, pointerClass="SetOfCoordinates3D", label="Coordinates",
                      important=True, help="What to export, for example the accepted picks of a deep consensus.")
        form.addParam("fileFormat", params.EnumParam, choices=[PACKAGES[name] for name in EXPORT_FILES], default=0,
                      label="Format",
                      help="The package that shall read the coordinates. RELION and STOPGAP get a star file, Dynamo a table. "
                           "IMOD, copick, napari and Chimera get one file per tomogram.")
        form.addParam("rename", params.StringParam, default="", label="Names of tomograms in the file (optional)",
                      help="The package must call the tomograms as the file does (RELION: rlnTomoName). Empty: the tilt-series "
                           "ids. _plain_: without what programs added, TS_01 for rec_TS_01 or TS_01_10.00Apx. Or pairs, "
                           "separated by blanks: _TS_01=tomo_1 TS_02=tomo_2_.")
        form.addParam("destination", params.FolderParam, default="", label="Destination folder (optional)",
                      help="A folder that gets a copy of the files. A file of this name that another program wrote there, or "
                           "that was changed since, is not replaced: it is an error. Empty: the files stay with the run.")
        form.addParam("species", params.StringParam, default="", expertLevel=params.LEVEL_ADVANCED, label="Classes (optional)",
                      help="Names of classes, separated by blanks. Only the coordinates of these classes are written. Empty: "
                           "all classes. A file for copick holds one class.")

    # ---- steps
    def _insertAllSteps(self):
        self._insertFunctionStep(self.exportStep, needsGPU=False)

    def _files(self) -> ExportFiles:
        return ExportFiles(self._getExtraPath())

    def exportStep(self):
        """One table of all coordinates, then the files of the package."""
        coordinates, files = self.inputCoordinates.get(), self._files()
        rate, ts_ids = coordinates.getSamplingRate(), sorted(coordinates.getTSIds())
        cleanPath(str(files.root))  # of an earlier run with another format
        makePath(files.folder_of_output)
        write_picking(files.coordinates, coordinates, ts_ids, rate)
        links = [link_tomogram(tomogram_of(coordinates.getPrecedents(), ts_id), files.tomogram(ts_id)) for ts_id in ts_ids]
        name = list(EXPORT_FILES)[self.fileFormat.get()]
        self._runProgram(CONVERT_PROGRAM, export_arguments(
            files.coordinates, files.output(EXPORT_FILES[name]), links, rate, format_name=name, rename=self._renamed(),
            species=self._text("species").split()), job="conversion")
        if self._text("destination"):
            copied = copy_files(files.folder_of_output, self._text("destination"), json.loads(self._copied.get("{}")))
            self._copied.set(json.dumps(copied))
            self._store(self._copied)

    def _renamed(self) -> list[str]:
        """The pairs of the form, with the names that the links of the tomograms have."""
        pairs = [word.partition("=") for word in self._text("rename").split()]
        return [f"{file_stem(ts_id)}={new}" if equals else ts_id for ts_id, equals, new in pairs]

    # ---- information
    def _validate(self):
        coordinates = self.inputCoordinates.get()
        if not coordinates.getSize():
            return ["*Coordinates* is empty; choose a set that has some."]
        errors = self._nameErrors()
        folder = self._text("destination")
        if folder and not os.path.isdir(folder):
            errors.append(f"*Destination folder*: {folder} is no folder; make it, or choose another.")
        return errors

    def _nameErrors(self) -> list[str]:
        words, ts_ids = self._text("rename").split(), self.inputCoordinates.get().getTSIds()
        if words == ["plain"]:
            return []
        if wrong := [word for word in words if not re.fullmatch("[^=]+=[^=]+", word)]:
            return [f"*Names of tomograms in the file*: expected plain, or pairs such as TS_01=tomo_1, received '{wrong[0]}'."]
        unknown = [ts_id for ts_id in (word.partition("=")[0] for word in words) if ts_id not in ts_ids]
        return [f"*Names of tomograms in the file*: there are no coordinates of '{unknown[0]}', only of "
                f"{listed(sorted(ts_ids))}."] if unknown else []

    def _summary(self):
        folder = Path(self._files().folder_of_output)
        written = sorted(folder.iterdir()) if self.isFinished() and folder.is_dir() else []
        if not written:
            return ["The files are not ready yet."]
        count = self.inputCoordinates.get().getSize()
        folder = self._text("destination")
        return [f"Coordinates of a set of *{count}* for {self.getEnumText('fileFormat')}:", *map(os.path.abspath, written),
                *([f"Copied to {folder}"] if folder else [])]

    def _methods(self):
        return [f"The coordinates were exported for {self.getEnumText('fileFormat')}."] if self.isFinished() else []
