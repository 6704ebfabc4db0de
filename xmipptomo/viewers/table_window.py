"""A table in a window of its own: Scipion's text window has a proportional font, in which columns do not stand."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from tkinter import ttk

from pyworkflow.viewer import View

NAME_WIDTH, NUMBER_WIDTH = 150, 76  # pixels
MAX_ROWS = 25  # shown at once; of more, the table scrolls


class TableWindow(View):
    """Rows of a name and numbers, and notes below."""

    def __init__(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str],
                 parent: tk.Misc | None = None) -> None:
        super().__init__()
        self.title, self.columns, self.rows, self.notes, self._parent = title, columns, rows, notes, parent

    def show(self) -> None:
        """Open the window."""
        window = tk.Toplevel(self._parent)
        window.title(self.title)
        window.configure(background="white")
        table = ttk.Treeview(window, columns=list(self.columns), height=min(MAX_ROWS, len(self.rows)))
        table.column("#0", width=NAME_WIDTH)
        for name in self.columns:
            table.heading(name, text=name, anchor=tk.E)
            table.column(name, width=NUMBER_WIDTH, anchor=tk.E)
        for name, *numbers in self.rows:
            table.insert("", tk.END, text=name, values=numbers)
        table.pack(fill=tk.BOTH, expand=True, padx=8, pady=8)
        tk.Label(window, text="\n".join(self.notes), justify=tk.LEFT, background="white").pack(anchor=tk.W, padx=8, pady=(0, 8))
