"""The question: one pick as three orthogonal slices, and what the run knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...consensus.informative_picks import ANY_SCORE, DOUBTFUL, LOOKALIKE, Proposal
from ...consensus.merged_picks import named_pickers
from ...core.errors import InputError
from ...core.names import drawn
from ...runs.curation import OUTLYING, Curation
from ..figures._style import short
from .opened import CONTEXT, OpenedTomogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

GREY_PERCENTILES = (0.5, 99.5)
RING, OUTSIDE = "#e69f00", "#b7d3ea"
MOST_NAMES = 60  # letters of all pickers' names
WHY = {
    DOUBTFUL: "most doubtful of the picks left (nearest to 0.5)",
    ANY_SCORE: "drawn from all scores, as a test",
    LOOKALIKE: "best rejected pick of its pickers",
}


class QuestionView:
    """Three panels with the place in the middle of each, a ring of half a box, and a line of text above."""

    def __init__(self, figure: SubFigure, curation: Curation, opened: OpenedTomogram) -> None:
        self._figure, self._curation, self._opened = figure, curation, opened
        grid = figure.add_gridspec(2, 3)  # the missing wedge blurs along z: the slice in x and y shows most
        self._panels = [figure.add_subplot(part) for part in (grid[:, :2], grid[0, 2], grid[1, 2])]
        names = dict(enumerate(curation.run.pickers, start=1))
        self._names = {0: "reference", **names}

    def show(self, proposal: Proposal | None) -> None:
        """Draw the pick of a proposal; without one, say that all were shown."""
        for axes in self._panels:
            axes.clear()
            axes.set_axis_off()
        if proposal is None:
            self._figure.suptitle("Every pick of this run was shown.", fontsize=11)
            return
        picks, row = self._curation.picks, proposal.row
        self._figure.suptitle(self._text(proposal), fontsize=11)
        try:
            images = self._opened.around(picks.tomo_id[row], picks.positions[row])
        except InputError as error:
            self._panels[0].text(0, 0.5, f"The pick cannot be shown: {error}", fontsize=9, wrap=True)
            return
        low, high = np.nanpercentile(np.concatenate([image.ravel() for image in images.values()]), GREY_PERCENTILES)
        for axes, (name, image) in zip(self._panels, images.items(), strict=True):
            self._draw(axes, name, image, low, high)

    def _draw(self, axes: Axes, name: str, image: np.ndarray, low: float, high: float) -> None:
        from matplotlib import colormaps
        from matplotlib.patches import Circle

        axes.imshow(image, cmap=colormaps["gray"].with_extremes(bad=OUTSIDE), vmin=low, vmax=high)
        middle = len(image) // 2
        ring = len(image) / CONTEXT / 4
        axes.add_patch(Circle((middle, middle), ring, fill=False, edgecolor=RING, linewidth=1.2, linestyle=(0, (2, 3))))
        axes.set_title(f"{name} (blue: outside)" if np.isnan(image).any() else name, fontsize=9)

    def _text(self, proposal: Proposal) -> str:
        picks, row = self._curation.picks, proposal.row
        x, y, z = np.rint(picks.positions[row]).astype(int)
        pickers = short(named_pickers(picks.comments[row], self._names), MOST_NAMES)
        return (
            f"Is this a particle?  {short(picks.tomo_id[row])}, ({x}, {y}, {z})\n"
            f"Score {self._curation.probability[row]:.2f}; {WHY.get(proposal.why, drawn(proposal.why))}\n"
            f"Seen by {pickers}{'; ' + OUTLYING if self._curation.outlying[row] else ''}"
        )
