"""Wizard of box size, sampling rate and radius: what the inputs have, what is common to them, and how far picks lie apart."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from dataclasses import dataclass
from tkinter import ttk

import numpy as np
from pyworkflow.gui.dialog import Dialog, showInfo
from pyworkflow.wizard import Wizard
from tomo.objects import SetOfCoordinates3D

from ..constants import CHOICE_RULES
from ..convert import common_grid, name_of, picks_of_set, tomogram_of
from ..protocols import XmippProtDeepConsensusPicking3D
from ..protocols.shared.sets import set_errors
from ..viewers.figure_window import put_figure

MAX_TOMOGRAMS = 5  # read for the distances: enough to see how crowded they are
BOX_DIAMETERS = (1.5, 2.0)  # of the particle: what surrounds it, but not its neighbours
LEAST_RADIUS, MOST_RADIUS = 0.05, 0.5  # of the box: a picker's error is larger, and half a box is a neighbour's place


@dataclass(frozen=True)
class InputSetInfo:
    """Name, size, sampling rate and box size of one input set. sampling_rate: Å/voxel.  box_size: voxels of it."""

    name: str
    picks: int
    sampling_rate: float
    box_size: int

    def line(self) -> str:
        """As it is shown."""
        return (
            f"{self.name}: {self.picks} picks, {self.sampling_rate:.4g} Å/voxel, box of {self.box_size} voxels = "
            f"{self.box_size * self.sampling_rate:.0f} Å"
        )


def input_sets_of(protocol: XmippProtDeepConsensusPicking3D) -> list[InputSetInfo]:
    """The input sets of the form that have been chosen."""
    return [
        InputSetInfo(name_of(pointer), found.getSize(), found.getSamplingRate(), found.getBoxSize())
        for pointer in protocol.inputSets
        if (found := pointer.get()) is not None
    ]


def unusable(protocol: XmippProtDeepConsensusPicking3D) -> list[str]:
    """Why there is nothing to show: no set is chosen, or one is empty or has no box size."""
    sets = [(name_of(pointer), found) for pointer in protocol.inputSets if (found := pointer.get()) is not None]
    if not sets:
        return ["Choose the input coordinates first."]
    return [f"{name}: {error}" for name, coordinates in sets for error in set_errors(coordinates)]


def positions_of(sets: Sequence[SetOfCoordinates3D]) -> list[dict[str, np.ndarray]]:
    """(n, 3) positions in Å by tsId, of each set, in the tomograms that most sets have."""
    ids = [set(coordinates.getTSIds()) for coordinates in sets]
    shared = sorted(set().union(*ids), key=lambda ts_id: (-sum(ts_id in own for own in ids), ts_id))[:MAX_TOMOGRAMS]
    return [
        {
            ts_id: picks_of_set(coordinates, tomogram_of(coordinates.getPrecedents(), ts_id), 1, 1.0).positions
            for ts_id in shared
            if ts_id in own
        }
        for coordinates, own in zip(sets, ids, strict=True)
    ]


def proposed_radius(closest: float, box: float) -> float | None:
    """The relative radius for picks whose neighbours come as near as `closest` (Å) and a box of so many Å."""
    if not np.isfinite(closest):
        return None
    return float(np.clip(round(closest / 2 / box, 2), LEAST_RADIUS, MOST_RADIUS))


def proposed_box(closest: float, boxes: Sequence[float], present: int) -> int | None:
    """Which of some boxes (Å) is nearest to 1.5 to 2 particle diameters, `closest` (Å); the `present` one if none is nearer."""
    if not np.isfinite(closest):
        return None
    low, high = (closest * factor for factor in BOX_DIAMETERS)
    off = [max(low - box, box - high, 0.0) for box in boxes]
    return present if off[present] <= min(off) else int(np.argmin(off))


class BoxAndRadiusDialog(Dialog):
    """Inputs and distances above, the three choices below. rate, box: indices of CHOICE_RULES.  radius: of the box."""

    def __init__(
        self,
        parent: tk.Misc,
        input_sets: Sequence[InputSetInfo],
        positions: Sequence[dict[str, np.ndarray]],
        rate: int,
        box: int,
        radius: float,
    ) -> None:
        from tomo_particles.consensus.pick_spacing import measure_spacing

        self._sets, self._spacing = input_sets, measure_spacing(positions)
        self.rate, self.box, self.radius = rate, box, radius
        super().__init__(parent, "Box size, sampling rate and radius")

    def common(self, box: int | None = None) -> tuple[float, int]:
        """Sampling rate (Å/voxel) and box size (voxels) of the present choices, or with another one for the box."""
        rules = CHOICE_RULES[self.rate], CHOICE_RULES[self.box if box is None else box]
        return common_grid([(one.sampling_rate, one.box_size) for one in self._sets], *rules)

    def body(self, body_frame):
        """The inputs, the figure of distances, the choices and what they give."""
        from tomo_particles.reports.figures import plot_spacing

        body_frame.configure(background="white")
        tk.Label(body_frame, text="\n".join(one.line() for one in self._sets), justify=tk.LEFT, background="white").pack(
            anchor=tk.W, padx=12, pady=(8, 4)
        )
        self._figure = plot_spacing(self._spacing, *self._lengths())
        self._canvas = put_figure(self._figure, body_frame, toolbar=False)
        row = tk.Frame(body_frame, background="white")
        row.pack(fill=tk.X, padx=12, pady=4)
        self._rules = [self._rule(row, "Sampling rate", self.rate), self._rule(row, "Box size", self.box)]
        tk.Label(row, text="Radius (of the box)", background="white").pack(side=tk.LEFT)
        self._entry = tk.Spinbox(row, from_=LEAST_RADIUS, to=1.0, increment=0.01, width=6, format="%.2f", command=self._changed)
        self._entry.pack(side=tk.LEFT, padx=6)
        self._entry.bind("<KeyRelease>", lambda _: self._changed())
        tk.Button(row, text="Propose box and radius", command=self._propose).pack(side=tk.LEFT, padx=6)
        self._text = tk.Label(body_frame, justify=tk.LEFT, background="white")
        self._text.pack(anchor=tk.W, padx=12, pady=(2, 8))
        self._set_radius(self.radius)

    def _rule(self, row: tk.Frame, label: str, chosen: int) -> ttk.Combobox:
        tk.Label(row, text=label, background="white").pack(side=tk.LEFT)
        choice = ttk.Combobox(row, values=[rule.capitalize() for rule in CHOICE_RULES], width=10, state="readonly")
        choice.current(chosen)
        choice.bind("<<ComboboxSelected>>", lambda _: self._changed())
        choice.pack(side=tk.LEFT, padx=(4, 14))
        return choice

    def _lengths(self) -> tuple[float, float]:
        """Radius and box, Å."""
        rate, box = self.common()
        return self.radius * box * rate, box * rate

    def _propose(self) -> None:
        """Choose the box that fits the picks' distances best, and the radius for that box; nothing where there are too few."""
        boxes = [rate * box for rate, box in map(self.common, range(len(CHOICE_RULES)))]
        choice = proposed_box(self._spacing.closest, boxes, self.box)
        if choice is not None:
            self.box = choice
            self._rules[1].current(choice)
        radius = proposed_radius(self._spacing.closest, self._lengths()[1])
        if radius is not None:
            self._set_radius(radius)

    def _set_radius(self, radius: float) -> None:
        self._entry.delete(0, tk.END)
        self._entry.insert(0, f"{radius:g}")
        self._changed()

    def _changed(self) -> None:
        """Take the choices over and show what they give; a radius that is no number yet is left alone."""
        from tomo_particles.reports.figures import fill_spacing

        self.rate, self.box = (rule.current() for rule in self._rules)
        try:
            self.radius = float(self._entry.get())
        except ValueError:
            return
        rate, box = self.common()
        radius, length = self._lengths()
        self._text.configure(
            text=f"Common sampling rate and box: {rate:.4g} Å/voxel, boxes of {box} voxels = {length:.0f} Å; picks within "
            f"{radius:.0f} Å are the same particle.\n{advice(self._spacing.closest, radius, length)}"
        )
        fill_spacing(self._figure, self._spacing, radius, length)
        self._canvas.draw_idle()


