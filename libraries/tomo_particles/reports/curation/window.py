"""The window: a question at the left, the tomogram at the right. It works in any matplotlib canvas, also in Scipion's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ...core.errors import InputError
from ...runs.curation import OUTLYING, Curation
from .opened import OpenedTomogram
from .question_view import QuestionView
from .tomogram_view import TomogramView

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.backend_bases import Event, KeyEvent, MouseEvent
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.widgets import Button, Slider

SIZE = (13.6, 7.0)  # inches
TITLE = "Curate picks"
BUTTONS = (  # text, key, colour
    ("Particle (y)", "y", "#cdeee2"),
    ("No particle (n)", "n", "#f7dcc9"),
    ("Skip (space)", " ", "0.92"),
    ("Undo (u)", "u", "0.92"),
)
KEYS = "y: particle, n: none, space: skip, u: undo, page up and down: depth, t: next tomogram"


class CurationWindow:
    """Fills a figure whose canvas is the final one, and listens to its keys and clicks. Keep a reference while it is open."""

    def __init__(self, figure: Figure, curation: Curation) -> None:
        self.figure, self.curation = figure, curation
        self._opened = OpenedTomogram(curation.run)
        figure.set_layout_engine("none")
        left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1))
        upper, lower = left.subfigures(2, 1, height_ratios=(2.5, 1))
        upper.subplots_adjust(left=0.02, right=0.98, wspace=0.06, hspace=0.16, top=0.8, bottom=0.02)
        self._question = QuestionView(upper, curation, self._opened)
        axes = right.add_axes((0.02, 0.12, 0.96, 0.8))
        self._tomogram = TomogramView(axes, curation, self._opened)
        self._axes = axes
        self._buttons = self._add_buttons(lower)
        self._status = lower.text(0.03, 0.6, "", fontsize=9.5, va="top", linespacing=1.4)
        self._slider = self._add_slider(right)
        self._did = ""
        self._actions: dict[str, Callable[[], object]] = {
            "y": lambda: self._answer(True),
            "n": lambda: self._answer(False),
            " ": self._skip,
            "u": self._undo,
            "t": self._next_tomogram,
            "pageup": lambda: self._move(1),
            "pagedown": lambda: self._move(-1),
        }
        self._listening = [
            figure.canvas.mpl_connect("key_press_event", self._key),
            figure.canvas.mpl_connect("button_press_event", self._click),
            figure.canvas.mpl_connect("close_event", self._close),
        ]
        self.show()

    def show(self) -> None:
        """Draw the question and the slice that it lies in."""
        proposal = self.curation.question()
        self._question.show(proposal)
        if proposal:
            picks = self.curation.picks
            position = picks.positions[proposal.row]
            self._show_slice(picks.tomo_id[proposal.row], float(position[2]), position)
        self._say()

    # ---- what a person does
    def _answer(self, yes: bool) -> None:
        self.curation.answer(yes)
        self._did = "saved: " + ("a particle" if yes else "no particle")
        self.show()

    def _skip(self) -> None:
        self.curation.skip()
        self._did = "skipped"
        self.show()

    def _undo(self) -> None:
        self._did = "taken back" if self.curation.undo() else "there is no answer to take back"
        self.show()

    def _next_tomogram(self) -> None:
        names = [tomogram.tomo_id for tomogram in self.curation.run.tomograms]
        here = names.index(self._tomogram.tomo_id) if self._tomogram.tomo_id in names else -1
        name = names[(here + 1) % len(names)]
        self._show_slice(name, self._tomogram.depths(name) / 2)
        self._did = f"tomogram {name}"
        self._say()

    def _move(self, steps: int) -> None:
        self._slider.set_val(self._slider.val + steps * max(1, self.curation.run.box_size // 8))

    def _press(self, key: str, _: Event) -> None:
        self._actions[key]()

    def _key(self, event: Event) -> None:
        key: KeyEvent = event  # type: ignore[assignment]
        action = self._actions.get(key.key or "")
        if action:
            action()

    def _click(self, event: Event) -> None:
        mouse: MouseEvent = event  # type: ignore[assignment]
        busy = getattr(self.figure.canvas.toolbar, "mode", "") if getattr(self.figure.canvas, "toolbar", None) else ""
        x, y = mouse.xdata, mouse.ydata
        if mouse.inaxes is not self._axes or x is None or y is None or busy or mouse.button != 1 or not self._tomogram.tomo_id:
            return  # a click that moves or magnifies the picture is no answer
        self._did = f"saved: {self._tomogram.click(x, y)}"
        self._tomogram.show(self._tomogram.tomo_id, self._tomogram.depth)
        self._question.show(self.curation.question())  # a click may have answered the pick that was asked
        self._say()

    def _close(self, _: Event) -> None:
        self._opened.close()

    # ---- what is drawn
    def _add_buttons(self, figure: SubFigure) -> list[Button]:
        from matplotlib.widgets import Button

        made = []
        for i, (label, key, colour) in enumerate(BUTTONS):
            axes = figure.add_axes((0.03 + 0.24 * i, 0.68, 0.22, 0.24))
            button = Button(axes, label, color=colour, hovercolor="0.85")
            button.on_clicked(partial(self._press, key))
            made.append(button)
        return made

    def _add_slider(self, figure: SubFigure) -> Slider:
        from matplotlib.widgets import Slider

        slider = Slider(figure.add_axes((0.1, 0.04, 0.72, 0.03)), "z", 0, 1, valinit=0, valfmt="%.0f")
        slider.on_changed(self._slide)
        return slider

    def _slide(self, depth: float) -> None:
        if self._tomogram.tomo_id and round(depth) != round(self._tomogram.depth):
            self._tomogram.show(self._tomogram.tomo_id, float(depth))
            self.figure.canvas.draw_idle()

    def _show_slice(self, tomo_id: str, depth: float, at: np.ndarray | None = None) -> None:
        self._tomogram.show(tomo_id, depth, at)
        try:
            self._slider.valmax = max(1.0, self._tomogram.depths(tomo_id))
        except InputError:
            return  # the view says it
        self._slider.ax.set_xlim(0, self._slider.valmax)
        self._slider.eventson = False
        self._slider.set_val(depth)
        self._slider.eventson = True

    def _say(self) -> None:
        answered = self.curation.answered
        yes = int(answered.yes.sum())
        lines = [
            f"{len(answered.rows)} picks answered, {yes} of them particles; {len(answered.added)} particles added. {self._did}",
            f"Saved at once in {self.curation.file.name}. To learn from them, continue the run.",
            KEYS + ".",
            "Blue (0) to pink (1): score. Thick green: accepted; thick orange: rejected; square: added.",
            f"Diamond: {OUTLYING}.",
            "A click on a circle accepts or rejects it, a click elsewhere adds a particle.",
        ]
        self._status.set_text("\n".join(lines))
        self.figure.canvas.draw_idle()
