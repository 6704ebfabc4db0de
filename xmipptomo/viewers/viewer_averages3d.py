"""Viewers of averages: central slices of the maps, how far the halves agree, the picks at their new places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View

from ..protocols import XmippProtAverageSubtomograms3D, XmippProtCompareBranches3D
from .browser import open_page
from .figure_window import FigureWindow
from .viewer_coordinates3d import Coordinates3DViewer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

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
        form.addParam("showFso", params.LabelParam, label="Share of directions that agree (FSO)",
                      help="The share of 321 directions in which the halves agree, by resolution. In the grey band it falls from "
                           "0.9 to 0.1: within a few shells if the map is equally good in all directions. Two maps of noise give "
                           "the dashed line.")
        form.addParam("showDirections", params.LabelParam, label="Resolution by direction",
                      help="Half a sphere of directions, seen along z; its rim is the xy plane. A cross is a direction without "
                           "any resolution, for example one that no tilt series saw.")
        form.addParam("showLocal", params.LabelParam, label="Local resolution",
                      help="Central slices of the average, and the resolution of each voxel in the mask.")
        super()._defineParams(form)

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showMaps": self._maps, "showFsc": self._fsc, "showFso": self._fso, "showDirections": self._directions,
                "showLocal": self._local, **super()._getVisualizeDict()}

    def _maps(self, _=None) -> list[View]:
        files = self.protocol._files()
        return _slices(self, {"average": files.map("average"), "half 1": files.map("half1"), "half 2": files.map("half2")})

    def _fsc(self, _=None) -> list[View]:
        from tomo_particles.reports.figures import plot_shells

        return self._of_table(self.protocol._files().fsc, plot_shells, "FSC of the halves")

    def _fso(self, _=None) -> list[View]:
        from tomo_particles.reports.figures import plot_occupancy

        return self._of_table(self.protocol._files().of_resolution("fso.csv"), plot_occupancy, "FSO of the halves")

    def _directions(self, _=None) -> list[View]:
        from tomo_particles.reports.figures import plot_directions

        return self._of_table(self.protocol._files().of_resolution("directions.csv"), plot_directions, "Resolution by direction")

    def _local(self, _=None) -> list[View]:
        import mrcfile

        from tomo_particles.reports.figures import plot_local

        files = self.protocol._files()
        path = Path(files.of_resolution("local_resolution.mrc"))
        if not path.exists():
            return self._missing()
        figure = plot_local(mrcfile.read(files.map("average")), mrcfile.read(path))
        return [FigureWindow(figure, "Local resolution", self.getTkRoot())]

    def _of_table(self, path: str, plot: Callable[[pd.DataFrame], Figure], title: str) -> list[View]:
        """The window of a figure that shows a table, or a message that there is none."""
        import pandas as pd

        return [FigureWindow(plot(pd.read_csv(path)), title, self.getTkRoot())] if Path(path).exists() else self._missing()

    def _missing(self) -> list[View]:
        files = self.protocol._files()
        older = "It was made by an older version: run it again." if Path(files.fsc).exists() else "There are no halves."
        return [self.infoMessage(older, "No resolution")]


class CompareBranches3DViewer(ProtocolViewer):
    """Opens from _analyse results_ of a comparison of branches."""

    _label = "viewer of a comparison of branches 3D"
    _targets = [XmippProtCompareBranches3D]
    _environments = [DESKTOP_TKINTER]

    def _defineParams(self, form):
        form.addSection(label="Comparison")
        form.addParam("showMaps", params.LabelParam, default=True, label="Maps side by side",
                      help="Central slices of the averages of all picks, in one frame and at one grey scale. An average whose "
                           "halves agree on nothing is flat.")
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
