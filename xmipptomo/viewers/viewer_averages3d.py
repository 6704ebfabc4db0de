"""Viewers of averages: central slices of the maps, the correlation of the halves, the picks at their new places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View

from ..protocols import XmippProtAverageSubtomograms3D, XmippProtCompareBranches3D
from .browser import open_page
from .figure_window import FigureWindow
from .viewer_coordinates3d import Coordinates3DViewer

NOT_READY = "The run has not finished, or it made no such file."


class AverageSubtomograms3DViewer(Coordinates3DViewer):
    """Opens from _analyse results_ of an average: its maps and their correlation, beside the picks on slices."""

    _label = "viewer of an average of subtomograms 3D"
    _targets = [XmippProtAverageSubtomograms3D]

    def _defineParams(self, form):
        form.addSection(label="Average")
        form.addParam("showMaps", params.LabelParam, default=True, label="Average and half maps",
                      help="Central slices, particle bright, at one grey scale. The half maps are not filtered.")
        form.addParam("showFsc", params.LabelParam, label="Correlation of the halves (FSC)",
                      help="By shell: without a mask, with the mask, and corrected for what the mask alone correlates.")
        super()._defineParams(form)

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showMaps": self._maps, "showFsc": self._fsc, **super()._getVisualizeDict()}

    def _maps(self, _=None) -> list[View]:
        files = self.protocol._files()
        return _slices(self, {"average": files.map("average"), "half 1": files.map("half1"), "half 2": files.map("half2")})

    def _fsc(self, _=None) -> list[View]:
        import pandas as pd

        from tomo_particles.reports.figures import plot_shells

        path = Path(self.protocol._files().fsc)
        if not path.exists():
            return [self.infoMessage("There are no halves.", "No FSC")]
        return [FigureWindow(plot_shells(pd.read_csv(path)), "FSC of the halves", self.getTkRoot())]


class CompareBranches3DViewer(ProtocolViewer):
    """Opens from _analyse results_ of a comparison of branches."""

    _label = "viewer of a comparison of branches 3D"
    _targets = [XmippProtCompareBranches3D]
    _environments = [DESKTOP_TKINTER]

    def _defineParams(self, form):
        form.addSection(label="Comparison")
        form.addParam("showMaps", params.LabelParam, default=True, label="Maps side by side",
                      help="Central slices of the averages of all picks, in one frame and at one grey scale.")
        form.addParam("showReport", params.LabelParam, label="Report in the browser",
                      help="Maps and curves at equal numbers of picks and with all picks, and both tables.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showMaps": self._maps, "showReport": self._report}

    def _maps(self, _=None) -> list[View]:
        files, summary = self.protocol._files(), self.protocol._summaryContent()
        return _slices(self, {name: files.branch(name, "average.mrc") for name in (summary or {}).get("order", [])})

    def _report(self, _=None) -> list[View]:
        path = Path(self.protocol._files().report)
        if not path.exists():
            return [self.infoMessage(NOT_READY, "No report")]
        return open_page(self, path)


def _slices(viewer: ProtocolViewer, paths: Mapping[str, str]) -> list[View]:
    """The window of those maps that are there, or a message that none is."""
    import mrcfile

    from tomo_particles.reports.figures import plot_maps

    maps = {name: mrcfile.read(path) for name, path in paths.items() if Path(path).exists()}
    if not maps:
        return [viewer.infoMessage(NOT_READY, "No average")]
    return [FigureWindow(plot_maps(maps), "Averages", viewer.getTkRoot())]
