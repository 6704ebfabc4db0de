"""Scipion protocol: a set of coordinates as files of another package."""

from __future__ import annotations

import os
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath, makePath
from tomo.protocols import ProtTomoBase

from ...constants import CONVERT_PROGRAM, EXPORT_FILES
from ...convert import tomogram_of
from ...files import ExportFiles
from ..shared.commands import export_arguments
from ..shared.program_steps import ProgramSteps
from ..shared.sets import link_tomogram, write_picking


class XmippProtExportCoordinates3D(ProgramSteps, EMProtocol, ProtTomoBase):
    """Writes a set of coordinates as files for other packages, with scores and orientations if the format can hold them.

    *Overview*

    Formats count coordinates differently: from the corner or from the centre, in voxels or in Å, from 0, 1 or 0.5. Each format is
    written by its own rules (docs/formats.md lists them), and every coordinate keeps its position in the tomogram.

    *Inputs*

    - A SetOfCoordinates3D: the accepted picks of a consensus, or of any picker.

    *Outputs*

    - Files in the folder extra/export of this run; the summary names them. Dynamo gets a table and a list of its tomograms. IMOD
      and copick get one file per tomogram.

    *Practical recommendations*

    - For RELION 5: the names of the tomograms in the star file (rlnTomoName) must be those that RELION uses.
    - If a format must have an orientation, coordinates without one get zeros; the log says how many.
    - Positions are in voxels of the tomograms in which the set was picked: choose the right binning when you extract.
    """

    _label = "export coordinates 3D to packages"
    _devStatus = BETA
    _possibleOutputs = {}
    _optionFields = {"-i": "inputCoordinates", "--to": "fileFormat", "--class": "species"}

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputCoordinates", params.PointerParam, pointerClass="SetOfCoordinates3D", label="Coordinates",
                      important=True, help="What to export, for example the accepted picks of a deep consensus.")
        form.addParam("fileFormat", params.EnumParam, choices=list(EXPORT_FILES), default=0, label="Format",
                      help="_relion5_, _relion3_: star file (RELION 4 reads the latter). _dynamo_: table. _imod_: models. "
                           "_copick_: picks in JSON. _csv_: table with a header. _xmd_: Xmipp metadata.")
        form.addParam("species", params.StringParam, default="", expertLevel=params.LEVEL_ADVANCED, label="Classes",
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
        name = self.getEnumText("fileFormat")
        self._runProgram(CONVERT_PROGRAM, export_arguments(
            files.coordinates, files.output(EXPORT_FILES[name]), links, rate, format_name=name,
            species=self.species.get().split()), job="conversion")

    # ---- information
    def _validate(self):
        coordinates = self.inputCoordinates.get()
        empty = coordinates is not None and not coordinates.getSize()
        return ["*Coordinates* is empty; choose a set that has some."] if empty else []

    def _summary(self):
        folder = Path(self._files().folder_of_output)
        written = sorted(folder.iterdir()) if self.isFinished() and folder.is_dir() else []
        if not written:
            return ["The files are not ready yet."]
        count = self.inputCoordinates.get().getSize()
        return [f"Coordinates of a set of *{count}* as {self.getEnumText('fileFormat')}:", *map(os.path.abspath, written)]

    def _methods(self):
        return [f"The coordinates were exported for {self.getEnumText('fileFormat')}."] if self.isFinished() else []
