"""Distances between picks, to choose the radius within which they are the same particle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...consensus.pick_spacing import Spacing
from ._style import F1, PRECISION, RECALL, legend_below, new_figure, thin_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 60


def plot_spacing(spacing: Spacing, radius: float, box_size: float) -> Figure:
    """Histograms of the distances (Å) between picks, with the radius and the box size (Å) that are chosen."""
    figure = new_figure(8.0, 4.2)
    fill_spacing(figure, spacing, radius, box_size)
    return figure


def fill_spacing(figure: Figure, spacing: Spacing, radius: float, box_size: float) -> None:
    """`plot_spacing` into an empty figure, or again after a choice has changed."""
    figure.clear()
    axes = figure.add_subplot()
    furthest = max(1.5 * box_size, float(np.percentile(spacing.neighbours, 90)) if len(spacing.neighbours) else 0.0)
    edges = np.linspace(0, furthest, BINS + 1).tolist()
    for distances, colour, name in (
        (spacing.partners, PRECISION, "to the nearest pick of another picker"),
        (spacing.neighbours, RECALL, "to the nearest pick of the same picker: neighbours"),
    ):
        axes.hist(distances, bins=edges, color=colour, alpha=0.25, histtype="stepfilled")
        axes.hist(distances, bins=edges, color=colour, linewidth=1.8, histtype="step", label=name)
    share = spacing.share_within(radius)
    axes.axvline(
        radius,
        color="0.1",
        linewidth=1.6,
        linestyle="--",
        label=f"radius {radius:.0f} Å: {share:.0%} of the picks have a partner within it",
    )
    axes.axvline(box_size, color=F1, linewidth=1.2, linestyle=":", label=f"box {box_size:.0f} Å")
    axes.set(xlabel="distance between picks (Å)", ylabel="picks", xlim=(0, furthest))
    thin_axes(axes)
    legend_below(axes, 1)
