"""The window in which a person judges single picks, inside Scipion."""

from __future__ import annotations

import tkinter as tk
from typing import TYPE_CHECKING

from pyworkflow.viewer import View

from .figure_window import put_figure

if TYPE_CHECKING:
    from tomo_particles.runs.curation import Curation


class CurationView(View):
    """Questions about the picks of a run; the viewer's form stays usable beside it."""

    def __init__(self, curation: Curation, parent: tk.Misc | None = None) -> None:
        super().__init__()
        self.curation, self._parent = curation, parent

    def show(self) -> None:
        """Open the window."""
        from matplotlib.figure import Figure

        from tomo_particles.reports.curation.window import SIZE, TITLE, CurationWindow

        window = tk.Toplevel(self._parent)
        window.title(TITLE)
        figure = Figure(figsize=SIZE)
        canvas = put_figure(figure, window)
        window.listener = CurationWindow(figure, self.curation)  # type: ignore[attr-defined]  # lives as long as the window
        canvas.get_tk_widget().focus_set()  # for the keys
