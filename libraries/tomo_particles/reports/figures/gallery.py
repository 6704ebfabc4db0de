"""Gallery of boxes: the best, the doubtful and the rejected picks as central slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core.names import drawn
from ._style import ACCEPTED, REJECTED, new_figure, note_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 10
GREY_PERCENTILES = (0.5, 99.5)
TILE, ROW_HEIGHT = 0.92, 1.42  # of a box and of a row with its name and scores, in columns


def gallery_rows(
    score: np.ndarray, accepted: np.ndarray, threshold: float | None, columns: int = COLUMNS
) -> dict[str, np.ndarray]:
    """Which picks (indices) to show: the best accepted ones, those nearest to the threshold, and of the rejected ones
    as many, evenly from all of them.

    score: (m,).  accepted: (m,) bool.  Without a threshold (voting) no pick is doubtful.
    """
    order = np.argsort(-score, kind="stable")
    good, bad = order[accepted[order]], order[~accepted[order]]
    rows = {"best": good[:columns]}
    if threshold is not None:
        near = np.argsort(np.abs(score - threshold), kind="stable")[:columns]
        rows["doubtful: nearest to the threshold"] = near[np.argsort(-score[near], kind="stable")]
    evenly = np.unique(np.linspace(0, max(0, len(bad) - 1), columns).round().astype(int))
    rows["rejected: evenly from all of them"] = bad[evenly[: len(bad)]]
    return {name: chosen for name, chosen in rows.items() if len(chosen)}


def plot_gallery(
    rows: Mapping[str, Sequence[np.ndarray]],
    scores: Mapping[str, Sequence[float]],
    accepted: Mapping[str, Sequence[bool]],
    title: str = "",
) -> Figure:
    """One row of slices (y, x) per name, each with its score, framed in the colour for accepted or rejected; one grey scale."""
    from matplotlib.patches import Rectangle

    slices = [image for images in rows.values() for image in images]
    if not slices:
        return note_figure(f"{title}: no pick.")
    # The median over the boxes: one gold bead must not flatten all others.
    low, high = np.median([np.percentile(image, GREY_PERCENTILES) for image in slices], axis=0)
    columns = max(COLUMNS, *(len(images) for images in rows.values()))
    figure = new_figure(1.1 * columns, 1.1 * ROW_HEIGHT * len(rows) + (0.4 if title else 0.1))
    axes = figure.add_subplot()  # one axes for all: one per box would take seconds to draw
    for row, (name, images) in enumerate(rows.items()):
        top = ROW_HEIGHT * row + 0.25
        axes.text(0, top - 0.06, name, fontsize=10, va="bottom")
        for column, image in enumerate(images):
            colour = ACCEPTED if accepted[name][column] else REJECTED
            axes.imshow(image, cmap="gray", vmin=low, vmax=high, extent=(column, column + TILE, top + TILE, top))
            axes.add_patch(Rectangle((column, top), TILE, TILE, fill=False, edgecolor=colour, linewidth=2.2))
            axes.text(column + TILE / 2, top + TILE + 0.05, f"{scores[name][column]:.2f}", fontsize=9, ha="center", va="top")
    axes.set(xlim=(-0.03, columns), ylim=(ROW_HEIGHT * len(rows), 0), aspect="equal")
    axes.set_axis_off()
    if title:
        figure.suptitle(drawn(title), fontsize=11)
    return figure
