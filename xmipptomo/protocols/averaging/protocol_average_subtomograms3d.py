"""Scipion protocol: the average of coordinates, their new places, and the resolution."""

from __future__ import annotations

import os
from enum import Enum

from pwem.objects import SetOfFSCs
from pyworkflow.object import Pointer
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath
from tomo.objects import AverageSubTomogram, SetOfCoordinates3D, SetOfSubTomograms, Tomogram

from tomo_particles.core.files import file_stem

from ...constants import AVERAGE_PROGRAM, EXTRACTION_PROGRAM, RESOLUTION_PROGRAM, SHIFT_ATTRIBUTE, STARTS
from ...convert import append_moved, picks_of_set, tomogram_of
from ..shared.program_steps import depends_on
from ..shared.progress import unfinished_lines
from ..shared.sets import write_picking, write_picks_table
from .base import AveragingProtocol, few_errors, few_warnings
from .commands import average_arguments, boxes_arguments, resolution_arguments
from .names import names_of_tomograms, rename_results
from .results import CURVES, Aligned, average_lines, average_of, fscs_of, read_aligned, resolution_lines
from .subtomograms import append_subtomograms

SUPPORTED, NOT_SUPPORTED = "supported", "not supported"


class AverageOutputs(Enum):
    """Outputs of the protocol. fscs only where there are halves, subtomograms only where they are asked for."""

    average = AverageSubTomogram
    coordinates = SetOfCoordinates3D
    subtomograms = SetOfSubTomograms
    fscs = SetOfFSCs


