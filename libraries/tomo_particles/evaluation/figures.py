"""Pictures of an evaluation: confusion matrix; precision-recall, reliability and scores."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core.files import written_aside
from ..core.names import drawn
from .calibration import expected_calibration_error, reliability_bins, why_not_probabilities
from .report import ScoreCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"distance": "#0072b2", "occupancy": "#d55e00"}  # distinct for every kind of colour vision (Okabe and Ito)
HIT, FALSE = "#0072b2", "#d55e00"
MAX_ANNOTATED = 30  # rows of a matrix whose numbers can still be read
DPI = 160


def _new_figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: str | os.PathLike) -> None:
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=DPI)


def draw_confusion(path: str | os.PathLike, title: str, rows: Sequence[str], columns: Sequence[str], counts: np.ndarray) -> None:
    """Draw a confusion matrix as PNG."""
    _save(confusion_figure(title, rows, columns, counts), path)


def confusion_figure(title: str, rows: Sequence[str], columns: Sequence[str], counts: np.ndarray) -> Figure:
    """A confusion matrix: counts (rows, columns), shaded by their share of the row.

    The last row (false picks) and the last column (misses) are set apart by lines.
    """
    from matplotlib.colors import LinearSegmentedColormap

    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    longest = max(map(len, [*rows, *columns]))
    figure = _new_figure(max(6.0, 2.2 + 0.07 * longest + 0.52 * len(columns)), 2.0 + 0.055 * longest + 0.46 * len(rows))
    axes = figure.add_subplot()
    map_ = LinearSegmentedColormap.from_list("blues", ["#ffffff", "#9ecae1", "#08306b"])
    image = axes.imshow(share, cmap=map_, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), list(map(drawn, columns)), rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), list(map(drawn, rows)))
    axes.set(xlabel="class of the pick", ylabel="true class")
    figure.suptitle(drawn(title), fontsize=10)
    axes.axhline(len(rows) - 1.5, color="0.2", linewidth=1.2)
    axes.axvline(len(columns) - 1.5, color="0.2", linewidth=1.2)
    axes.tick_params(length=0)
    if len(rows) <= MAX_ANNOTATED:
        for row, column in np.argwhere(counts > 0):
            axes.text(
                column,
                row,
                str(counts[row, column]),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if share[row, column] > 0.55 else "0.15",
            )
    bar = figure.colorbar(image, ax=axes, pad=0.02, ticks=[0, 0.5, 1])
    bar.set_label("share of the row", fontsize=8)
    return figure


def draw_curves(
    path: str | os.PathLike, title: str, points: Mapping[str, tuple[float, float]], curves: Mapping[str, ScoreCurves]
) -> None:
    """Draw precision-recall as PNG; if there are scores, also the scores of hits and false picks, and their reliability.

    points: recall and precision of the whole picking, by hit rule.  curves: by hit rule, empty where the picks have no scores.
    """
    first = next(iter(curves.values()), None)
    calibrated = first is not None and not why_not_probabilities(first.score)
    panels = 1 + (first is not None) + calibrated
    figure = _new_figure(4.6 * panels, 4.5)
    axes = [figure.add_subplot(1, panels, index + 1) for index in range(panels)]
    _precision_recall(axes[0], points, curves)
    if first is not None:
        _score_histogram(axes[1], first)
        if calibrated:
            _reliability(axes[2], first)
    figure.suptitle(drawn(title), fontsize=11)
    _save(figure, path)


def _precision_recall(axes: Axes, points: Mapping[str, tuple[float, float]], curves: Mapping[str, ScoreCurves]) -> None:
    for f1 in (0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(f1 / (2 - f1), 1, 100)
        axes.plot(recall, f1 * recall / (2 * recall - f1), color="0.85", linewidth=0.8, zorder=0)
        axes.annotate(f"F1 {f1}", (1.03, f1 / (2 - f1)), fontsize=7, color="0.5", va="center", annotation_clip=False)
    for rule, (recall_, precision) in points.items():
        name = f"{rule} rule"
        if rule in curves:
            curve = curves[rule].curve
            axes.plot(
                np.append(0.0, curve.recall),
                np.append(curve.precision[0], curve.precision),
                color=COLOURS[rule],
                linewidth=1.6,
                linestyle="-" if rule == "distance" else "--",
            )
            name += f", AP {curve.average_precision:.3f}"
        f1 = 2 * precision * recall_ / max(precision + recall_, 1e-12)
        axes.plot(recall_, precision, "o" if rule == "distance" else "s", color=COLOURS[rule], label=f"{name}, F1 {f1:.3f}")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title("precision and recall (marker: all picks)", fontsize=10)
    _legend_below(axes)


def _score_histogram(axes: Axes, curves: ScoreCurves) -> None:
    scored = np.isfinite(curves.score)
    edges = np.histogram_bin_edges(curves.score[scored], bins=30).tolist()
    for chosen, colour, name in ((curves.true, HIT, "hits"), (~curves.true, FALSE, "false and surplus")):
        values = curves.score[scored & chosen]
        axes.hist(values, bins=edges, color=colour, alpha=0.55, label=f"{len(values)} {name}")
    axes.set(xlabel="score", ylabel="picks")
    axes.set_title("scores of hits and false picks", fontsize=10)
    _legend_below(axes)


def _reliability(axes: Axes, curves: ScoreCurves) -> None:
    bins = reliability_bins(curves.score, curves.true)
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", label="calibrated")
    error = np.sqrt(bins.share * (1 - bins.share) / bins.count)
    axes.errorbar(
        bins.score,
        bins.share,
        yerr=error,
        fmt="o-",
        color=HIT,
        linewidth=1.4,
        markersize=5,
        capsize=2,
        label=f"ECE {expected_calibration_error(curves.score, curves.true):.3f}",
    )
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), xlabel="mean score of the bin", ylabel="share that are particles")
    axes.set_title("reliability (bars: standard error)", fontsize=10)
    _legend_below(axes)


def _legend_below(axes: Axes) -> None:
    """The legend below the panel, where it hides no data."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, fontsize=8, frameon=False, columnspacing=1.2)
