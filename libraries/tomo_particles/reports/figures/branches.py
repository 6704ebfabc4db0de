"""Maps of several sets of picks side by side, at one grey scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ._style import new_figure, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREY_PERCENTILES = (0.5, 99.9)
FLAT = 0.01  # of the common grey scale: a map with less is grey all over, and says so
TILE = 1.5  # inches
BESIDE = 8  # maps in a row of the figure, at most


def plot_maps(maps: Mapping[str, np.ndarray], titles: Mapping[str, str] | None = None, *, signed: bool = False) -> Figure:
    """Central slices along z, y and x of maps (n, n, n) of one box: a column a map, one grey scale for all.

    titles: what stands below the name of each.  signed: the maps are differences; the middle grey is 0.
    """
    names = list(maps)
    columns = -(-len(names) // -(-len(names) // BESIDE))
    rows = [names[first : first + columns] for first in range(0, len(names), columns)]
    limits = np.array([np.percentile(volume, GREY_PERCENTILES) for volume in maps.values()])
    low, high = limits[:, 0].min(), limits[:, 1].max()
    if signed:
        high = max(float(np.percentile(np.abs(volume), GREY_PERCENTILES[1])) for volume in maps.values())
        low = -high
    figure = new_figure(TILE * columns + 0.4, (3 * TILE + 0.6) * len(rows))
    grid = figure.subplots(3 * len(rows), columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for number, row in enumerate(rows):
        for column, name in enumerate(row):
            for line, axis in enumerate("zyx"):
                axes = grid[3 * number + line, column]
                axes.set_axis_on()
                axes.set(xticks=[], yticks=[])
                axes.imshow(np.take(maps[name], maps[name].shape[line] // 2, axis=line), cmap="gray", vmin=low, vmax=high)
                if np.ptp(np.percentile(maps[name], GREY_PERCENTILES)) < FLAT * (high - low):
                    axes.text(0.5, 0.5, "flat", color="0.8", ha="center", va="center", transform=axes.transAxes)
                if column == 0:
                    axes.set_ylabel(f"middle slice along {axis}", fontsize=8)
                if line == 0:
                    below = f"\n{titles[name]}" if titles and titles.get(name) else ""
                    axes.set_title(f"{short(name, 22)}{below}", fontsize=9)
    return figure
