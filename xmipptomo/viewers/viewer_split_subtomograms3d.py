"""Viewer of a split: the classes and their difference, their correlations, the log odds of the particles, the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View

from ..protocols import XmippProtSplitSubtomograms3D
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
                      help="Central slices of both classes at one grey scale, particle bright.")
        form.addParam("showDifference", params.LabelParam, label="Difference",
                      help="Class 1 less class 2: bright where class 1 has more, as far as two halves agree.")
        form.addParam("showFsc", params.LabelParam, label="Correlation of the halves (FSC)",
                      help="Of the half maps of each class, and of the differences of two halves that never met.")
        form.addParam("showLogOdds", params.LabelParam, label="Log odds of the particles",
                      help="Two groups are two classes; one group is split in its middle.")
        form.addParam("showAgreement", params.LabelParam, label="Agreement of the halves",
                      help="Beside that of 20 simulated sets of one structure.")
        form.addParam("showReport", params.LabelParam, label="Report in the browser", help="All of this on one page.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showClasses": self._classes, "showDifference": self._difference, "showFsc": self._fsc,
                "showLogOdds": self._log_odds, "showAgreement": self._agreement, "showReport": self._report}

    def _show(self, title: str, figure: Callable) -> list[View]:
        """The window of a figure, or a message before the run has finished."""
        if self.protocol._summaryContent() is None:
            return [self.infoMessage("The run has not finished.", "No classes")]
        return [FigureWindow(figure(), title, self.getTkRoot())]

    def _slices(self, *names: str) -> Callable:
        import mrcfile

        from tomo_particles.reports.figures import plot_maps

        return lambda: plot_maps({name: mrcfile.read(self.protocol._files().map(name)) for name in names})

    def _classes(self, _=None) -> list[View]:
        return self._show("Classes", self._slices("class_1", "class_2"))

    def _difference(self, _=None) -> list[View]:
        return self._show("Difference", self._slices("difference"))

    def _fsc(self, _=None) -> list[View]:
        import pandas as pd

        from tomo_particles.reports.figures import plot_several

        def figure():
            table = pd.read_csv(self.protocol._files().fsc)
            curves = {name: (table["frequency"].to_numpy(), table[name].to_numpy()) for name in list(table)[3:]}
            return plot_several(curves, "FSC of the halves")

        return self._show("FSC of the halves", figure)

    def _log_odds(self, _=None) -> list[View]:
        import numpy as np

        from tomo_particles.formats.xmd import read_table
        from tomo_particles.reports.figures import plot_log_odds

        path = self.protocol._files().classes
        return self._show("Log odds", lambda: plot_log_odds(np.array(read_table(path)["logLikelihood"])))

    def _agreement(self, _=None) -> list[View]:
        from tomo_particles.reports.figures import plot_nulls

        said = self.protocol._summaryContent() or {}
        return self._show("Agreement", lambda: plot_nulls(said["agreement"], said["agreementsOfOneStructure"]))

    def _report(self, _=None) -> list[View]:
        path = Path(self.protocol._files().report)
        return open_page(self, path) if path.exists() else [self.infoMessage("The run has not finished.", "No report")]
