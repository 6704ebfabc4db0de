"""The training of a voxel-wise picker: losses of its networks, and what thresholds give out of fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ...core.names import drawn
from ._style import F1, PRECISION, RECALL, REJECTED, mark_threshold, new_figure, note_figure, thin_axes
from .training import MAX_NETWORKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_picker_training(log: pd.DataFrame) -> Figure:
    """Loss of training and validation by step, a column per network. log: network, step, loss, val_loss."""
    networks = sorted(log["network"].unique())
    if not networks:
        return note_figure("The training has no curve yet.")
    shown = networks[:MAX_NETWORKS]
    figure = new_figure(max(5.0, 3.3 * len(shown)), 3.6)
    grid = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for axes, network in zip(grid, shown, strict=True):
        rows = log[log["network"] == network].sort_values("step")
        axes.plot(rows["step"], rows["loss"], color=PRECISION, linewidth=1.8, label="training")
        if rows["val_loss"].notna().any():
            axes.plot(rows["step"], rows["val_loss"], "--", color=REJECTED, linewidth=1.8, label="validation")
            best = rows.loc[rows["val_loss"].idxmin()]
            axes.plot(best["step"], best["val_loss"], "o", color=REJECTED, markersize=7, label="lowest validation loss: kept")
        axes.set_title(f"network {network:g} of {len(networks)}", fontsize=11)
        axes.set_xlabel("step")
        thin_axes(axes)
    grid[0].set_ylabel("loss")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return figure


def plot_picker_thresholds(table: pd.DataFrame, name: str, threshold: float | None) -> Figure:
    """Precision, recall and F score at each threshold, out of fold. table: class, threshold, picks, precision, recall.

    name: of the class, empty for all together.
    """
    figure = new_figure(6.4, 4.2)
    figure.add_subplot()
    fill_picker_thresholds(figure, table, name, threshold)
    return figure


def fill_picker_thresholds(figure: Figure, table: pd.DataFrame, name: str, threshold: float | None) -> None:
    """Draw `plot_picker_thresholds` into its figure again."""
    axes: Axes = figure.axes[0]
    axes.clear()
    own = table[table["class"].fillna("") == name]
    axes.plot(own["threshold"], own["precision"], color=PRECISION, linewidth=1.8, label="precision")
    axes.plot(own["threshold"], own["recall"], color=RECALL, linewidth=1.8, label="recall")
    both = (own["precision"] + own["recall"]).clip(lower=1e-12)
    axes.plot(
        own["threshold"], 2 * own["precision"] * own["recall"] / both, color=F1, linewidth=1.4, linestyle=":", label="F score"
    )
    mark_threshold(axes, threshold)
    title = "training tomograms, out of fold" + (f": {drawn(name)}" if name else "")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="lowest accepted score", title=title)
    axes.legend(loc="lower left", fontsize=9, frameon=False)
    thin_axes(axes)
