"""A slice of a tomogram with its picks: a slider for the depth, and clicks that accept, reject or add a pick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from ...consensus.answers import rescaled
from ...core.errors import InputError
from ...runs.curation import Curation, radius_of
from ..figures._style import ACCEPTED, REJECTED, short
from .opened import OpenedTomogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY_PERCENTILES = (0.5, 99.5)
CLICKED = "clicked in the tomogram"
SIZE = 90  # area of a circle, points squared


class TomogramView:
    """One slice. Circles: picks within a quarter of a box of it, coloured by score; thick ones were answered.

    Diamonds: picks that stand out by their contrast.
    """

    def __init__(self, axes: Axes, curation: Curation, opened: OpenedTomogram) -> None:
        self._axes, self._curation, self._opened = axes, curation, opened
        self.tomo_id, self.depth = "", 0.0

    def show(self, tomo_id: str, depth: float, at: np.ndarray | None = None) -> None:
        """Draw a tomogram at a depth. at: (3,) the pick that is asked; lengths in voxels of the common grid."""
        from matplotlib import colormaps
        from matplotlib.colors import to_hex

        self.tomo_id, self.depth = tomo_id, depth
        axes, curation = self._axes, self._curation
        axes.clear()
        try:
            image = self._opened.at_depth(tomo_id, depth)
        except InputError as error:
            axes.set_axis_off()
            axes.text(0, 0.5, f"The tomogram cannot be shown: {error}", fontsize=9, wrap=True)
            return
        low, high = np.percentile(image, GREY_PERCENTILES)
        axes.imshow(image, cmap="gray", vmin=low, vmax=high)
        rows = self._near()
        places = self._opened.in_voxels(tomo_id, curation.picks.positions[rows])
        said = [curation.of_row(row) for row in rows]
        score = curation.probability[rows]
        for marker, shaped in (("o", ~curation.outlying[rows]), ("D", curation.outlying[rows])):
            for answer, colour in ((True, ACCEPTED), (False, REJECTED)):
                own = shaped & np.array([one is answer for one in said], dtype=bool)
                _rings(axes, places[own], colour, 3, marker)
            own = shaped & np.array([one is None for one in said], dtype=bool)
            colours = [to_hex(colormaps["cool"](value)) for value in score[own]]
            _rings(axes, places[own], colours, 1.3, marker)
        _rings(axes, self._added(), ACCEPTED, 3, "s")
        if at is not None:
            x, y, _ = self._opened.in_voxels(tomo_id, at[None])[0]
            axes.plot([x], [y], "+", color="#e69f00", markersize=18, markeredgewidth=1.5)
        axes.set_title(f"{short(tomo_id)}, z = {depth:.0f}", fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])

    def depths(self, tomo_id: str) -> float:
        """Largest depth of a tomogram, voxels of the common grid."""
        size = self._opened.of(tomo_id).size
        return float(self._opened.on_grid(tomo_id, np.array([[0.0, 0.0, size[2] - 1.0]]))[0, 2])

    def click(self, x: float, y: float) -> str:
        """Accept, reject or add at a place of the slice, in pixels of it; returns what was done."""
        place = self._opened.on_grid(self.tomo_id, np.array([[x, y, 0.0]]))[0]
        place[2] = self.depth
        curation, rows = self._curation, self._near()
        positions = curation.picks.positions[rows]
        distance, nearest = cKDTree(positions[:, :2]).query(place[:2]) if len(rows) else (np.inf, 0)
        if distance <= radius_of(curation.run):
            row = int(rows[nearest])
            said = curation.of_row(row)
            yes = not said if said is not None else bool(curation.probability[row] < (curation.run.threshold or 0.5))
            curation.mark_pick(row, yes, CLICKED)
            return "accepted" if yes else "rejected"
        added = self._opened.on_grid(self.tomo_id, self._added())
        distance, nearest = cKDTree(added[:, :2]).query(place[:2]) if len(added) else (np.inf, 0)
        if distance <= radius_of(curation.run):
            curation.mark(self.tomo_id, added[nearest], False, CLICKED)
            return "taken away"
        curation.mark(self.tomo_id, place, True, CLICKED)
        return "added"

    def _near(self) -> np.ndarray:
        """Rows of the picks near the slice."""
        picks = self._curation.picks
        near = np.abs(picks.positions[:, 2] - self.depth) <= max(1.0, self._curation.run.box_size / 4)
        return np.flatnonzero((picks.tomo_id == self.tomo_id) & near)

    def _added(self) -> np.ndarray:
        """(n, 3) the added particles near the slice, voxels of the tomogram."""
        run = self._curation.run
        own = [rescaled(answer, run.sampling_rate) for answer in self._curation.answered.added if answer.tomo_id == self.tomo_id]
        near = [place for place in own if abs(place[2] - self.depth) <= max(1.0, run.box_size / 4)]
        return self._opened.in_voxels(self.tomo_id, np.array(near).reshape(-1, 3))


def _rings(axes: Axes, places: np.ndarray, colour: str | list[str], width: float, marker: str = "o") -> None:
    """A ring at each place, (n, 3) x, y, z. colour: of all, or of each."""
    axes.scatter(places[:, 0], places[:, 1], s=SIZE, facecolors="none", edgecolors=colour, linewidths=width, marker=marker)
