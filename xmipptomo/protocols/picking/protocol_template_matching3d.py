"""Scipion protocol: template matching."""

from __future__ import annotations

from pathlib import Path

from pwem.objects import Volume
from pyworkflow.protocol import params
from tomo.objects import Tomogram

from ...constants import SELECTIONS, TEMPLATE_PROGRAM
from ...maps import names_of, volumes_of, write_map, write_maps
from ..shared import commands
from ..shared.form_checks import limit_errors
from .base import KEEP_NUMBER, TomogramPicker

VOLUMES = "Volume, SetOfVolumes, AverageSubTomogram, SetOfAverageSubTomograms"
LIMITS = {
    "tiltFirst": (-89, 89, True), "tiltLast": (-89, 89, True), "angularStep": (0, 90, True), "lowPass": (0, None, True),
    "defocus": (0, None, False), "voltage": (0, None, False), "sphericalAberration": (0, None, True),
    "amplitudeContrast": (0, 1, True), "boxSize": (0, None, True), "threshold": (-1, 0.99, True),
    "templateRate": (0, None, False),
}


class XmippProtTemplateMatching3D(TomogramPicker):
    """Finds particles that look like one of several templates in tomograms, with their orientation.

    *Overview*

    Each template is rotated to orientations that cover all rotations evenly. It gets the missing wedge of the tomogram and,
    optionally, the contrast transfer of the microscope and a low-pass filter. It is compared with every position of the tomogram
    by the locally normalised correlation. The score of a position is its best correlation over all orientations, from -1 to 1.
    The peaks of the score are the picks. Each pick has the orientation and the template that fitted best.

    *Inputs*

    - A SetOfTomograms.
    - One or more templates: volumes or averages, at any sampling rate, with the particle bright on a dark background, or one
    file. The name of a template (its label, else its file's name) becomes the class of its picks.
    - Optionally, a mask: the region in which template and tomogram are compared.

    *Outputs*

    - A SetOfCoordinates3D: every coordinate has its score, its orientation, the name of its template (_species) and the number
    of its template as group id, in the order of the input.

    *Practical recommendations*

    - Time grows with the number of orientations: 7000 at 13 degrees, 45000 at 7. Begin at 20 or 30 degrees on binned tomograms.
    - A template at 20 to 40 Å resolution is enough and biases less: use the low-pass filter.
    - Give the true tilt range: a template without the missing wedge correlates worse everywhere.
    - Several templates: with _All_ each template has its own picks, so one particle may have several picks. With _Filtered_ and
    about the true number of particles, each place belongs to one template only. The bigger template has priority, as in the SHREC
    benchmark.
    - Give also templates of objects that you do not want (membrane, gold beads): they take away false picks.
    - A tomogram that fails (missing file, no volume) is left out, and the summary names it. The others are processed.
    """

    _label = "template matching 3D"
    _program = TEMPLATE_PROGRAM
    _stepParams = ("templateFile", "templateRate", "diameters", "tiltFirst", "tiltLast", "angularStep", "lowPass", "doCtf",
                   "defocus", "voltage", "sphericalAberration", "amplitudeContrast", "select", "coarseFirst", "scoreMaps")
    _outputParams = ("boxSize",)
    _optionFields = {**TomogramPicker._optionFields, "--templates": "inputTemplates", "--templateMask": "mask",
                     "--diameter": "diameters",
                     "--tilts": "tiltFirst", "--angularstep": "angularStep", "--lowpass": "lowPass", "--defocus": "defocus",
                     "--voltage": "voltage", "--coarseFirst": "coarseFirst"}

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        self._defineTomograms(form)
        form.addParam("inputTemplates", params.MultiPointerParam, pointerClass=VOLUMES, label="Templates", important=True,
                      allowsNull=True, help="Densities of the particles, bright on dark, completely inside their box: volumes, "
                                            "averages, or sets of them. They are resampled to the sampling rate of the "
                                            "tomograms. Without any, give a _Template file_.")
        form.addParam("templateFile", params.FileParam, default="", label="Template file (optional)",
                      help="One more template, from a file: a map with the particle bright on dark, which need not be imported.")
        form.addParam("templateRate", params.FloatParam, default=10.0, condition="templateFile",
                      label="Sampling rate of the file (Å/voxel)", help="Of _Template file_.")
        self._defineRegions(form)
        form.addParam("mask", params.PointerParam, pointerClass="VolumeMask, Volume", allowsNull=True,
                      label="Mask of the templates (optional)", expertLevel=params.LEVEL_ADVANCED,
                      help="A spherical mask in the box of the templates: 1 where template and tomogram are compared, "
                           "0 elsewhere. Default: a ball of the particle diameter with a soft edge.")
        form.addParam("diameters", params.StringParam, default="", label="Diameters (Å, optional)",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="One diameter per template, in their order, or one for all. Picks of one template are at "
                           "least half of it apart. Empty: measured from the templates.")
        line = form.addLine("Tilt range (degrees)",
                            help="First and last angle of the tilt series; they define the missing wedge. The tilt axis is y.")
        line.addParam("tiltFirst", params.FloatParam, default=-60.0, label="First tilt")
        line.addParam("tiltLast", params.FloatParam, default=60.0, label="Last tilt")
        form.addParam("angularStep", params.FloatParam, default=0.0, label="Angular step (degrees)",
                      help="Angle between neighbouring orientations. 0: computed from resolution and diameter, between 7 and "
                           "20. A smaller step needs more orientations and more time, by the third power: 1900 at 20 degrees, "
                           "7000 at 13, 45000 at 7.")
        form.addParam("lowPass", params.FloatParam, default=0.0, label="Low-pass filter (Å)",
                      help="Finest resolution that is compared. 0: that of the voxels or of the CTF. A coarser resolution is "
                           "faster, because the search then runs on coarser voxels.")
        self._defineSelection(form, number=300, threshold=0.3, score=(
            "Locally normalised correlation, from -1 to 1. Particles have 0.2 to 0.5 in noisy tomograms. Run once with Automatic "
            "and look at the picks on slices (right click, analyse results). Lower the value if particles are missed, raise it "
            "if other things are picked."))
        form.addParam("select", params.EnumParam, choices=[name.capitalize() for name in SELECTIONS],
                      default=SELECTIONS.index("all"), display=params.EnumParam.DISPLAY_HLIST, label="Selection",
                      help="Only with several templates. N is the number of picks above.\n_All_: the picks of each template, "
                           "also where other templates have picks.\n_Thresholded_: the best N picks of each template (TM-T of "
                           "SHREC 2020).\n_Filtered_: the best N picks of each template, the biggest template first. A pick "
                           "that overlaps with a pick of a bigger template is left out (TM-F of SHREC 2020). N must then be "
                           "near the true number of particles; otherwise the biggest template takes the places of the others.")
        form.addParam("boxSize", params.FloatParam, default=0.0, label="Box size of the output (Å)",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="1.5 to 2 particle diameters are right for the consensus. 0: the box of the largest template.")
        form.addParam("scoreMaps", params.BooleanParam, default=False, label="Keep the score maps?",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="Yes: write the best score of every voxel, for each template, into picking/score_maps of the extra "
                           "folder. Each map is as large as its tomogram.")
        form.addParam("coarseFirst", params.BooleanParam, default=False, label="Coarse search first?",
                      condition="not scoreMaps",
                      help="Yes: every orientation is compared only where a search at a coarser resolution found something. For "
                           "large particles this is about five times faster and finds fewer other things, but may miss a few "
                           "crowded or weak particles. No: every orientation is compared at every voxel.")
        self._defineOptics(form)
        self._defineThreads(form)

    def _defineOptics(self, form: params.Form) -> None:
        form.addSection(label="Microscope")
        form.addParam("doCtf", params.BooleanParam, default=False, label="Consider the CTF?",
                      help="Yes: frequencies beyond the first zero of the contrast transfer function are left out, because they "
                           "have the wrong sign in tomograms without CTF correction.")
        form.addParam("defocus", params.FloatParam, default=3.0, condition="doCtf", label="Defocus (µm)",
                      help="Mean underfocus of the tilt series, as a positive number.")
        form.addParam("voltage", params.FloatParam, default=300.0, condition="doCtf", label="Voltage (kV)",
                      help="Acceleration voltage.")
        form.addParam("sphericalAberration", params.FloatParam, default=2.7, condition="doCtf", label="Spherical aberration (mm)",
                      help="Spherical aberration of the microscope.")
        form.addParam("amplitudeContrast", params.FloatParam, default=0.08, condition="doCtf", label="Amplitude contrast",
                      help="A fraction: 0.07 to 0.1 for ice.")

    # ---- what the steps need
    def _inputPointers(self) -> list:
        return [self.inputTomograms, *self.inputTemplates, self.mask, self.regionMasks]

    def _volumes(self) -> list[Volume]:
        volumes = list(volumes_of(pointer.get() for pointer in self.inputTemplates if pointer.get() is not None))
        if path := self._text("templateFile"):
            volumes.append(Volume(location=path))
            volumes[-1].setSamplingRate(self.templateRate.get())
        return volumes

    def _species(self) -> list[str]:
        return names_of(self._volumes())

    def _diameters(self) -> list[float]:
        return [float(word) for word in (self.diameters.get() or "").replace(",", " ").split()]

    def _prepare(self) -> None:
        write_maps(self._files().templates, self._volumes())
        if self.mask.get() is not None:
            write_map(self._files().mask, self.mask.get())

    def _arguments(self, tomogram: Tomogram, link: str, picks: str) -> commands.Arguments:
        files = self._files()
        optics = commands.Optics(self.defocus.get(), self.voltage.get(), self.sphericalAberration.get(),
                                 self.amplitudeContrast.get()) if self.doCtf else None
        options = commands.MatchingOptions(
            templates=[str(Path(files.templates) / f"{name}.mrc") for name in self._species()],
            mask=files.mask if self.mask.get() is not None else "", diameters=self._diameters(),
            tilts=(self.tiltFirst.get(), self.tiltLast.get()), angular_step=self.angularStep.get(), low_pass=self.lowPass.get(),
            optics=optics, select=SELECTIONS[self.select.get()], coarse_first=self.coarseFirst.get() and not self.scoreMaps)
        return commands.matching_arguments(link, picks, options, rate=self.inputTomograms.get().getSamplingRate(),
                                           selection=self._selection(), bright=self.bright.get(), threads=self.binThreads.get(),
                                           score_maps=files.score_maps if self.scoreMaps else "")

    def _boxAngstrom(self) -> float:
        return self.boxSize.get() or max(max(volume.getDim()) * volume.getSamplingRate() for volume in self._volumes())

    # ---- information
    def _validate(self):
        errors = limit_errors(self, LIMITS) + self._selectionErrors()
        if None not in (first := self.tiltFirst.get(), last := self.tiltLast.get()) and not first < last:
            errors.append(f"*Tilt range (degrees)*: the first tilt must be smaller than the last, received {first:g} and "
                          f"{last:g}.")
        volumes = self._volumes()
        if any(pointer.get() is None for pointer in self.inputTemplates):
            errors.append("*Templates* has an entry without data; remove it, or wait for its run.")
        if not volumes:
            errors.append("*Templates* cannot be EMPTY: choose at least one volume, or a *Template file*.")
        if (path := self._text("templateFile")) and not Path(path).is_file():
            return [*errors, f"*Template file* does not exist: {path}."]
        errors += [f"*Templates*: {volume.getFileName()} has no sampling rate; import it again with one."
                   for volume in volumes if not volume.getSamplingRate()]
        try:
            diameters = self._diameters()
        except ValueError:
            return [*errors, f"*Diameters (Å)* must be numbers, received '{self.diameters.get()}'."]
        if diameters and (min(diameters) <= 0 or len(diameters) not in (1, len(volumes))):
            errors.append(f"*Diameters (Å)* must be one positive number, or one for each of the {len(volumes)} templates, "
                          f"received '{self.diameters.get()}'.")
        return errors

    def _warnings(self):
        warnings = []
        if self.select.get() == SELECTIONS.index("filtered") and self.keep.get() != KEEP_NUMBER and len(self._volumes()) > 1:
            warnings.append("*Selection* Filtered without a number of picks: the biggest template takes every place where it "
                            "stands out of the noise. Give about the true number of particles, or choose All.")
        return warnings

    def _methods(self):
        if not hasattr(self, "coordinates"):
            return []
        step = f" turned every {self.angularStep.get():g} degrees" if self.angularStep.get() else ""
        return [f"{self.coordinates.getSize()} particles were found in {self.inputTomograms.get().getSize()} tomograms by "
                f"locally normalised cross-correlation [Roseman2003] with {len(self._species())} templates{step}, within the "
                f"missing wedge [Frangakis2002] of a tilt range from {self.tiltFirst.get():g} to {self.tiltLast.get():g} "
                "degrees."]

    def _citations(self):
        return ["Roseman2003", "Frangakis2002", "Gubins2020"]
