"""Viewers of splits: classes and their difference, correlations, log odds of the particles, directions of view, the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pwem.viewers import FscViewer
from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View

from ..constants import STRONG_NUISANCE
from ..protocols import XmippProtSplitSubtomograms3D, XmippProtSplitVolume
from .browser import open_page
from .figure_window import FigureWindow


class SplitSubtomograms3DViewer(ProtocolViewer):
    """Opens from _analyse results_ of a split of subtomograms."""

    _label = "viewer of a split of subtomograms 3D"
    _targets = [XmippProtSplitSubtomograms3D]
    _environments = [DESKTOP_TKINTER]

    def _defineParams(self, form):
        form.addSection(label="Classes")
        form.addParam("showClasses", params.LabelParam, default=True, label="Classes",
                      help="Central slices of the classes at one grey scale, particle bright.")
        form.addParam("showDifference", params.LabelParam, label="Difference",
                      help="Class 1 less class 2: bright where class 1 has more, dark where class 2 has more, as far as two "
                           "halves agree. The middle grey is 0.")
        form.addParam("showFsc", params.LabelParam, label="Correlation of the halves (FSC)",
                      help="Of the half maps of each class, and of the differences of two halves that never met; in Scipion's "
                           "own viewer.")
        form.addParam("showLogOdds", params.LabelParam, label="Log odds of the particles",
                      help="Two groups are two classes; one group is split in its middle.")
        form.addParam("showPosteriors", params.LabelParam, label="Probability of their class",
                      help="How certain the class of each particle is.")
        form.addParam("showNuisances", params.LabelParam, label="What the classes follow",
                      help="How far they follow contrast, direction of view, defocus or tomogram of the particles, which are no "
                           "structure.")
        form.addParam("showAgreement", params.LabelParam, label="Agreement of the halves",
                      help="Beside that of 20 simulated sets of one structure.")
        form.addParam("showReport", params.LabelParam, label="Report in the browser", help="All of this on one page.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showClasses": self._classes, "showDifference": self._difference, "showFsc": self._fsc,
                "showLogOdds": self._log_odds, "showPosteriors": self._posteriors, "showNuisances": self._nuisances,
                "showAgreement": self._agreement, "showReport": self._report}

    def _show(self, title: str, figure: Callable) -> list[View]:
        """The window of a figure, or a message before the run has finished."""
        if self.protocol._summaryContent() is None:
            return [self.infoMessage("The run has not finished.", "No classes")]
        return [FigureWindow(figure(), title, self.getTkRoot())]

    def _slices(self, *names: str, signed: bool = False) -> Callable:
        import mrcfile

        from tomo_particles.reports.figures import plot_maps

        return lambda: plot_maps({name: mrcfile.read(self.protocol._files().map(name)) for name in names}, signed=signed)

    def _classes(self, _=None) -> list[View]:
        said = self.protocol._summaryContent() or {"particlesOfClass": []}
        return self._show("Classes", self._slices(*(f"class_{k + 1}" for k in range(len(said["particlesOfClass"])))))

    def _difference(self, _=None) -> list[View]:
        return self._show("Difference", self._slices("difference", signed=True))

    def _fsc(self, _=None) -> list[View]:
        if not hasattr(self.protocol, "fscs"):
            return [self.infoMessage("The run has not finished.", "No classes")]
        FscViewer(project=self.getProject(), protocol=self.protocol, figure=None).visualize(self.protocol.fscs)
        return []

    def _log_odds(self, _=None) -> list[View]:
        import numpy as np

        from tomo_particles.formats.xmd import read_table
        from tomo_particles.reports.figures import plot_log_odds

        path = self.protocol._files().classes
        return self._show("Log odds", lambda: plot_log_odds(np.array(read_table(path)["logLikelihood"])))

    def _posteriors(self, _=None) -> list[View]:
        import numpy as np

        from tomo_particles.formats.xmd import read_table
        from tomo_particles.reports.figures import plot_posteriors

        def figure():
            table = read_table(self.protocol._files().classes)
            return plot_posteriors(np.array(table["weight"]), np.array(table["ref3d"]))

        return self._show("Probability of their class", figure)

    def _nuisances(self, _=None) -> list[View]:
        from tomo_particles.reports.figures import plot_nuisances

        def figure():
            return plot_nuisances(self.protocol._summaryContent()["nuisances"], STRONG_NUISANCE)

        return self._show("What the classes follow", figure)

    def _agreement(self, _=None) -> list[View]:
        from tomo_particles.reports.figures import plot_nulls

        said = self.protocol._summaryContent() or {}
        if said.get("verdict") == "not tested":
            return [self.infoMessage("The published recipe does not ask whether there are two structures.", "No agreement")]
        return self._show("Agreement", lambda: plot_nulls(said["agreement"], said["agreementsOfOneStructure"]))

    def _report(self, _=None) -> list[View]:
        path = Path(self.protocol._files().report)
        return open_page(self, path) if path.exists() else [self.infoMessage("The run has not finished.", "No report")]


class SplitVolumeViewer(SplitSubtomograms3DViewer):
    """Opens from _analyse results_ of a split of projections: also the graph of the directions, and each direction."""

    _label = "viewer of a split of projections"
    _targets = [XmippProtSplitVolume]

    def _defineParams(self, form):
        super()._defineParams(form)
        form.addSection(label="Directions")
        form.addParam("showViews", params.LabelParam, default=True, label="Graph of the directions",
                      help="Directions on their hemisphere, coloured by their sign; grey: no more than noise. Lines: the "
                           "strongest weights; broken where the signs do not satisfy them. Drag it to turn it.")
        form.addParam("direction", params.IntParam, default=1, label="Direction", help="Number of the direction below, from 1.")
        form.addParam("showDirection", params.LabelParam, label="Images of the direction",
                      help="Where the images lie along their principal component. Drag the line: the third image shows what a "
                           "place looks like.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {**super()._getVisualizeDict(), "showViews": self._views, "showDirection": self._direction}

    def _views(self, _=None) -> list[View]:
        import numpy as np

        from tomo_particles.formats.xmd import read_table
        from tomo_particles.reports.figures import plot_views

        def figure():
            table = read_table(self.protocol._files().directions)
            rot, tilt = (np.radians(table[name]) for name in ("angleRot", "angleTilt"))
            views = np.stack([np.sin(tilt) * np.cos(rot), np.sin(tilt) * np.sin(rot), np.cos(tilt)], axis=1)
            with np.load(self.protocol._files().graph, allow_pickle=False) as graph:
                return plot_views(views, np.array(table["enabled"]) == 1, np.array(table["weight"]), graph["W"])

        return self._show("Graph of the directions", figure)

    def _direction(self, _=None) -> list[View]:
        import mrcfile
        import numpy as np

        from tomo_particles.reports.figures import plot_direction

        files, number = self.protocol._files(), self.direction.get()
        count = (self.protocol._summaryContent() or {"directions": 0})["directions"]
        if count and not 1 <= number <= count:
            return [self.infoMessage(f"There are the directions 1 to {count}.", "No such direction")]

        def figure():
            with np.load(files.graph, allow_pickle=False) as graph:
                places = graph["rho"][:, number - 1]
            mean, component = (mrcfile.read(path)[number - 1] for path in (files.means, files.eigenimages))
            return plot_direction(places[np.isfinite(places)].astype(float), mean, component)

        return self._show(f"Direction {number}", figure)
