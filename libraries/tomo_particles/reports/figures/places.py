"""Where the picks are: on slices of their tomogram, and in space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.grey_values import without_gaps
from ._style import ACCEPTED, REJECTED, legend_below, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY_PERCENTILES = (0.5, 99.5)
MAX_PIXELS = 700  # of the longer side of a drawn slice: more is not visible and makes the report large
MAX_POINTS = 6000  # of a scatter plot in space; of more points, every n-th is drawn


def plot_slices(
    volume: np.ndarray,
    positions: np.ndarray,
    accepted: np.ndarray,
    box_size: float,
    fractions: Sequence[float] = (0.25, 0.5, 0.75),
) -> Figure:
    """Accepted and rejected picks on slices of a tomogram, as `plot_picks`. positions: (n, 3) x, y, z, voxels."""
    groups = [("rejected", REJECTED, positions[~accepted]), ("accepted", ACCEPTED, positions[accepted])]
    return plot_picks(volume, groups, box_size, fractions)


def plot_picks(
    volume: np.ndarray,
    groups: Sequence[tuple[str, str, np.ndarray]],
    box_size: float,
    fractions: Sequence[float] = (0.25, 0.5, 0.75),
) -> Figure:
    """Groups of picks, as circles half a box wide, on slices of a tomogram (z, y, x), memory-mapped or not.

    groups: name, colour, (n, 3) x, y, z in voxels; the last are drawn on top.  Each slice is the mean of a fifth of a box and
    shows the picks within a quarter of a box of it.  fractions: places of the slices along z.
    """
    depth, height, width = volume.shape
    step = max(1, -(-max(height, width) // MAX_PIXELS))
    beside = len(fractions) if width <= 1.6 * height else 1
    under = -(-len(fractions) // beside)
    panel = 11.0 / beside
    figure = new_figure(11.0, under * (panel * height / width + 0.5) + 0.4)
    for axes, fraction in zip(figure.subplots(under, beside, squeeze=False).ravel(), fractions, strict=True):
        centre = round(fraction * (depth - 1))
        half = max(2, round(box_size / 10))
        image = without_gaps(volume[max(0, centre - half) : centre + half + 1, ::step, ::step])[0].mean(axis=0)
        low, high = np.percentile(image, GREY_PERCENTILES)
        axes.imshow(image, cmap="gray", vmin=low, vmax=high, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
        for name, colour, positions in groups:
            near = np.abs(positions[:, 2] - centre) <= max(1.0, box_size / 4)
            draw_circles(axes, positions[near], box_size / 4, colour)
            axes.plot([], [], "o", markerfacecolor="none", color=colour, markeredgewidth=1.6, label=f"{near.sum()} {name}")
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xlabel="x (voxels)")
        axes.set_title(f"z = {centre}", fontsize=10)
        legend_below(axes, 2, -0.13)
    return figure


def draw_circles(axes: Axes, positions: np.ndarray, radius: float, colour: str) -> None:
    """Circles of one radius, voxels, about positions (n, 3) x, y, z."""
    from matplotlib.collections import EllipseCollection

    size, places = np.full(len(positions), 2 * radius), positions[:, :2]
    style = {"facecolor": "none", "edgecolor": colour, "linewidth": 1.5}
    axes.add_collection(EllipseCollection(size, size, 0 * size, units="xy", offsets=places, transOffset=axes.transData, **style))


def plot_places(positions: np.ndarray, score: np.ndarray, accepted: np.ndarray, size: Sequence[int] | None = None) -> Figure:
    """Picks (n, 3) x, y, z in space: the accepted ones in the colour of their score (n,), the rejected ones small and grey.

    size: of the tomogram, x y z in the same voxels.
    """
    figure = new_figure(8.2, 6.2)
    axes: Any = figure.add_subplot(projection="3d")  # matplotlib has no types for its 3D part
    step = max(1, -(-len(positions) // MAX_POINTS))
    axes.scatter(
        *positions[~accepted][::step].T, color="0.72", s=7, alpha=0.6, depthshade=False, label=f"{(~accepted).sum()} rejected"
    )
    points = axes.scatter(
        *positions[accepted][::step].T,
        c=score[accepted][::step],
        cmap="viridis",
        vmin=0,
        vmax=1,
        s=24,
        depthshade=False,
        label=f"{accepted.sum()} accepted",
    )
    figure.colorbar(points, ax=axes, shrink=0.6, pad=0.1, label="score")
    limits = np.asarray(size, dtype=float) if size is not None else positions.max(axis=0, initial=1.0) + 1
    axes.set(xlim=(0, limits[0]), ylim=(0, limits[1]), zlim=(0, limits[2]), xlabel="x", ylabel="y", zlabel="z")
    axes.set_box_aspect(limits / limits.max())
    axes.view_init(elev=35, azim=-62)
    axes.legend(loc="upper left", fontsize=9, frameon=False)
    return figure
