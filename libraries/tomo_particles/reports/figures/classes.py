"""Classes of particles: log odds, and the agreement of halves beside that of sets of one structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.mixture import fit_mixture
from ._style import ACCEPTED, PRECISION, RECALL, REJECTED, new_figure, support_colours, thin_axes

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


def plot_posteriors(probabilities: np.ndarray, labels: np.ndarray) -> Figure:
    """How certain the class of each particle is. probabilities: (n,) of its class, 0 to 1.  labels: (n,) from 1."""
    figure = new_figure(7.5, 3.4)
    axes = figure.add_subplot()
    numbers = np.unique(labels)
    groups = [probabilities[labels == number] for number in numbers]
    colours = [PRECISION, RECALL] if len(numbers) == 2 else support_colours(len(numbers))
    edges = np.linspace(min(0.5, float(probabilities.min(initial=1))), 1, 41).tolist()
    axes.hist(groups, edges, stacked=True, color=colours[: len(numbers)], label=[f"class {number}" for number in numbers])
    axes.set(xlabel="probability of its class", ylabel="particles")
    axes.legend(frameon=False, fontsize=9)
    thin_axes(axes)
    return figure


def plot_nuisances(nuisances: Mapping[str, float], strong: float) -> Figure:
    """How far the classes follow what is no structure, 0 to 1. strong: from here on the classes are doubtful."""
    figure = new_figure(7.5, 1.2 + 0.4 * len(nuisances))
    axes = figure.add_subplot()
    names, values = list(nuisances)[::-1], list(nuisances.values())[::-1]
    axes.barh(names, values, height=0.6, color=[REJECTED if value > strong else "0.6" for value in values])
    for row, value in enumerate(values):
        axes.text(value + 0.01, row, f"{value:.2f}", va="center", fontsize=9)
    axes.axvline(strong, color="0.3", linestyle=":", linewidth=1.4)
    axes.set(xlabel=f"how far the log odds follow it; doubtful from {strong:g} on", xlim=(0, 1.08))
    thin_axes(axes, "x")
    return figure


EDGES = 150  # of a graph that are drawn: the heaviest
ABOVE = 60.0  # degrees over the plane z = 0, from where the sphere is seen first


def plot_views(directions: np.ndarray, informative: np.ndarray, signs: np.ndarray, weights: np.ndarray) -> Figure:
    """Directions of view (k, 3) on their hemisphere, by their sign, and the heaviest weights (k, k) between them.

    informative: (k,) bool; the others are grey. Weights that the signs do not satisfy are broken lines. A line over the rim ends
    opposite to its direction, which is the same view. In a window the sphere can be turned.
    """
    figure = new_figure(6.2, 5.2)
    axes: Any = figure.add_subplot(projection="3d", computed_zorder=False)  # matplotlib does not type it
    one, other = np.nonzero(np.triu(weights, 1))
    size = np.abs(weights[one, other])
    for row in np.argsort(-size)[:EDGES]:
        ends = directions[[one[row], other[row]]]
        agrees = weights[one[row], other[row]] * signs[one[row]] * signs[other[row]] > 0
        strength = float(size[row] / size.max())
        axes.plot(*_arc(ends), color="0.4" if agrees else ACCEPTED, linewidth=0.3 + 1.7 * strength,
                  linestyle="-" if agrees else ":", zorder=1)  # fmt: skip
    for sign, colour in ((1, PRECISION), (-1, RECALL)):
        kept = informative & (signs == sign)
        axes.scatter(*directions[kept].T, s=26, color=colour, depthshade=False, zorder=2,
                     label=f"sign {'+' if sign > 0 else '-'}")  # fmt: skip
    axes.scatter(*directions[~informative].T, s=14, color="0.75", depthshade=False, zorder=2, label="no more than noise")
    circle = np.linspace(0, 2 * np.pi, 181)
    axes.plot(np.cos(circle), np.sin(circle), 0 * circle, color="0.85", linewidth=0.8, zorder=0)
    axes.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-0.5, 1))
    axes.set_box_aspect((2, 2, 1.5), zoom=1.5)
    axes.view_init(elev=ABOVE)
    axes.set_axis_off()
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    return figure


def _arc(ends: np.ndarray) -> np.ndarray:
    """(3, k) points on the sphere from one of two directions (2, 3) to the other, or to the opposite of it if that is nearer."""
    end = ends[1] if ends[0] @ ends[1] >= 0 else -ends[1]
    straight = ends[0] + np.linspace(0, 1, 9)[:, None] * (end - ends[0])
    return np.asarray((straight / np.linalg.norm(straight, axis=1, keepdims=True)).T)


def plot_direction(places: np.ndarray, mean: np.ndarray, eigenimage: np.ndarray) -> Figure:
    """The images of one direction: where they lie along their component (k,), with the mixture, and what a place looks like.

    mean, eigenimage: (n, n). In a window the line can be dragged: the third image is mean + place * eigenimage.
    """
    figure = new_figure(8.6, 5.4)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    axes = top.add_subplot()
    _, edges, _ = axes.hist(places, bins=min(40, 1 + int(len(places) ** 0.5)), density=True, color="0.8")
    fit, x = fit_mixture(places), np.linspace(edges[0], edges[-1], 300)
    for centre, share, colour in ((fit.low, 1 - fit.share, RECALL), (fit.high, fit.share, PRECISION)):
        curve = share * np.exp(-((x - centre) ** 2) / (2 * fit.variance)) / np.sqrt(2 * np.pi * fit.variance)
        axes.plot(x, curve, color=colour, linewidth=1.9)
    axes.set(xlabel="place along the component", ylabel="density of images")
    thin_axes(axes)
    line = axes.axvline(fit.high, color=ACCEPTED, linewidth=2.4)
    shown = {"mean": mean, "component": eigenimage, "mean + place * component": mean + fit.high * eigenimage}
    pictures = bottom.subplots(1, 3)
    drawn = [picture.imshow(image, cmap="gray") for picture, image in zip(pictures, shown.values(), strict=True)]
    for picture, name in zip(pictures, shown, strict=True):
        picture.set(title=name, xticks=[], yticks=[])

    def dragged(event: object) -> None:
        if getattr(event, "inaxes", None) is not axes or getattr(event, "button", None) is None:
            return
        place = float(event.xdata)  # type: ignore[attr-defined]
        line.set_xdata([place, place])
        drawn[-1].set_data(mean + place * eigenimage)
        drawn[-1].autoscale()
        figure.canvas.draw_idle()

    for name in ("button_press_event", "motion_notify_event"):
        figure.canvas.mpl_connect(name, dragged)
    return figure
