"""Wizard of the lowest score of a trained picker: what each threshold gave in the training, and a slider to set it."""

from __future__ import annotations

import tkinter as tk
from pathlib import Path
from tkinter import ttk
from typing import TYPE_CHECKING

from pyworkflow.gui.dialog import Dialog, showInfo
from pyworkflow.wizard import Wizard

from tomo_particles.core.errors import InputError

from ..protocols import XmippProtDeepPick3D
from ..protocols.learned.thresholds import read_thresholds, thresholds_text
from ..viewers.figure_window import put_figure

if TYPE_CHECKING:
    import pandas as pd

STEP = 0.01
ALL = "all classes"
TITLE = "Lowest score: precision and recall in the training"


def table_of(model: str) -> pd.DataFrame:
    """The table of thresholds beside a model. Raises InputError with what to do where there is none."""
    import pandas as pd

    if not model:
        raise InputError("Choose the model first.")
    path = Path(model).with_name(f"{Path(model).stem}_thresholds.csv")
    if not path.is_file():
        raise InputError(f"There is no {path}: the model was copied without it, or an earlier version trained it. Begin with *As "
                         "in the training*.")
    return pd.read_csv(path, keep_default_na=False)


class PickerThresholdDialog(Dialog):
    """The figure above, class and slider below. values: the chosen thresholds by class, "" for all."""

    def __init__(self, parent: tk.Misc, table: pd.DataFrame, values: dict[str, float]) -> None:
        self._table, self.values = table, values
        self._names = [name for name in dict.fromkeys(table["class"]) if name]
        super().__init__(parent, TITLE)

    def body(self, body_frame):
        """Figure, class, slider, and a button for the best F score."""
        from tomo_particles.reports.figures import plot_picker_thresholds

        body_frame.configure(background="white")
        self._figure = plot_picker_thresholds(self._table, "", self._value(""))
        self._canvas = put_figure(self._figure, body_frame, toolbar=False)
        row = tk.Frame(body_frame, background="white")
        row.pack(fill=tk.X, padx=12, pady=6)
        self._class = ttk.Combobox(row, values=[ALL, *(self._names if len(self._names) > 1 else [])], state="readonly", width=14)
        self._class.current(0)
        self._class.bind("<<ComboboxSelected>>", lambda _: self._slider.set(self._value(self._chosen())) or self._redraw())
        self._class.pack(side=tk.LEFT)
        self._slider = tk.Scale(row, from_=0, to=1, resolution=STEP, orient=tk.HORIZONTAL, background="white",
                                highlightthickness=0)
        self._slider.set(self._value(""))
        self._slider.configure(command=self._moved)
        self._slider.pack(side=tk.LEFT, fill=tk.X, expand=True, padx=8)
        tk.Button(row, text="Highest F score", command=self._best).pack(side=tk.LEFT)
        self._text = tk.Label(body_frame, background="white")
        self._text.pack(anchor=tk.W, padx=12, pady=(0, 8))
        self._redraw()

    def _chosen(self) -> str:
        return "" if self._class.get() == ALL else self._class.get()

    def _value(self, name: str) -> float:
        return self.values.get(name, self.values.get("", 0.5))

    def _own(self) -> pd.DataFrame:
        return self._table[self._table["class"] == self._chosen()]

    def _best(self) -> None:
        own = self._own()
        both = (own["precision"] + own["recall"]).clip(lower=1e-12)
        self._slider.set(float(own["threshold"].iloc[int((own["precision"] * own["recall"] / both).to_numpy().argmax())]))

    def _moved(self, text: str) -> None:
        if float(text) != self._value(self._chosen()):
            self.values[self._chosen()] = float(text)
        self._redraw()

    def _redraw(self) -> None:
        from tomo_particles.reports.figures import fill_picker_thresholds

        name = self._chosen()
        fill_picker_thresholds(self._figure, self._table, name, self._value(name))
        self._canvas.draw_idle()
        own = self._own()
        row = own.iloc[int((own["threshold"] - self._value(name)).abs().to_numpy().argmin())]
        self._text.configure(text=f"{int(row['picks'])} picks in the training tomograms, precision {row['precision']:.2f}, "
                                  f"recall {row['recall']:.2f}.  Lowest score: {thresholds_text(self.values)}")


class PickerThresholdWizard(Wizard):
    """Sets the lowest score on the form of a trained picker."""

    _targets = [(XmippProtDeepPick3D, ["threshold"])]

    def show(self, form, *params):
        """Open the dialog, or say why there is nothing to show."""
        try:
            table = table_of(form.protocol.modelPath())
        except InputError as error:
            showInfo(TITLE, str(error), form.root)
            return
        try:
            values = read_thresholds(form.protocol._text("threshold"), list(dict.fromkeys(table["class"])))
        except ValueError:  # what is on the form is no threshold
            values = {"": 0.5}
        dialog = PickerThresholdDialog(form.root, table, values)
        if dialog.resultYes():
            form.setVar("threshold", thresholds_text(dialog.values))
