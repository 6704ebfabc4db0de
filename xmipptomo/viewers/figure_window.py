"""Matplotlib figures, made elsewhere, in a window of their own."""

from __future__ import annotations

import tkinter as tk
from typing import TYPE_CHECKING

from pyworkflow.viewer import View

if TYPE_CHECKING:
    from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg
    from matplotlib.figure import Figure

DPI = 96  # of a usual screen


def put_figure(figure: Figure, parent: tk.Misc, toolbar: bool = True) -> FigureCanvasTkAgg:
    """Show a figure in a Tk widget, with matplotlib's toolbar (zoom, save) below it."""
    from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg, NavigationToolbar2Tk

    figure.set_dpi(DPI)
    canvas = FigureCanvasTkAgg(figure, master=parent)
    if toolbar:
        NavigationToolbar2Tk(canvas, parent).pack(side=tk.BOTTOM, fill=tk.X)
    canvas.get_tk_widget().pack(fill=tk.BOTH, expand=True)
    canvas.draw()
    return canvas


class FigureWindow(View):
    """A figure that opens in its own window; the viewer's form stays usable beside it."""

    def __init__(self, figure: Figure, title: str, parent: tk.Misc | None = None) -> None:
        super().__init__()
        self.figure, self.title, self._parent = figure, title, parent

    def show(self) -> None:
        """Open the window."""
        window = tk.Toplevel(self._parent)
        window.title(self.title)
        window.configure(background="white")
        put_figure(self.figure, window)
