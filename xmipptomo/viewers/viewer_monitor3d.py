"""Viewer of a monitor: its page in the browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View

from ..protocols import XmippProtMonitor3D
from .browser import open_page


class Monitor3DViewer(ProtocolViewer):
    """Opens from _analyse results_ of a monitor, also while it is at work."""

    _label = "viewer of a monitor 3D"
    _targets = [XmippProtMonitor3D]
    _environments = [DESKTOP_TKINTER]

    def _defineParams(self, form):
        form.addSection(label="Monitor")
        form.addParam("showPage", params.LabelParam, default=True, label="Page of the session",
                      help="What came, what is published, how long it took and what is wrong, in the browser. It asks for the "
                           "page again every half a minute.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showPage": self._page}

    def _page(self, _=None) -> list[View]:
        page = Path(self.protocol.page)
        return open_page(self, page) if page.exists() else [self.infoMessage("Nothing was seen yet.", "No page")]
