"""Wizard of the threshold: the scores of the run, what each threshold promises, and a slider to set it."""

from __future__ import annotations

import tkinter as tk
from typing import TYPE_CHECKING

from pyworkflow.gui.dialog import Dialog, showInfo
from pyworkflow.wizard import Wizard

from tomo_particles.core.errors import InputError

from ..files import RunFiles
from ..protocols import XmippProtDeepConsensusPicking3D
from ..viewers.figure_window import put_figure

if TYPE_CHECKING:
    from tomo_particles.runs.results import RunResults

STEP = 0.01
REDRAW_AFTER = 60  # ms without a movement of the slider


def results_of(protocol: XmippProtDeepConsensusPicking3D, threshold: float) -> RunResults:
    """The scores of the protocol's own run. Raises InputError with what to do where there are none yet."""
    from tomo_particles.runs.results import read_run

    if protocol.doVoting:
        raise InputError("Voting has no threshold: the number of pickers that agree decides.")
    files = RunFiles(protocol._getExtraPath())
    try:
        run = read_run(files.root, threshold)
    except InputError as error:
        raise InputError(
            "There are no scores yet. Execute the protocol once with any threshold; then open this wizard again, set "
            f"the threshold and choose Continue: nothing is trained again.\n\n({error})"
        ) from error
    if run.threshold is None:
        raise InputError("The scores of this run come from voting. Execute it with the network first.")
    return run


class ThresholdDialog(Dialog):
    """The figure above, the slider below. value: the chosen threshold."""

    def __init__(self, parent: tk.Misc, run: RunResults, value: float) -> None:
        self._run, self.value, self._waiting = run, value, ""
        super().__init__(parent, "Tolerance threshold: expected precision and recall")

    def body(self, body_frame):
        """Figure, slider, and a button for the best expected F1."""
        from tomo_particles.reports.run_figures import best_threshold, threshold_figure

        body_frame.configure(background="white")
        self._figure = threshold_figure(self._run)
        self._canvas = put_figure(self._figure, body_frame, toolbar=False)
        self._canvas.mpl_connect("button_press_event", lambda event: event.inaxes and self._slider.set(event.xdata))
        row = tk.Frame(body_frame, background="white")
        row.pack(fill=tk.X, padx=12, pady=6)
        tk.Label(row, text="Threshold", background="white").pack(side=tk.LEFT)
        self._slider = tk.Scale(
            row,
            from_=0,
            to=1,
            resolution=STEP,
            orient=tk.HORIZONTAL,
            command=self._moved,
            background="white",
            highlightthickness=0,
        )
        self._slider.set(self.value)
        self._slider.pack(side=tk.LEFT, fill=tk.X, expand=True, padx=8)
        best = best_threshold(self._run)
        if best is not None:
            tk.Button(row, text=f"Highest expected F1: {best:.2f}", command=lambda: self._slider.set(best)).pack(side=tk.LEFT)

    def _moved(self, text: str) -> None:
        self.value = float(text)
        if self._waiting:
            self.after_cancel(self._waiting)
        self._waiting = self.after(REDRAW_AFTER, self._redraw)

    def _redraw(self) -> None:
        from tomo_particles.reports.run_figures import refill_threshold

        refill_threshold(self._figure, self._run, self.value)
        self._canvas.draw_idle()


class ThresholdWizard(Wizard):
    """Sets the threshold on the form; Continue then registers the picks anew and trains nothing."""

    _targets = [(XmippProtDeepConsensusPicking3D, ["threshold"])]

    def show(self, form, *params):
        """Open the dialog, or say why there is nothing to show."""
        value = form.protocol.threshold.get()
        try:
            dialog = ThresholdDialog(form.root, results_of(form.protocol, value), value)
        except InputError as error:
            showInfo("Tolerance threshold", str(error), form.root)
            return
        if dialog.resultYes():
            form.setVar("threshold", round(dialog.value, 2))
