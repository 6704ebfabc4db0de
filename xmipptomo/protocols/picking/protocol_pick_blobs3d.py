"""Scipion protocol: picking of blobs of one size, without any reference."""

from __future__ import annotations

from pyworkflow.protocol import params
from tomo.objects import Tomogram

from ...constants import BLOB_METHODS, BLOB_PROGRAM
from ..shared import commands
from ..shared.form_checks import limit_errors
from .base import TomogramPicker

LIMITS = {"diameter": (0, None, False), "boxFactor": (1, None, True), "threshold": (0, None, False)}


class XmippProtPickBlobs3D(TomogramPicker):
    """Picks compact particles of about one diameter in tomograms, without a template.

    *Overview*

    A filter enhances compact objects of the given diameter that are darker than their surroundings. The peaks of the filtered
    tomogram are the picks. They are at least half a diameter apart, and their height is their score. The picker uses only the
    size of the particle. It is the fastest way to a first overview of a tomogram. Its errors differ from those of template
    matching and of neural networks, so it is useful in a consensus.

    *Inputs*

    - A SetOfTomograms.
    - The diameter of the particle in Å.

    *Outputs*

    - A SetOfCoordinates3D with the score of each pick. Orientations are unknown.

    *Practical recommendations*

    - Give the diameter of the compact body of the particle. For a long particle give the shorter diameter.
    - Picking is fast if the diameter is 8 to 20 voxels. Bin the tomograms for large particles.
    - Gold beads are the strongest blobs. Erase them before, mask them (_mask tomograms 3D_), or give them as negative references
    to the consensus.
    - Begin with twice as many picks as you expect particles. Look at them on slices (right click, analyse results), and set
    a threshold if you want fewer.
    - A tomogram that fails (missing file, no volume) is left out, and the summary names it. The others are processed.
    """

    _label = "pick blobs 3D"
    _program = BLOB_PROGRAM
    _stepParams = ("diameter", "method")
    _optionFields = {**TomogramPicker._optionFields, "--diameter": "diameter", "--method": "method"}
    _outputParams = ("boxFactor",)

    def _defineParams(self, form):
        form.addSection(label="Input")
        self._defineTomograms(form)
        form.addParam("diameter", params.FloatParam, default=150.0, label="Particle diameter (Å)", important=True,
                      help="Diameter of the compact body of the particle. Picks are at least half of it apart.")
        form.addParam("method", params.EnumParam, choices=["Laplacian of Gaussian", "Difference of Gaussians"], default=0,
                      display=params.EnumParam.DISPLAY_HLIST, label="Filter",
                      help="Two filters that detect blobs of the given diameter. They differ little.")
        self._defineRegions(form)
        self._defineSelection(form, number=500, threshold=5.0, score=(
            "Filter response at the pick, in robust standard deviations of the response in the tomogram. Noise seldom exceeds "
            "4. Run once with Automatic and look at the picks on slices (right click, analyse results). Lower the value if "
            "particles are missed, raise it if noise is picked."))
        form.addParam("boxFactor", params.FloatParam, default=1.6, label="Box size (diameters)",
                      expertLevel=params.LEVEL_ADVANCED,
                      help="Box size of the output: 1.5 to 2 particle diameters are right for the consensus.")
        self._defineThreads(form)

    def _arguments(self, tomogram: Tomogram, link: str, picks: str) -> commands.Arguments:
        return commands.blob_arguments(link, picks, rate=self.inputTomograms.get().getSamplingRate(),
        diameter=self.diameter.get(),
                                       method=BLOB_METHODS[self.method.get()], selection=self._selection(),
                                       bright=self.bright.get(), threads=self.binThreads.get())

    def _boxAngstrom(self) -> float:
        return self.boxFactor.get() * self.diameter.get()

    def _validate(self):
        errors = limit_errors(self, LIMITS) + self._selectionErrors()
        tomograms = self.inputTomograms.get()
        if not errors and tomograms is not None and self.diameter.get() < 3 * tomograms.getSamplingRate():
            errors.append(f"*Particle diameter (Å)* is {self.diameter.get():g}, less than 3 voxels of "
                          f"{tomograms.getSamplingRate():g} Å: such a particle cannot be seen; check the diameter or use "
                          "tomograms that are binned less.")
        return errors

    def _methods(self):
        if not hasattr(self, "coordinates"):
            return []
        return [f"{self.coordinates.getSize()} particles were picked in {self.inputTomograms.get().getSize()} tomograms as "
                f"peaks of the {self.getEnumText('method')} for a diameter of {self.diameter.get():g} Å [Lindeberg1998]."]

    def _citations(self):
        return ["Lindeberg1998"]
