"""Shared by the figures: colours, an empty figure, a legend below the panel, a note instead of a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ...core.names import drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Distinct for every kind of colour vision (Okabe and Ito).
ACCEPTED, REJECTED = "#009e73", "#d55e00"
PRECISION, RECALL, F1 = "#0072b2", "#cc79a7", "#444444"
LABELS = {1: ("positive", "#0072b2"), 0: ("doubtful", "#e69f00"), -1: ("known to be wrong", "#777777")}
MAX_NAME = 28  # letters of a picker's or tomogram's name in a figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, size in inches, with automatic layout; it needs no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def note_figure(text: str) -> Figure:
    """A figure with a note instead of data."""
    figure = new_figure(8.0, 1.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=11, color="0.35", wrap=True)
    return figure


def short(name: str, most: int = MAX_NAME) -> str:
    """A name that fits, cut in the middle: names usually differ at the beginning and at the end."""
    return drawn(name if len(name) <= most else f"{name[: most // 2]}…{name[-(most - most // 2 - 1) :]}")


def support_colours(n: int) -> list[str]:
    """A colour for each number of pickers 1..n, light to dark."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis_r"](0.08 + 0.84 * k / max(1, n - 1))) for k in range(n)]


def legend_below(axes: Axes, columns: int = 2, drop: float = -0.16) -> None:
    """The legend below the panel, where it hides no data."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, drop), ncols=columns, fontsize=9, frameon=False, columnspacing=1.4)


def thin_axes(axes: Axes, grid: Literal["x", "y", "both"] = "y") -> None:
    """Axes with a light grid and without a box around them."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color="0.92", linewidth=0.8)


def mark_threshold(axes: Axes, threshold: float | None, text: bool = True) -> None:
    """A vertical line at the threshold; nothing where there is none."""
    if threshold is None:
        return
    axes.axvline(threshold, color="0.15", linewidth=1.3, linestyle="--")
    if text:
        left = threshold > 0.8
        axes.annotate(
            f"threshold {threshold:g}",
            (threshold, 1.0),
            xycoords=axes.get_xaxis_transform(),
            fontsize=9,
            xytext=(-5 if left else 5, -4),
            textcoords="offset points",
            va="top",
            ha="right" if left else "left",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.8},
        )