class XmippProtAverageSubtomograms3D(AveragingProtocol):
    """Aligns the particles at coordinates, averages them, and says how far the average can be trusted.

    *Overview*

    No reference is needed. The coordinates are divided into two halves, which are aligned separately. Each frequency of the
    average is divided by how often the tilt series saw it. The Fourier shell correlation (FSC) of the two halves gives the
    resolution. The alignment cuts boxes from the tomograms when it needs them.

    *Inputs*

    - A SetOfCoordinates3D of one kind of particle, with its tomograms: 40 or more, because fewer have no halves.
    - The diameter of the particle, and the tilt range of the tomograms.

    *Outputs*

    - average: bright, filtered by its FSC, with its two half maps (not filtered).
    - coordinates: the coordinates at their new places, on the centre of the particle, with their orientations. Everything else
    of them stays. They have the half (_half), the shift in Å (_shift) and the correlation with the reference (_ccc) besides.
    If the halves do not agree, places and orientations stay as they were, and _shift is 0.
    - subtomograms: the particles cut out at their new places, bright and normalised, with the tilt range of their tomogram and
    with the transformation that takes each onto the average. Protocols of other plugins refine or classify them further. There
    are none if the halves do not agree.
    - fscs: the FSC of the halves, without a mask, with the mask, and corrected for the mask.
    - In the folder extra/averaging/output: all maps, also the mask and what was seen of each frequency, tables, summary.json.
    - In the folder extra/averaging/resolution: the resolution by direction and at each voxel, as tables, map and report.html.
    The viewer shows them.

    *Practical recommendations*

    - Read the first line of the summary: it says whether the halves agree.
    - Look at the average. Two halves can agree and both be wrong. The FSC does not show a wrong hand, a wrong sign of the tilt
    angles or a wrong symmetry.
    - Start with the angles of the coordinates only if they are good: the FSC then counts only beyond the resolution of the
    template that gave the angles.
    - There is no correction of the CTF: detail beyond its first zero is wrong.
    - To refine at a finer sampling rate, extract subtomograms from the output coordinates and less binned tomograms.
    """

    _label = "average subtomograms 3D"
    _possibleOutputs = AverageOutputs
    _optionFields = {**AveragingProtocol._optionFields, "--picks": "inputCoordinates", "--start": "start",
                     "--weighByScore": "weighByScore", "--tomograms": "inputCoordinates"}

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputCoordinates", params.PointerParam, pointerClass="SetOfCoordinates3D", label="Coordinates",
                      important=True, help="Particles of one kind. Their tomograms are used at the sampling rate that they have; "
                                           "10 Å/voxel are enough for a resolution of 20 Å.")
        self._defineParticle(form)
        form.addParam("start", params.EnumParam, choices=["No angles", "Angles of the coordinates"], default=STARTS.index("free"),
                      display=params.EnumParam.DISPLAY_HLIST, label="Start from",
                      help="_No angles_: random angles; all rotations are searched.\n_Angles of the coordinates_: only small "
                           "rotations are searched, from the orientations of the coordinates. Both halves then share what gave "
                           "the angles.")
        form.addParam("weighByScore", params.BooleanParam, default=False, label="Weigh by score?",
                      help="Yes: each pick counts as much as its score, which must lie between 0 and 1, as that of the deep "
                           "consensus. No: all count alike.")
        form.addParam("extractSubtomograms", params.BooleanParam, default=True, label="Extract the subtomograms?",
                      help="Yes: the particles are also cut out at their new places, for protocols that take subtomograms. A "
                           "thousand boxes of 44 voxels need 0.3 GB of disk. If you change only this and continue the run, "
                           "nothing is aligned again.")
        form.addParallelSection(threads=2, mpi=0)

    def _inputSets(self) -> list[SetOfCoordinates3D]:
        return [self.inputCoordinates.get()] if self.inputCoordinates.get() is not None else []

    # ---- steps
    def _insertAllSteps(self):
        values = depends_on({"coordinates": [self.inputCoordinates]}, self._values(("start", "weighByScore")))
        asked = depends_on({}, {"averaged": values, "extracted": self.extractSubtomograms.get()})
        self._insertFunctionStep(self.averageStep, values, needsGPU=False)
        self._insertFunctionStep(self.resolutionStep, values, needsGPU=False)
        if self.extractSubtomograms:
            self._insertFunctionStep(self.extractStep, asked, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, asked, needsGPU=False)

    def averageStep(self, _: str):
        """Write the coordinates and run the program."""
        files, coordinates = self._files(), self.inputCoordinates.get()
        cleanPath(str(files.root))  # of an earlier run with other parameters
        options = self._options()
        write_picking(files.picks(), coordinates, coordinates.getTSIds(), coordinates.getSamplingRate())
        self._writeNotes([])
        self._runProgram(AVERAGE_PROGRAM, average_arguments(
            files.picks(), files.output, options, start=STARTS[self.start.get()], weigh_by_score=self.weighByScore.get()),
            job="average")
        rename_results(files, names_of_tomograms(files, list(self._tomograms())))

    def resolutionStep(self, _: str):
        """Measure the resolution by direction and at each voxel, if there are halves."""
        files = self._files()
        cleanPath(files.resolution)
        if os.path.exists(files.fsc):
            self._runProgram(RESOLUTION_PROGRAM, resolution_arguments(
                [files.map("half1"), files.map("half2")], files.map("mask"), files.map("coverage"), files.resolution,
                seed=self.randomSeed.get()), job="resolution")

    def extractStep(self, _: str):
        """Cut the particles of each tomogram out at their new places."""
        files, before = self._files(), self.inputCoordinates.get()
        box, rate = self._summaryContent()["box"], before.getSamplingRate()
        cleanPath(files.boxes)  # of an earlier result
        if not self._isTrusted():
            return
        for ts_id, tomogram in self._tomograms().items():
            write_picks_table(files.centres(ts_id), {ts_id: self._aligned(tomogram).picks}, box)
            self._runProgram(EXTRACTION_PROGRAM, boxes_arguments(
                files.tomogram(ts_id), files.centres(ts_id), files.boxes_of(ts_id), rate=rate, box=box,
                invert=not self.bright.get(), threads=self.numberOfThreads.get()), job=f"extraction_{file_stem(ts_id)}")

    def createOutputStep(self, _: str):
        """Register the average, its correlations, the coordinates at their new places, and what was cut out there."""
        files, summary = self._files(), self._summaryContent()
        halves = [files.map(name) for name in ("half1", "half2") if os.path.exists(files.map(name))]
        outputs = {AverageOutputs.average: average_of(files.map("average"), halves, summary["samplingRate"]),
                   AverageOutputs.coordinates: self._movedCoordinates()}
        found = fscs_of(files.fsc, dict(zip(CURVES, CURVES, strict=True))) if os.path.exists(files.fsc) else []
        if found or hasattr(self, AverageOutputs.fscs.name):  # Scipion keeps an output of before unless a new one replaces it
            outputs[AverageOutputs.fscs] = fscs = self._createSetOfFSCs()
            for fsc in found:
                fscs.append(fsc)
        self._defineOutputs(**{which.name: output for which, output in outputs.items()})
        if self._hasBoxes() or hasattr(self, AverageOutputs.subtomograms.name):
            outputs[AverageOutputs.subtomograms] = self._subtomograms(outputs[AverageOutputs.coordinates])
            self._defineOutputs(**{AverageOutputs.subtomograms.name: outputs[AverageOutputs.subtomograms]})
        for output in outputs.values():
            self._defineSourceRelation(self.inputCoordinates, output)

    def _movedCoordinates(self) -> SetOfCoordinates3D:
        """The coordinates that were averaged, where the alignment puts them if it is trusted, else where they were."""
        before = self.inputCoordinates.get()
        coordinates = self._createSetOfCoordinates3D(before._precedentsPointer)  # a pointer: a set alone is lost in workflows
        coordinates.setSamplingRate(before.getSamplingRate())
        coordinates.setBoxSize(before.getBoxSize())
        for ts_id in sorted(before.getTSIds()):
            tomogram = tomogram_of(before.getPrecedents(), ts_id)
            found = self._aligned(tomogram)
            append_moved(coordinates, before, tomogram, found.rows, found.picks if self._isTrusted() else None, found.attributes)
        return coordinates

    def _subtomograms(self, coordinates: SetOfCoordinates3D) -> SetOfSubTomograms:
        """What was cut out of each tomogram; nothing where it was not asked for, or the new places are not used."""
        subtomograms = self._createSetOfSubTomograms()
        subtomograms.setSamplingRate(coordinates.getSamplingRate())
        subtomograms.setCoordinates3D(Pointer(self, extended=AverageOutputs.coordinates.name))
        if self._hasBoxes():
            for ts_id, tomogram in self._tomograms().items():
                append_subtomograms(subtomograms, coordinates, tomogram, self._files().extracted(ts_id), self._tiltsOf(tomogram))
        return subtomograms

    def _hasBoxes(self) -> bool:
        """Whether particles were cut out: they were asked for, and the new places are used."""
        return self.extractSubtomograms.get() and self._isTrusted()

    def _isTrusted(self) -> bool:
        """Whether the new places and orientations are used."""
        return self._summaryContent()["verdict"] != NOT_SUPPORTED

    def _aligned(self, tomogram: Tomogram) -> Aligned:
        """What became of the coordinates of one tomogram; where the halves do not agree, they stay as they were."""
        before = self.inputCoordinates.get()
        picks = picks_of_set(before, tomogram, 1, before.getSamplingRate())
        found = read_aligned(self._files().aligned, file_stem(tomogram.getTsId()), picks)
        if self._isTrusted():
            return found
        return Aligned(found.rows, picks[found.rows], {**found.attributes, SHIFT_ATTRIBUTE: [0.0] * len(found.rows)})
    # ---- information
    def _setErrors(self) -> list[str]:
        return [f"*Coordinates*: {error}" for coordinates in self._inputSets() for error in few_errors(coordinates)]

    def _warnings(self):
        return [*super()._warnings(),
                *(f"*Coordinates*: {warning}" for coordinates in self._inputSets() for warning in few_warnings(coordinates))]

    def _summary(self):
        summary = self._summaryContent()
        if summary is None or not hasattr(self, AverageOutputs.average.name):
            return unfinished_lines(self, {"averageStep": "aligning and averaging", "resolutionStep": "measuring the resolution",
                                           "extractStep": "cutting the particles out", "createOutputStep": "writing the results"})
        resolution = resolution_lines(self._files().of_resolution("summary.json")) if self._isTrusted() else []
        return [*average_lines(summary), *resolution, *self._notes(summary), f"All maps and tables: {self._files().output}"]

    def _methods(self):
        summary = self._summaryContent()
        if summary is None or summary["verdict"] != SUPPORTED:
            return []
        start = "from a free start" if STARTS[self.start.get()] == "free" else "from the angles of the coordinates"
        return [f"{summary['picks']} particles of {self.diameter.get():g} Å were aligned {start} in two independent halves and "
                f"averaged, each frequency divided by how often the tilt series saw it (symmetry {self.symmetry.get()}). Fourier "
                f"shell correlation, corrected for the mask: {summary['resolution']['corrected']['0.143']} at 0.143."]
