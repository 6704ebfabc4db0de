"""Training curves: loss and accuracy of each network at each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ._style import PRECISION, REJECTED, new_figure, note_figure, thin_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_NETWORKS = 6  # a row of panels; with more, the first ones


def plot_training(log: pd.DataFrame) -> Figure:
    """Loss (above) and accuracy (below) of training and validation, a column per network. log: fold, epoch, loss, val_loss..."""
    folds = sorted(log["fold"].unique())
    if not folds:
        return note_figure("The training log is empty.")
    shown = folds[:MAX_NETWORKS]
    figure = new_figure(max(5.0, 3.3 * len(shown)), 5.2)
    grid = figure.subplots(2, len(shown), squeeze=False, sharex=True, sharey="row")
    for column, fold in enumerate(shown):
        rows = log[log["fold"] == fold].sort_values("epoch")
        for axes, measure in zip(grid[:, column], ("loss", "accuracy"), strict=True):
            axes.plot(rows["epoch"], rows[measure], color=PRECISION, linewidth=1.8, label="training")
            axes.plot(rows["epoch"], rows[f"val_{measure}"], "--", color=REJECTED, linewidth=1.8, label="validation")
            thin_axes(axes)
        best = rows.loc[rows["val_loss"].idxmin()]
        grid[0, column].plot(best["epoch"], best["val_loss"], "o", color=REJECTED, markersize=7, label="lowest validation loss")
        grid[0, column].set_title(f"network {column + 1} of {len(folds)}", fontsize=11)
        grid[1, column].set_xlabel("epoch")
    grid[0, 0].set_ylabel("loss")
    grid[1, 0].set_ylabel("accuracy")
    grid[0, 0].xaxis.get_major_locator().set_params(integer=True)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return figure