def advice(closest: float, radius: float, box: float) -> str:
    """Advice on the choices, from the distances; all in Å."""
    if not np.isfinite(closest):
        return "There are too few picks to say how close neighbours come."
    text = f"Neighbours come as near as {closest:.0f} Å. "
    if radius >= closest:
        return text + "The radius is larger: neighbours would be merged; lower it."
    if box < closest:
        return text + "The box is smaller than that and may cut the particle: check the box size of the inputs."
    low, high = (closest * factor for factor in BOX_DIAMETERS)
    if low <= box <= high:
        return text + f"If they touch, the box is {box / closest:.2g} particle diameters wide: radius and box fit."
    return text + (
        f"If they touch, the box is {box / closest:.2g} particle diameters wide; 1.5 to 2 are right, {low:.0f} to {high:.0f} Å: "
        "choose another, or give the inputs such a box."
    )


class BoxAndRadiusWizard(Wizard):
    """Proposes the common box size, sampling rate and radius from the inputs of the form."""

    _targets = [(XmippProtDeepConsensusPicking3D, ["boxSizeChoice", "samplingRateChoice", "consensusRadius"])]

    def show(self, form, *params):
        """Open the dialog on the inputs that the form has now."""
        protocol = form.protocol
        if reasons := unusable(protocol):
            showInfo("Box size and radius", "\n".join(reasons), form.root)
            return
        input_sets = input_sets_of(protocol)
        sets = [pointer.get() for pointer in protocol.inputSets if pointer.get() is not None]
        dialog = BoxAndRadiusDialog(
            form.root,
            input_sets,
            positions_of(sets),
            protocol.samplingRateChoice.get(),
            protocol.boxSizeChoice.get(),
            protocol.consensusRadius.get(),
        )
        if dialog.resultYes():
            for name, value in (
                ("samplingRateChoice", dialog.rate),
                ("boxSizeChoice", dialog.box),
                ("consensusRadius", round(dialog.radius, 3)),
            ):
                form.setVar(name, value)
