"""Resolution of a map: by shell, by direction, and at each voxel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ._style import F1, PRECISION, RECALL, REJECTED, new_figure, short, support_colours, thin_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

CURVES = {"unmasked": "#777777", "masked": "#e69f00", "randomised": REJECTED, "corrected": PRECISION}
THRESHOLDS = (0.5, 0.143)
TICKS = 5  # of a colour bar
SHOWN = (3, 97)  # percentiles between which resolutions are told apart by their colour


def plot_shells(table: pd.DataFrame) -> Figure:
    """The correlations of two halves. table: frequency (1/Å) and any of unmasked, masked, randomised, corrected."""
    figure = new_figure(7.5, 3.8)
    axes = figure.add_subplot()
    for name, colour in CURVES.items():
        if name in table:
            axes.plot(table["frequency"], table[name], color=colour, linewidth=2.4 if name == "corrected" else 1.5, label=name)
    _frequency_axes(axes, "FSC of the halves")
    axes.legend(fontsize=9, frameon=False, loc="upper right")
    return figure


def plot_occupancy(table: pd.DataFrame, band: Sequence[float] = (0.9, 0.1)) -> Figure:
    """The share of directions in which the halves agree, what noise gives, the test for evenness. table: `occupancy_table`."""
    figure = new_figure(7.5, 3.8)
    axes = figure.add_subplot()
    axes.axhspan(*sorted(band), color="0.95", zorder=0)
    axes.plot(table["frequency"], table["fso"], color=PRECISION, linewidth=2.4, label="FSO")
    axes.plot(table["frequency"], table["noise"], "--", color="0.5", linewidth=1.4, label="of two maps of noise")
    axes.plot(table["frequency"], table["isotropic"], ".", color=RECALL, label="p that the directions differ by chance alone")
    _frequency_axes(axes, "share of directions", (0.5,))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return figure


def plot_directions(table: pd.DataFrame) -> Figure:
    """The resolution in each direction, on the half sphere seen from z. table: x, y, z, resolution (Å, NaN for none)."""
    figure = new_figure(5.6, 4.6)
    axes = figure.add_subplot()
    x, y, z = (table[axis].to_numpy() for axis in "xyz")
    flat = 1 / np.sqrt(1 + z)  # equal areas stay equal
    known = np.isfinite(table["resolution"].to_numpy())
    axes.plot((x * flat)[~known], (y * flat)[~known], "x", color="0.35", markersize=5, label="no agreement")
    found = table["resolution"].to_numpy()[known]
    drawn = axes.scatter((x * flat)[known], (y * flat)[known], c=1 / found, s=58, **_colours(found))
    circle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(circle), np.sin(circle), color="0.6", linewidth=1)
    for place, name in (((1.04, 0), "x"), ((0, 1.04), "y")):
        axes.annotate(name, place, fontsize=11, ha="center", va="center", xytext=(5, 4), textcoords="offset points")
    axes.plot(0, 0, "+", color="#d55e00", markersize=12, label="z")
    axes.set(aspect="equal")
    axes.set_axis_off()
    axes.legend(fontsize=9, frameon=False, loc="lower left")
    if known.any():
        _colour_bar(figure, drawn, axes, "resolution (Å)", 0.8)
    return figure


def plot_local(average: np.ndarray, local: np.ndarray) -> Figure:
    """Central slices of a map (above) and of its local resolution in Å (below; 0 outside the mask). Both (n, n, n), z, y, x."""
    figure = new_figure(9.0, 5.6)
    grid = figure.subplots(2, 3, squeeze=False)
    low, high = np.percentile(average, (0.5, 99.8))
    frequency = np.divide(1.0, local, out=np.zeros(local.shape), where=local > 0)
    colours = _colours(local[local > 0])
    for column, (axis, name) in enumerate(zip("zyx", ("x right, y down", "x right, z down", "y right, z down"), strict=True)):
        middle = local.shape[column] // 2
        grid[0, column].imshow(np.take(average, middle, axis=column), cmap="gray", vmin=low, vmax=high)
        grid[0, column].set_title(f"middle slice along {axis}; {name}", fontsize=9)
        cut = np.take(frequency, middle, axis=column)
        shown = grid[1, column].imshow(np.ma.masked_equal(cut, 0), **colours)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
    _colour_bar(figure, shown, grid[1, :], "local resolution (Å)", 0.9)
    return figure


def plot_several(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], label: str) -> Figure:
    """Curves of several maps in one panel. curves: of each its frequencies (1/Å) and values."""
    figure = new_figure(7.5, 4.2)
    axes = figure.add_subplot()
    for number, (name, (frequency, values)) in enumerate(curves.items()):
        colour = support_colours(len(curves))[number]
        axes.plot(frequency, values, color=colour, linewidth=1.9, linestyle=("-", "--", ":")[number % 3], label=short(name))
    _frequency_axes(axes, label)
    axes.legend(fontsize=9, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _colours(resolutions: np.ndarray) -> dict[str, Any]:
    """How to colour frequencies (1/Å) by the resolutions (n,) in Å that occur: a few coarse ones do not take the colours of the
    rest."""
    best, worst = np.percentile(resolutions, SHOWN) if len(resolutions) else (1.0, 2.0)
    return {"cmap": "viridis", "vmin": 1 / max(float(worst), 1.01 * float(best)), "vmax": 1 / float(best)}


def _colour_bar(figure: Figure, drawn: ScalarMappable, axes: Axes | np.ndarray, label: str, shrink: float) -> None:
    """The colours of frequencies, told as resolutions in Å; the ends stand for coarser and finer ones as well."""
    ticks = [float(tick) for tick in np.linspace(*drawn.get_clim(), TICKS)]
    bar = figure.colorbar(drawn, ax=axes, label=label, shrink=shrink, extend="both")
    bar.set_ticks(ticks, labels=[f"{1 / tick:.3g}" for tick in ticks])


def _frequency_axes(axes: Axes, label: str, thresholds: Sequence[float] = THRESHOLDS) -> None:
    """Frequency below, labelled in Å."""
    from matplotlib.ticker import FuncFormatter

    for threshold in thresholds:
        axes.axhline(threshold, color=F1, linewidth=1, linestyle="--")
        axes.annotate(f"{threshold:g}", (0, threshold), xytext=(2, 2), textcoords="offset points", fontsize=8, color=F1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1 / value:.0f}" if value > 0 else ""))
    axes.set(xlabel="resolution (Å)", ylabel=label, ylim=(min(-0.08, axes.dataLim.y0 - 0.03), 1.05))  # noise falls below zero
    axes.set_xlim(left=0)
    thin_axes(axes, "both")
