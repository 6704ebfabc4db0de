"""Scipion protocol: sets of coordinates compared by their averages."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

from pwem.objects import SetOfFSCs
from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath
from tomo.objects import SetOfAverageSubTomograms, SetOfCoordinates3D

from tomo_particles.core.files import written_aside

from ...constants import BRANCHES_PROGRAM, RESERVED_BRANCHES
from ...convert import name_of
from ..shared.checked_form import field_name
from ..shared.program_steps import depends_on, in_terms_of_the_form
from ..shared.progress import unfinished_lines
from ..shared.sets import write_picking
from .base import AveragingProtocol, few_errors, few_warnings
from .commands import branches_arguments
from .names import names_of_tomograms, rename_results
from .results import average_of, branch_lines, fscs_of

SETTINGS = {  # on the page: options that no single field of the form sets
    "--tomograms": "Tomograms", "--tilts": "First and last tilt (degrees)", "--iter": "Rounds of a free start at most",
    "--starts": "Random starts of each half", "--tomogramSamplingrate": "Sampling rate of the tomograms (Å/voxel)",
    "--threads": "Threads",
}


class BranchOutputs(Enum):
    """Outputs of the protocol, an item per set and one for noise. fscs only where a set has halves."""

    averages = SetOfAverageSubTomograms
    fscs = SetOfFSCs


class XmippProtCompareBranches3D(AveragingProtocol):
    """Compares sets of coordinates by their averages: which picks give the better average?

    *Overview*

    Each set (branch) is aligned by itself, from a free start and in two independent halves, as by _average subtomograms 3D: once
    with all of its picks, and three times with as many picks as the smallest set of 40 or more has. Random places away from all
    picks are a branch as well, called noise: they show what picks of nothing give.

    *Inputs*

    - One or more sets of coordinates of the same tomograms: pickers, consensus runs, a set picked by hand. The tomograms of the
    first set are used. Coordinates of other sets are brought to their sampling rate. What lies in other tomograms is left out.
    - The diameter of the particle, and the tilt range of the tomograms.

    *Outputs*

    - averages: the average of each branch with its half maps, in one frame, in the order of the table.
    - fscs: the Fourier shell correlation (FSC) of each branch, with all of its picks, corrected for the mask.
    - The summary: resolution by FSC, by direction (FSO) and local, at equal numbers of picks and with all picks.
    - The page extra/averaging/output/report.html: maps side by side at one grey scale, curves and tables.

    *Practical recommendations*

    - Look at the maps. False picks can agree among themselves: the FSC alone is no verdict.
    - Compare at equal numbers of picks. More picks give a finer resolution, better or not.
    - A branch that is not better than noise shows nothing.
    - Each branch is averaged four times: begin with binned tomograms.
    """

    _label = "compare branches 3D"
    _possibleOutputs = BranchOutputs
    _optionFields = {**AveragingProtocol._optionFields, "--branches": "inputBranches", "--tomograms": "inputBranches",
                     "--sharedPoses": "sharedPoses", "--bright": "bright"}

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputBranches", params.MultiPointerParam, pointerClass="SetOfCoordinates3D",
                      label="Coordinates to compare", important=True,
                      help="One or more sets. The tomograms of the first one are used. Tomograms are recognised by their "
                           "tilt-series id.")
        self._defineParticle(form)
        form.addParam("sharedPoses", params.BooleanParam, default=False, label="Align all together?",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="Yes: align the picks of all sets once. This is quick, but false picks take the shape of the shared "
                           "reference, so that every resolution is too good; the report is marked.")
        form.addParallelSection(threads=2, mpi=0)

    def _inputSets(self) -> list[SetOfCoordinates3D]:
        return [pointer.get() for pointer in self.inputBranches if pointer.get() is not None]

    def _names(self) -> list[str]:
        """A name for each set, all different: the label of the run that made it."""
        names = [name_of(pointer).replace("=", "-").strip() for pointer in self.inputBranches if pointer.get() is not None]
        return [name if names.count(name) == 1 and name not in RESERVED_BRANCHES else f"{number}: {name}"
                for number, name in enumerate(names, start=1)]

    # ---- steps
    def _insertAllSteps(self):
        values = depends_on({"branches": self.inputBranches}, {**self._values(("sharedPoses",)), "names": self._names()})
        self._insertFunctionStep(self.compareStep, values, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, values, needsGPU=False)

    def compareStep(self, _: str):
        """Write every set in voxels of the tomograms of the first one, and run the program."""
        files, tomograms = self._files(), self._tomograms()
        cleanPath(str(files.root))  # of an earlier run with other parameters
        options, branches, notes = self._options(), {}, []
        for number, (name, coordinates) in enumerate(zip(self._names(), self._inputSets(), strict=True), start=1):
            branches[name] = files.picks(number)
            write_picking(branches[name], coordinates, tomograms, options.rate)
            if lost := set(coordinates.getTSIds()) - set(tomograms):
                notes.append(f"{name}: {len(lost)} of its tomograms are not among those of the first set; their picks are left "
                             "out.")
        self._writeNotes(notes)
        self._runProgram(BRANCHES_PROGRAM, branches_arguments(branches, files.output, options,
                                                              shared_poses=self.sharedPoses.get()), job="comparison")
        self._nameSettings()
        of_sets = {said: name for name, path in branches.items() for said in (f"{name}={path}", path)}
        rename_results(files, {**names_of_tomograms(files, list(tomograms)), **of_sets})

    def _nameSettings(self) -> None:
        """The settings on the page by the labels of the form: the program writes the names of its options."""
        labels = {option: field_name(self.getParam(name)) for option, name in self._optionFields.items()}
        labels |= SETTINGS
        page = Path(self._files().report)
        text = in_terms_of_the_form(page.read_text(encoding="utf-8").replace(' class="option"', ""), labels)
        with written_aside(page) as aside:
            aside.write_text(text, encoding="utf-8")

    def createOutputStep(self, _: str):
        """Register the average and the correlation of each branch."""
        files, rate = self._files(), self._inputSets()[0].getSamplingRate()
        averages, fscs = self._createSetOfAverageSubTomograms(), self._createSetOfFSCs()
        averages.setSamplingRate(rate)
        for name in self._summaryContent()["order"]:
            halves = [path for path in (files.branch(name, f"half{half}.mrc") for half in (1, 2)) if os.path.exists(path)]
            averages.append(average_of(files.branch(name, "average.mrc"), halves, rate, name))
            if halves:
                for fsc in fscs_of(files.branch(name, "fsc.csv"), {"corrected": name}):
                    fscs.append(fsc)
        outputs = {BranchOutputs.averages: averages}
        if fscs.getSize() or hasattr(self, BranchOutputs.fscs.name):  # Scipion keeps an output of before unless one replaces it
            outputs[BranchOutputs.fscs] = fscs
        self._defineOutputs(**{which.name: output for which, output in outputs.items()})
        for output in outputs.values():
            for pointer in self.inputBranches:
                self._defineSourceRelation(pointer, output)

    # ---- information
    def _setErrors(self) -> list[str]:
        sets = self._inputSets()
        if not sets:
            return ["*Coordinates to compare* cannot be EMPTY: choose at least one set."]
        errors = [f"*Coordinates to compare*, set {number}: {error}" for number, coordinates in enumerate(sets, start=1)
                  for error in few_errors(coordinates)]
        if errors:
            return errors
        known = set(sets[0].getPrecedents().getTSIds())
        return [f"*Coordinates to compare*, set {number}: it has no tomogram in common with those of the first set (it has "
                f"{', '.join(sorted(coordinates.getTSIds())[:3])}, the first {', '.join(sorted(known)[:3])})."
                for number, coordinates in enumerate(sets, start=1) if not known & set(coordinates.getTSIds())]

    def _warnings(self):
        return [*super()._warnings(), *(f"*Coordinates to compare*, set {number}: {warning}" for number, coordinates in
                                        enumerate(self._inputSets(), start=1) for warning in few_warnings(coordinates))]

    def _summary(self):
        summary = self._summaryContent()
        if summary is None or not hasattr(self, BranchOutputs.averages.name):
            return unfinished_lines(self, {"compareStep": "averaging each set", "createOutputStep": "writing the results"})
        shared = ["*All were aligned together*: every resolution is too good."] if summary["sharedPoses"] else []
        return [*shared, *branch_lines(summary), *self._notes(summary), f"Maps side by side: {self._files().report}"]

    def _methods(self):
        summary = self._summaryContent()
        if summary is None:
            return []
        return [f"{len(self._inputSets())} sets of coordinates and as many random places were averaged, each from its own free "
                "start and in two independent halves, at equal numbers of picks, and compared by the Fourier shell correlation "
                "of their halves."]
