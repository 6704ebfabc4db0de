"""Viewer of the protocols that make coordinates: their picks on slices of the tomograms."""

from __future__ import annotations

from collections.abc import Callable

import pyworkflow as pw
from pwem.protocols import EMProtocol
from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View
from tomo.objects import SetOfCoordinates3D

from tomo_particles.core.errors import InputError

from ..convert import picks_of_set, tomogram_of
from ..protocols import (
    XmippProtImportCoordinates3D,
    XmippProtJoinPicks3D,
    XmippProtPickBlobs3D,
    XmippProtPickingConsensus3D,
    XmippProtSimulateTomograms,
    XmippProtTemplateMatching3D,
    XmippProtWatchPicks3D,
)
from .figure_window import FigureWindow

COLOURS = ("#d55e00", "#009e73", "#0072b2")  # of the sets of a run
NO_VIEWER = ("No installed plugin has a viewer for 3D coordinates. scipion-em-imod and scipion-em-emantomo have one; *Picks on "
             "slices* shows them here.")


def coordinate_sets(protocol: EMProtocol) -> dict[str, SetOfCoordinates3D]:
    """The sets of coordinates that a run made, by the name of the output."""
    return {name: output for name, output in protocol.iterOutputAttributes() if isinstance(output, SetOfCoordinates3D)}


def show_elsewhere(viewer: ProtocolViewer, names: str) -> list[View]:
    """Open the outputs whose name begins with `names` as a double click on them would, or say that nothing can."""
    outputs = [output for name, output in coordinate_sets(viewer.protocol).items() if name.startswith(names)]
    if not outputs:
        return [viewer.infoMessage("The run has no such coordinates; it has not finished, or an earlier version made it.",
                                   "No coordinates")]
    for output in outputs:
        found = pw.Config.getDomain().findViewers(output, DESKTOP_TKINTER)
        if not found:
            return [viewer.infoMessage(NO_VIEWER, "No viewer")]
        found[0](project=viewer.getProject(), protocol=viewer.protocol, parent=viewer.formWindow).visualize(output)
    return []


class Coordinates3DViewer(ProtocolViewer):
    """Opens from _analyse results_ of what picks, imports or simulates coordinates."""

    _label = "viewer of coordinates 3D"
    _targets = [XmippProtImportCoordinates3D, XmippProtJoinPicks3D, XmippProtPickBlobs3D, XmippProtPickingConsensus3D,
                XmippProtSimulateTomograms, XmippProtTemplateMatching3D, XmippProtWatchPicks3D]
    _environments = [DESKTOP_TKINTER]

    def _defineParams(self, form):
        form.addSection(label="Coordinates")
        form.addParam("tomogram", params.EnumParam, choices=self._ts_ids() or ["none"], default=0, label="Tomogram",
                      help="Whose coordinates to show.")
        form.addParam("showSlices", params.LabelParam, default=True, label="Picks on slices",
                      help="Three slices of the tomogram with the picks on them. If they lie beside the particles, the file's "
                           "sampling rate, axes or origin are not what they were taken for.")
        form.addParam("showOutput", params.LabelParam, label="Coordinates in another viewer",
                      help="In the viewer that Scipion prefers for coordinates. Plugins bring such viewers, scipion-em-imod or "
                           "scipion-em-emantomo for example.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showSlices": self._slices, "showOutput": lambda _=None: show_elsewhere(self, "")}

    def _ts_ids(self) -> list[str]:
        return sorted({ts_id for coordinates in coordinate_sets(self.protocol).values() for ts_id in coordinates.getTSIds()})

    def _slices(self, _=None) -> list[View]:
        """The window of one tomogram and what every set of the run has in it, or why there is none."""
        sets, ts_ids = coordinate_sets(self.protocol), self._ts_ids()
        if not ts_ids:
            return [self.infoMessage("There are no coordinates yet.", "No coordinates")]
        ts_id = ts_ids[self.tomogram.get()]
        try:
            return [FigureWindow(draw_picks(sets, ts_id), f"Picks on slices: {ts_id}", self.getTkRoot())]
        except InputError as error:
            return [self.errorMessage(str(error), "Picks on slices")]


def draw_picks(sets: dict[str, SetOfCoordinates3D], ts_id: str):
    """The figure of one tomogram. Raises InputError if its file cannot be read."""
    from tomo_particles.core.tomograms import open_tomogram
    from tomo_particles.reports.figures import plot_picks

    groups = []  # a set may be a part of another: the smallest is drawn last
    for (name, coordinates), colour in zip(sets.items(), COLOURS, strict=False):
        tomogram = tomogram_of(coordinates.getPrecedents(), ts_id)
        picks = picks_of_set(coordinates, tomogram, 1, coordinates.getSamplingRate())
        groups.append((name, colour, picks.positions))
    first = next(iter(sets.values()))
    path = tomogram_of(first.getPrecedents(), ts_id).getFileName().partition(":")[0]  # "file:mrc": the format in Xmipp's notation
    with open_tomogram(path, first.getSamplingRate()) as opened:
        return plot_picks(opened.data, sorted(groups, key=lambda group: -len(group[2])), first.getBoxSize())
