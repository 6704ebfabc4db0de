"""Scipion protocol: coordinates of any picker, from its own files, as a set of coordinates."""

from __future__ import annotations

import glob
import json
import os
import re
from dataclasses import replace
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from tomo.objects import SetOfCoordinates3D
from tomo.protocols import ProtTomoBase

from tomo_particles.core.files import file_stem, written_aside

from ...constants import CONVERT_PROGRAM, IMPORT_FORMATS, PACKAGES, SPECIES_ATTRIBUTE
from ...convert import append_picks, even_box_size, read_pickings, tomogram_of
from ...files import ImportFiles
from ..shared.commands import ImportOptions, import_arguments
from ..shared.form_checks import limit_errors
from ..shared.program_steps import Arguments, ProgramSteps
from ..shared.sets import MAX_TOMOGRAM_LINES, link_tomogram

LIMITS = {"boxSize": (0, None, False), "samplingRate": (0, None, True)}


class ImportOutputs(Enum):
    """Output of the protocol."""

    coordinates = SetOfCoordinates3D


class XmippProtImportCoordinates3D(ProgramSteps, EMProtocol, ProtTomoBase):
    """Imports the coordinates that pickers wrote, with their scores and orientations, whatever the format of the files.

    *Overview*

    Pickers and averaging packages count coordinates differently: from the corner or from the centre, in voxels or in Å, from 0, 1
    or 0.5, at different binnings. Each format is read by its own rules (docs/formats.md lists them), and every pick keeps its
    position in the tomogram.

    *Inputs*

    - A SetOfTomograms: the tomograms of the coordinates. They may have another binning than the tomograms that were picked.
    - Files: crYOLO .cbox and .coords, TomoTwin, RELION 3, 4 and 5 .star, pytom-match-pick .star, DeepFinder .xml, Membranorama
      .xml, EMAN2 .json, Dynamo .tbl, IMOD .mod, copick .json, CryoET Data Portal .ndjson, motive lists .em, STOPGAP and M .star,
      PEET .csv with its model, PyTom .xml, pyTME .tsv, napari .csv, Chimera .cmm, CZII submissions, CSV, TXT, XMD.

    *Outputs*

    - A SetOfCoordinates3D with scores, orientations, group ids and classes, as far as the files have them.
    - The summary says what was unusual about files and tomograms, and where the coordinates of each tomogram lie. It warns if
      they lie where another unit, another origin or another order of the axes would put them.

    *Practical recommendations*

    - The consensus will use this box size too: choose 1.5 to 2 particle diameters.
    - A consensus works on one kind of particle. If the files have several classes, name one of them in _Classes_.
    - Some files, such as those of crYOLO, do not name their tomogram. Give such a file the name of its tomogram.
    - If the names differ (TS_01 and 20230101_A_01), say in _Names of tomograms_ which belong together. A name that fits two
      tomograms is an error.
    - Give the sampling rate of the coordinates if the file does not contain it and it is not that of the tomograms. An example
      are RELION 3 files in unbinned voxels.
    - Files of TomoTwin that end in .tloc are Python pickles. A pickle can run any program when it is opened, so they are refused.
    """

    _label = "import coordinates 3D from pickers"
    _devStatus = BETA
    _possibleOutputs = ImportOutputs
    _optionFields = {"-i": "filesPath", "--tomograms": "inputTomograms", "--from": "fileFormat", "--samplingrate": "samplingRate",
                     "--unit": "angstrom",
                     "--names": "names", "--class": "species", "--subset": "subset", "--dropOutside": "dropOutside"}

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputTomograms", params.PointerParam, pointerClass="SetOfTomograms", label="Tomograms", important=True,
                      help="The tomograms that the coordinates belong to, at any binning.")
        form.addParam("filesPath", params.PathParam, label="File or folder", important=True,
                      help="The file of one picker, or its folder if it wrote one file per tomogram.")
        form.addParam("pickerName", params.StringParam, default="", label="Picker name (optional)",
                      help="What the run, the report, the figures and the attribute __pickers_ of a consensus call these "
                           "coordinates. Empty: the name of the run, if you gave it one, else that of the file or folder.")
        form.addParam("filesPattern", params.StringParam, default="", label="Pattern (optional)",
                      help="Which files of the folder to read, for example _*.cbox_. Empty: all files that are coordinates by "
                           "extension and content. A folder with files of several formats needs a pattern.")
        form.addParam("fileFormat", params.EnumParam, choices=["Automatic", *PACKAGES.values()], default=0, label="Format",
                      help="_Automatic_: by content and extension. If a file fits several formats, choose one here.")
        form.addParam("boxSize", params.FloatParam, default=20, label="Box size (voxels)", allowsPointers=True,
                      help="Box size in voxels of the tomograms, rounded to an even number. The consensus cuts boxes of this "
                           "size: 1.5 to 2 particle diameters are right. The coordinates themselves do not depend on it.")
        form.addParam("species", params.StringParam, default="", label="Classes (optional)",
                      help="Names of classes in the files, separated by blanks. Only the coordinates of these classes are "
                           "imported, because a consensus works on one kind of particle. Empty: all classes. If a name is not "
                           "in the files, the error message lists the names that are.")
        form.addParam("samplingRate", params.FloatParam, default=0, label="Sampling rate of the coordinates (Å/voxel)",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="Needed only if the coordinates are in voxels of another size than those of the tomograms and the "
                           "file does not contain this size. 0: as in the file, otherwise that of the tomograms.")
        form.addParam("angstrom", params.BooleanParam, default=False, expertLevel=params.LEVEL_ADVANCED,
                      label="Coordinates in Å?",
                      help="Yes: the numbers of CSV, .coords, .txt and uncentred star files are Å from the centre of the first "
                           "voxel, as in copick and the CryoET Data Portal. No: they are voxels. Other formats say their unit.")
        form.addParam("names", params.StringParam, default="", expertLevel=params.LEVEL_ADVANCED,
                      label="Names of tomograms (optional)",
                      help="Pairs of the name in the file and the name of the tomogram, separated by blanks: _1=TS_01 2=TS_02_. "
                           "A star on both sides of a pair stands for what is the same in all names. Or a text file with one "
                           "number and one path of a tomogram per line, such as Dynamo's .doc.")
        form.addParam("subset", params.BooleanParam, default=False, expertLevel=params.LEVEL_ADVANCED,
                      label="Leave out other tomograms?",
                      help="Yes: coordinates of tomograms that are not in the set are left out. No: they are an error, so that "
                           "no coordinates are lost only because a name differs.")
        form.addParam("dropOutside", params.BooleanParam, default=False, expertLevel=params.LEVEL_ADVANCED,
                      label="Leave out what lies outside?",
                      help="No: coordinates outside their tomogram are an error, because they usually mean that the sampling "
                           "rate or the axes are wrong. Yes: they are left out.")

    # ---- steps
    def _insertAllSteps(self):
        self._insertFunctionStep(self.convertStep, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, needsGPU=False)

    def _files(self) -> ImportFiles:
        return ImportFiles(self._getExtraPath())

    def _paths(self) -> list[str]:
        path, pattern = self._text("filesPath"), self._text("filesPattern")
        return sorted(glob.glob(os.path.join(glob.escape(path), pattern))) if pattern else [path]

    def _names(self) -> list[str]:
        """The options of the form, and the file names of tomograms whose names differ from those of their tilt series."""
        tomograms = self.inputTomograms.get()
        ts_ids = set(tomograms.getTSIds())
        by_stem: dict[str, list[str]] = {}
        for tomogram in tomograms.iterItems():
            by_stem.setdefault(Path(tomogram.getFileName().partition(":")[0]).stem, []).append(file_stem(tomogram.getTsId()))
        own = [f"{stem}={links[0]}" for stem, links in by_stem.items()
               if len(links) == 1 and stem not in ts_ids and "=" not in stem]
        own += [f"{ts_id}={file_stem(ts_id)}" for ts_id in sorted(ts_ids) if file_stem(ts_id) != ts_id and "=" not in ts_id]
        told = [word.partition("=") for word in self._text("names").split()]
        return own + [f"{name}{equals}{file_stem(ts_id) if equals and '*' not in ts_id else ts_id}"
                      for name, equals, ts_id in told]

    def convertStep(self):
        """The files as one XMD in voxels of the tomograms."""
        self._runProgram(CONVERT_PROGRAM, self._arguments(self._files()), job="conversion")

    def _arguments(self, files: ImportFiles) -> Arguments:
        """Of the program that reads the coordinates, with links to the tomograms."""
        tomograms = self.inputTomograms.get()
        links = [link_tomogram(tomogram_of(tomograms, ts_id), files.tomogram(ts_id)) for ts_id in sorted(tomograms.getTSIds())]
        options = ImportOptions(
            format=IMPORT_FORMATS[self.fileFormat.get() - 1] if self.fileFormat.get() else "", rate=self.samplingRate.get(),
            names=self._names(), subset=self.subset.get(), drop_outside=self.dropOutside.get(),
            species=self._text("species").split(), angstrom=self.angstrom.get())
        return import_arguments(self._paths(), files.coordinates, files.notes, links, tomograms.getSamplingRate(), options)

    # ---- its name
    def getObjLabel(self) -> str:
        """The name of the run: the picker's, until the user gives another. Scipion calls every import the same."""
        label = super().getObjLabel()
        usual = not label or re.fullmatch(rf"{re.escape(self.getClassLabel())}( \(\d+\))?", label)
        return (self._pickerName() or label) if usual else label

    def _pickerName(self) -> str:
        """As the form says; else that of the file or folder."""
        return self._text("pickerName") or Path(self._text("filesPath")).stem

    def createOutputStep(self):
        """Register the coordinates of all tomograms."""
        tomograms = self.inputTomograms.get()
        rate = tomograms.getSamplingRate()
        found = read_pickings(self._files().coordinates, rate)
        of_tomogram = {file_stem(ts_id): ts_id for ts_id in tomograms.getTSIds()}
        coordinates = self._createSetOfCoordinates3D(self.inputTomograms)  # a pointer: a set alone is lost in workflows
        coordinates.setSamplingRate(rate)
        coordinates.setBoxSize(even_box_size(self.boxSize.get() * rate, rate))
        has_species = any(any(picks.species) for picks in found.values())
        counts: dict[str, int] = {}
        for stem, picks in found.items():
            attributes = {SPECIES_ATTRIBUTE: list(picks.species)} if has_species else None
            tomogram, own = tomogram_of(tomograms, of_tomogram[stem]), replace(picks, tomo_id=of_tomogram[stem])
            append_picks(coordinates, tomogram, own, attributes=attributes)
            counts[of_tomogram[stem]] = len(own)
        self._defineOutputs(**{ImportOutputs.coordinates.name: coordinates})
        self._defineSourceRelation(self.inputTomograms, coordinates)
        with written_aside(self._files().summary) as aside:
            aside.write_text(json.dumps(counts), encoding="utf-8")

    # ---- information
    def _validate(self):
        errors = limit_errors(self, LIMITS)
        paths = self._paths()
        if not paths:
            errors.append(f"*Pattern*: no file in {self._text('filesPath')} is called {self._text('filesPattern')}; correct it.")
        elif not os.path.exists(paths[0]):
            errors.append(f"*File or folder*: {paths[0]} does not exist; choose what the picker wrote." if paths[0] else
                          "*File or folder* cannot be EMPTY: choose what the picker wrote.")
        return errors or ([] if self.isActive() else self._refusal())  # a run that has started reads the files itself

    def _refusal(self) -> list[str]:
        """Why the program refuses these files for these tomograms; nothing where it takes them, or looks for longer."""
        with TemporaryDirectory() as folder:
            return self._refusalOf(CONVERT_PROGRAM, lambda: self._arguments(ImportFiles(folder)))

    def _summary(self):
        path = Path(self._files().summary)
        if not path.exists() or not hasattr(self, ImportOutputs.coordinates.name):
            return ["The coordinates are not ready yet."]
        counts = json.loads(path.read_text(encoding="utf-8"))
        paths = self._paths()
        n = len(counts)
        source = f"the {'folder' if os.path.isdir(paths[0]) else 'file'} {paths[0]}" if len(paths) == 1 else (
            f"{len(paths)} files {os.path.join(self._text('filesPath'), self._text('filesPattern'))}")
        said = Path(self._files().notes).read_text(encoding="utf-8").splitlines()  # as in the terminal, warnings first
        said.sort(key=lambda line: "warning:" not in line)
        lines = [f"*{sum(counts.values())} coordinates* in {n} tomogram{'s' * (n != 1)}, from {source}"]
        lines += said[:MAX_TOMOGRAM_LINES]
        more = len(said) - MAX_TOMOGRAM_LINES
        return lines + [f"... and {more} lines more in {self._files().notes}"] * (more > 0)

    def _methods(self):
        if not hasattr(self, ImportOutputs.coordinates.name):
            return []
        return [f"{self.coordinates.getSize()} coordinates were imported."]
