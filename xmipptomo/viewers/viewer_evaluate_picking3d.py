"""Viewer of an evaluation: its curves, the table of its numbers, and the pictures that the program drew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyworkflow.gui.plotter import Plotter
from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View

from ..protocols import XmippProtEvaluatePicking3D
from ..protocols.evaluation.results import COLUMNS, Evaluation, notes_of, numbers_table
from .evaluation_figure import draw_evaluations
from .table_window import TableWindow


class EvaluatePicking3DViewer(ProtocolViewer):
    """Opens from _analyse results_ of a finished evaluation."""

    _label = "viewer of an evaluation of picking"
    _targets = [XmippProtEvaluatePicking3D]
    _environments = [DESKTOP_TKINTER]

    def _defineParams(self, form):
        form.addSection(label="Evaluation")
        form.addParam("showCurves", params.LabelParam, default=True, label="Curves of all pickings",
                      help="Precision-recall curves, F1, and calibration, all pickings in one figure.")
        names = [evaluation.name for evaluation in self.protocol.evaluations()] or ["none"]
        form.addParam("picking", params.EnumParam, choices=names, default=0, label="Picking",
                      help="Whose pictures and numbers to open.")
        form.addParam("showPictures", params.LabelParam, label="Pictures of this picking",
                      help="Scores of hits and of false picks; which species was taken for which, if the picks have species.")
        form.addParam("showNumbers", params.LabelParam, label="Numbers of this picking",
                      help="For all particles, each species and each size group; see the help of the protocol.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showCurves": self._curves, "showPictures": self._pictures, "showNumbers": self._numbers}

    def _chosen(self) -> Evaluation:
        return self.protocol.evaluations()[self.picking.get()]

    def _nothing(self) -> list[View]:
        return [self.infoMessage("The evaluation has not finished yet.", "No results")]

    def _curves(self, _=None) -> list[View]:
        evaluations = self.protocol.evaluations()
        if not evaluations:
            return self._nothing()
        plotter = Plotter(windowTitle="Evaluation of pickings")
        plotter.tightLayoutOn = False  # the figure arranges itself
        draw_evaluations(plotter.getFigure(), evaluations)
        return [plotter]

    def _pictures(self, _=None) -> list[View]:
        if not self.protocol.evaluations():
            return self._nothing()
        chosen = self._chosen()
        return [show_picture(path, chosen.name) for path in chosen.pictures]

    def _numbers(self, _=None) -> list[View]:
        if not self.protocol.evaluations():
            return self._nothing()
        chosen = self._chosen()
        title = f"Numbers of {chosen.name}"
        return [TableWindow(title, list(COLUMNS.values()), numbers_table(chosen), notes_of(chosen), self.getTkRoot())]


def show_picture(path: str, name: str) -> Plotter:
    """A PNG in a window of its own, as large as it is drawn for a screen."""
    import matplotlib.image

    image = matplotlib.image.imread(path)
    height, width = image.shape[:2]
    plotter = Plotter(figsize=(width / 160, height / 160), windowTitle=f"{name}: {Path(path).name}")
    plotter.tightLayoutOn = False
    axes = plotter.getFigure().add_axes((0, 0, 1, 1))
    axes.imshow(image, interpolation="antialiased")
    axes.set_axis_off()
    return plotter
