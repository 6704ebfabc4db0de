"""Classes of particles: log odds, and the agreement of halves beside that of sets of one structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ._style import ACCEPTED, PRECISION, RECALL, new_figure, thin_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_log_odds(log_odds: np.ndarray) -> Figure:
    """Histogram of the log odds (n,) of class 1 over class 2."""
    figure = new_figure(7.5, 3.4)
    axes = figure.add_subplot()
    low, high = (float(end) for end in np.percentile(log_odds, (0.5, 99.5)))
    edges = np.linspace(low, high, 41)
    inside = np.clip(log_odds, edges[0], edges[-1])
    groups = [inside[log_odds > 0], inside[log_odds <= 0]]
    axes.hist(groups, edges.tolist(), stacked=True, color=[PRECISION, RECALL], label=["class 1", "class 2"])
    axes.set(xlabel="log odds of class 1", ylabel="particles")
    axes.legend(frameon=False, fontsize=9)
    thin_axes(axes)
    return figure


def plot_nulls(agreement: float, nulls: Sequence[float]) -> Figure:
    """The agreement of two halves, and that of sets of one structure."""
    figure = new_figure(7.5, 2.4)
    axes = figure.add_subplot()
    axes.hist(nulls, np.linspace(0, 1, 41).tolist(), color="0.7", label="one structure")
    axes.axvline(agreement, color=ACCEPTED, linewidth=2.4, label="this set")
    axes.set(xlabel="mean correlation of the differences of two halves", ylabel="sets", xlim=(0, 1))
    axes.legend(frameon=False, fontsize=9)
    thin_axes(axes)
    return figure
