"""Masks of regions: the map, the classes over it, and the picks, those in bad regions apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core.grey_values import without_gaps
from ._style import ACCEPTED, REJECTED, new_figure
from .places import GREY_PERCENTILES, MAX_PIXELS, draw_circles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# By class, from 1. Red and green are the picks'.
COLOURS = ("#7f7f7f", "#f2c200", "#2f7fd0", "#7a4a1e", "#8e44ad", "#20b2aa", "#ff69b4")


def plot_regions(
    volume: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    positions: np.ndarray,
    bad: np.ndarray,
    box_size: float,
    *,
    bad_classes: Collection[int] = (),
    voxel: float = 1.0,
    fractions: Sequence[float] = (0.25, 0.5, 0.75),
) -> Figure:
    """Three slices of a tomogram (z, y, x); below each the same with the classes of its mask and the picks.

    labels: (z, y, x) classes.  names: of the classes, from 0.  voxel: edge of a voxel of the mask, in voxels of the tomogram.
    positions: (n, 3) x, y, z, voxels; bad: (n,) whether a pick lies in a bad region.  Circles are half a box wide.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    depth, height, width = volume.shape
    step = max(1, -(-max(height, width) // MAX_PIXELS))
    panel = 11.0 / len(fractions)
    figure = new_figure(11.0, 2 * panel * height / width + 1.1)
    colours = ListedColormap(["none", *COLOURS[: len(names) - 1]])
    half = max(2, round(box_size / 10))
    grid = figure.subplots(2, len(fractions), squeeze=False)
    for column, fraction in enumerate(fractions):
        centre = round(fraction * (depth - 1))
        image = without_gaps(volume[max(0, centre - half) : centre + half + 1, ::step, ::step])[0].mean(axis=0)
        low, high = np.percentile(image, GREY_PERCENTILES)
        for axes in grid[:, column]:
            axes.imshow(image, cmap="gray", vmin=low, vmax=high, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
            axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        own = labels[min(len(labels) - 1, int((centre + 0.5) / voxel))]
        extent = (-0.5, own.shape[1] * voxel - 0.5, own.shape[0] * voxel - 0.5, -0.5)
        mask = grid[1, column]
        mask.imshow(own, cmap=colours, vmin=-0.5, vmax=len(names) - 0.5, alpha=0.45, interpolation="nearest", extent=extent)
        mask.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xlabel="x (voxels)")
        near = np.abs(positions[:, 2] - centre) <= max(1.0, box_size / 4)
        for chosen, colour in ((near & ~bad, ACCEPTED), (near & bad, REJECTED)):
            draw_circles(mask, positions[chosen], box_size / 4, colour)
        grid[0, column].set_title(f"z = {centre}", fontsize=10)
    present = [number for number in range(1, len(names)) if (labels == number).any()]
    handles: list = [
        Patch(color=COLOURS[number - 1], alpha=0.6, label=f"{names[number]}{'' if number in bad_classes else ' (good)'}")
        for number in present
    ]
    if len(positions):
        for count, colour, where in (((~bad).sum(), ACCEPTED, "good"), (bad.sum(), REJECTED, "bad")):
            label = f"{count} picks in {where} regions"
            handles.append(Line2D([], [], linestyle="", marker="o", markerfacecolor="none", color=colour, label=label))
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure
