"""The sets of pickers that share picks (UpSet plot, Lex et al. 2014), and the reliability of each picker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ._style import ACCEPTED, PRECISION, RECALL, REJECTED, new_figure, note_figure, short, thin_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_SETS = 24  # combinations of pickers whose numbers can still be read


def plot_votes(seen: np.ndarray, accepted: np.ndarray, names: Sequence[str]) -> Figure:
    """UpSet plot of (m, K) bool, which picker saw each merged pick: one column per combination of pickers, the largest first.

    accepted: (m,) bool, the part of each column drawn in its colour.  names: the pickers'.
    """
    combinations, of_pick = np.unique(seen, axis=0, return_inverse=True)
    of_pick = np.reshape(of_pick, -1)
    total = np.bincount(of_pick, minlength=len(combinations))
    good = np.bincount(of_pick, weights=accepted, minlength=len(combinations)).astype(int)
    order = np.argsort(-total, kind="stable")[:MAX_SETS]
    if not len(order):
        return note_figure("There is no merged pick.")
    width = max(7.5, 3.4 + 0.55 * len(order))
    figure = new_figure(width, 3.2 + 0.36 * len(names))
    sizes_width = 2.6
    grid = figure.subplots(
        2, 2, squeeze=False, width_ratios=(sizes_width, width - sizes_width), height_ratios=(2.6, 0.36 * len(names) + 0.1)
    )
    corner, bars, sizes, matrix = grid.ravel()
    corner.set_axis_off()
    _columns(bars, good[order], total[order])
    _matrix(matrix, combinations[order])
    _sizes(sizes, seen, accepted, names)
    if len(order) < len(combinations):
        corner.text(0, 0.1, f"the {MAX_SETS} largest of\n{len(combinations)} combinations", fontsize=8, color="0.4")
    return figure


def _columns(axes: Axes, good: np.ndarray, total: np.ndarray) -> None:
    places = np.arange(len(total))
    axes.bar(places, good, 0.68, color=ACCEPTED, label="accepted")
    axes.bar(places, total - good, 0.68, bottom=good, color=REJECTED, alpha=0.55, label="rejected")
    for place, count in zip(places, total, strict=True):
        axes.text(place, count, f"{count}", ha="center", va="bottom", fontsize=9)
    axes.set(ylabel="merged picks", ylim=(0, 1.12 * total.max(initial=1)), xlim=(-0.6, len(total) - 0.4), xticks=[])
    thin_axes(axes)
    axes.legend(fontsize=9, frameon=False, loc="upper right")


def _matrix(axes: Axes, combinations: np.ndarray) -> None:
    n_pickers = combinations.shape[1]
    for row in range(0, n_pickers, 2):
        axes.axhspan(row - 0.5, row + 0.5, color="0.955", linewidth=0, zorder=0)
    places, rows = np.meshgrid(np.arange(len(combinations)), np.arange(n_pickers), indexing="ij")
    axes.scatter(places, rows, s=70, color=np.where(combinations.ravel(), "#222222", "#d4d4d4").tolist(), zorder=2)
    for place, combination in enumerate(combinations):
        inside = np.flatnonzero(combination)
        if len(inside) > 1:
            axes.plot([place, place], [inside[0], inside[-1]], color="#222222", linewidth=2, zorder=1)
    axes.set(xlim=(-0.6, len(combinations) - 0.4), ylim=(n_pickers - 0.5, -0.5), yticks=[], xticks=[])
    axes.spines[:].set_visible(False)


def _sizes(axes: Axes, seen: np.ndarray, accepted: np.ndarray, names: Sequence[str]) -> None:
    total, good = seen.sum(axis=0), (seen & accepted[:, None]).sum(axis=0)
    rows = np.arange(len(names))
    axes.barh(rows, good, 0.6, color=ACCEPTED)
    axes.barh(rows, total - good, 0.6, left=good, color=REJECTED, alpha=0.55)
    for row, count in zip(rows, total, strict=True):
        axes.text(count, row, f"{count} ", ha="right", va="center", fontsize=9)
    axes.set_yticks(rows, [short(name, 22) for name in names], fontsize=10)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(1.25 * total.max(initial=1), 0))
    axes.yaxis.tick_right()
    axes.tick_params(left=False, right=False, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)


def plot_pickers(names: Sequence[str], precision: np.ndarray, recall: np.ndarray) -> Figure:
    """Estimated precision and recall (K,) of each picker, as dots with their numbers; NaN where nothing could be estimated."""
    figure = new_figure(7.5, 1.3 + 0.5 * len(names))
    axes = figure.add_subplot()
    rows = np.arange(len(names))
    for values, colour, name, place in (
        (precision, PRECISION, "precision: share of its picks that are particles", -0.14),
        (recall, RECALL, "recall: share of the particles that it saw", 0.14),
    ):
        axes.hlines(rows + place, 0, np.nan_to_num(values), color=colour, linewidth=1.5, alpha=0.5)
        axes.plot(values, rows + place, "o", color=colour, markersize=8, label=name)
        for row, value in zip(rows, values, strict=True):
            known = bool(np.isfinite(value))
            axes.text(
                value + 0.02 if known else 0.02, row + place, f"{value:.2f}" if known else "unknown", va="center", fontsize=9
            )
    axes.set_yticks(rows, [short(name) for name in names])
    axes.set(xlim=(0, 1.08), ylim=(len(names) - 0.5, -0.5), xlabel="estimated share")
    thin_axes(axes, "x")
    figure.legend(loc="outside upper left", ncols=2, fontsize=9, frameon=False)
    return figure
