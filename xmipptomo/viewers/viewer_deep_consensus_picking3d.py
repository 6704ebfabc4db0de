"""Viewer of a deep consensus: its figures, its report, and its coordinates in Scipion's own viewers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View

from tomo_particles.core.errors import InputError

from ..constants import CURATE_PROGRAM
from ..files import RunFiles
from ..protocols import XmippProtDeepConsensusPicking3D
from .browser import PATIENCE, open_page
from .curation_view import CurationView
from .figure_window import FigureWindow
from .viewer_coordinates3d import show_elsewhere

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tomo_particles.runs.results import RunResults

# Parameter of the viewer: function of run_figures, title, help. First what is of the run, then what is of one tomogram.
RUN_FIGURES = {
    "showScores": ("scores_figure", "Scores", "Histograms of all scores: by label, and by the number of pickers."),
    "showThreshold": (
        "threshold_figure",
        "Expected precision and recall",
        "What each threshold promises, from the scores themselves. To set it: the wizard beside the threshold in the "
        "form of the protocol; then Continue, nothing is trained again.",
    ),
    "showCounts": ("counts_figure", "Expected number of particles", "How many particles the scores promise, best picks first."),
    "showVotes": ("votes_figure", "Who saw what", "How many merged picks each combination of pickers saw (UpSet plot)."),
    "showPickers": ("pickers_figure", "Reliability of the pickers", "Estimated precision and recall of each picker."),
    "showTraining": ("training_figure", "Training curves", "Loss and accuracy of each network, epoch by epoch."),
}
TOMOGRAM_FIGURES = {
    "showGallery": ("gallery_figure", "Gallery of boxes", "Central slices: the best, the doubtful and rejected picks."),
    "showSlices": ("slices_figure", "Picks on slices", "Accepted and rejected picks on three slices of the tomogram."),
    "showPlaces": ("places_figure", "Picks in space", "Accepted picks coloured by score, rejected ones grey."),
}
# Parameter of the viewer: beginning of the names of outputs, title, which these are.
OUTPUTS = {
    "showOutput": ("coordinates", "Accepted coordinates in another viewer", "accepted coordinates"),
    "showScored": ("scoredCoordinates", "All scored coordinates in another viewer", "coordinates, accepted or not,"),
}
TRUTH = "Known particles"
CURATE_HELP = ("Shows the picks from which the run learns most, one by one: press y for a particle, n for none. Thirty answers "
               "help most with small particles. The slice beside it has all picks: click on one to accept or reject it, or "
               "elsewhere to add a particle. Every answer is saved at once, with your name. Then choose Continue: the run learns "
               "from the answers in seconds, and nothing is extracted or trained again.")


class DeepConsensusPicking3DViewer(ProtocolViewer):
    """Opens from _analyse results_ of a finished deep consensus."""

    _label = "viewer of a deep consensus"
    _targets = [XmippProtDeepConsensusPicking3D]
    _environments = [DESKTOP_TKINTER]

    def _defineParams(self, form):
        form.addSection(label="Deep consensus")
        form.addParam(
            "showReport", params.LabelParam, default=True, label="Report", help="The whole run on one page, in the browser."
        )
        form.addParam("showCurate", params.LabelParam, label="Curate: is this a particle?", help=CURATE_HELP)
        for name, (_, label, text) in RUN_FIGURES.items():
            form.addParam(name, params.LabelParam, label=label, help=text)
        form.addParam(
            "truth",
            params.FileParam,
            label=TRUTH,
            help="A file with _every_ particle of one or more of the tomograms, picked by hand for example, in any format that "
            "the import takes and named after the tomograms; in voxels of the tomograms that the run read, unless the file says "
            "of which. For the calibration below; other tomograms are left out.",
        )
        form.addParam(
            "showCalibration",
            params.LabelParam,
            label="Calibration by known particles",
            help="Of the picks with each score, how many are particles: whether the scores can be believed. Measured in the "
            "tomograms of the file above, with precision and recall; a pick within 0.35 of the box of a particle is right.",
        )
        names = self._tomograms() or ["none"]
        form.addParam("tomogram", params.EnumParam, choices=names, default=0, label="Tomogram", help="Whose picks to show below.")
        for name, (_, label, text) in TOMOGRAM_FIGURES.items():
            form.addParam(name, params.LabelParam, label=label, help=text)
        form.addParam("showNapari", params.LabelParam, label="Edit in napari",
                      help="The accepted picks of this tomogram as points in napari, where it is installed. Points that you "
                           "delete or add there are saved as answers when you close it, as with *Curate*.")
        for name, (_, label, which) in OUTPUTS.items():
            form.addParam(
                name,
                params.LabelParam,
                label=label,
                help=f"The {which} in the viewer that Scipion prefers for them. Plugins bring such viewers, scipion-em-imod or "
                "scipion-em-emantomo for example.",
            )

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {
            "showReport": self._report,
            "showCurate": self._curate,
            "showNapari": self._napari,
            **dict.fromkeys((*RUN_FIGURES, *TOMOGRAM_FIGURES), self._figure),
            "showCalibration": self._calibration,
            **dict.fromkeys(OUTPUTS, self._output),
        }

    def _files(self) -> RunFiles:
        return RunFiles(self.protocol._getExtraPath())

    def _results(self) -> RunResults:
        from tomo_particles.runs.results import read_run

        return read_run(self._files().root)

    def _tomograms(self) -> list[str]:
        try:
            return [tomogram.tomo_id for tomogram in self._results().tomograms]
        except InputError:
            return []

    def _figure(self, name: str) -> list[View]:
        """The window of the figure behind this parameter, or a message why there is none."""
        from tomo_particles.reports import run_figures

        function, title, _ = (RUN_FIGURES | TOMOGRAM_FIGURES)[name]
        draw: Callable[..., Figure] = getattr(run_figures, function)
        try:
            run = self._results()
            if name in RUN_FIGURES:
                return [FigureWindow(draw(run), title, self.getTkRoot())]
            tomo_id = run.tomograms[self.tomogram.get()].tomo_id
            return [FigureWindow(draw(run, tomo_id), f"{title}: {tomo_id}", self.getTkRoot())]
        except InputError as error:
            return [self.errorMessage(str(error), title)]

    def _curate(self, _=None) -> list[View]:
        """The window in which a person judges picks, or why there is none."""
        from tomo_particles.runs.curation import open_curation, this_person

        try:
            curation = open_curation(self._files().root, this_person(), self.protocol.randomSeed.get())
            return [CurationView(curation, self.getTkRoot())]
        except InputError as error:
            return [self.errorMessage(str(error), "Curate")]

    def _napari(self, _=None) -> list[View]:
        """Start napari in a process of its own, because its windows and Scipion's do not live in one."""
        from importlib.util import find_spec

        if find_spec("napari") is None:
            return [self.infoMessage(
                "napari is not installed in the environment of Scipion; *Curate* does not need it.", "No napari")]
        try:
            tomo_id = self._results().tomograms[self.tomogram.get()].tomo_id
        except InputError as error:
            return [self.errorMessage(str(error), "napari")]
        with TemporaryFile("w+") as said:  # no pipe: nobody reads it while napari is open
            started = subprocess.Popen([CURATE_PROGRAM, "--run", str(self._files().root), "--napari", tomo_id],
                                       env=self.protocol._getEnviron(), stderr=said)
            try:
                failed = started.wait(timeout=PATIENCE) != 0
            except subprocess.TimeoutExpired:  # it is open
                return []
            said.seek(0)
            return [self.errorMessage(said.read().strip(), "napari")] if failed else []

    def _report(self, _=None) -> list[View]:
        path = self._files().report
        if not path.exists():
            return [self.infoMessage("This run has no report; choose Continue to write it.", "No report")]
        return open_page(self, path)

    def _calibration(self, _=None) -> list[View]:
        """The window of the scores against the file of known particles, or a message what is wrong with it."""
        from tomo_particles.reports.run_figures import calibration_figure

        title, path = "Calibration by known particles", (self.truth.get() or "").strip()
        if not path:
            return [self.infoMessage(f"Choose a file of *{TRUTH}* first, with every particle of a tomogram.", title)]
        try:
            return [FigureWindow(calibration_figure(self._results(), path, f"*{TRUTH}*"), title, self.getTkRoot())]
        except InputError as error:
            return [self.errorMessage(str(error), title)]

    def _output(self, name: str) -> list[View]:
        return show_elsewhere(self, OUTPUTS[name][0])
