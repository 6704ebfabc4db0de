"""The figure of an evaluation: precision-recall curves, F1 and calibration of all pickings in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tomo_particles.core.names import drawn

from ..protocols.evaluation.results import Evaluation

# Apart for every kind of colour vision (Okabe and Ito); repeated with another line where there are more pickings.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
LINES = ("-", "--", ":", "-.")
METRICS = {"F1": "F1", "precision": "precision", "recall": "recall", "average_precision": "AP"}
MAX_NAME = 48  # letters of a picking's name in a legend


def draw_evaluations(figure: Figure, evaluations: Sequence[Evaluation]) -> None:
    """Draw every picking in every panel that there are numbers for; the figure must be empty."""
    panels: list[Callable[[Axes, Sequence[Evaluation]], None]] = [_precision_recall, _bars]
    if any(evaluation.species for evaluation in evaluations):
        panels.append(_species)
    if any(_reliability_of(evaluation) for evaluation in evaluations):
        panels.append(_calibration)
    figure.set_layout_engine("constrained")
    rows = 1 if len(panels) <= 2 else 2
    figure.set_size_inches(11.5, 4.8 * rows)
    grid = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        panel(axes, evaluations)
    for axes in grid[len(panels):]:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No calibration: it takes scores from 0 to 1", ha="center", va="center", color="0.4")
    particles = evaluations[0].numbers["particles"]
    handles = [Line2D([], [], marker="o", linewidth=1.6, **_style(index), label=_short(evaluation.name))
               for index, evaluation in enumerate(evaluations)]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(3, len(handles)), fontsize=9, frameon=False)
    figure.suptitle(f"{len(evaluations)} picking{'s' if len(evaluations) > 1 else ''} against {particles} particles", fontsize=12)


def _style(index: int) -> dict[str, str]:
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": LINES[index // len(COLOURS) % len(LINES)]}


def _short(name: str) -> str:
    return drawn(name if len(name) <= MAX_NAME else f"{name[:MAX_NAME - 1]}…")


def _reliability_of(evaluation: Evaluation) -> dict[str, list[float]] | None:
    return (evaluation.curve or {}).get("reliability")


def _precision_recall(axes: Axes, evaluations: Sequence[Evaluation]) -> None:
    for f1 in (0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(f1 / (2 - f1), 1, 100)
        axes.plot(recall, f1 * recall / (2 * recall - f1), color="0.88", linewidth=0.8, zorder=0)
        axes.annotate(f"F1 {f1}", (1.0, f1 / (2 - f1)), fontsize=7, color="0.55", ha="right", va="bottom")
    for index, evaluation in enumerate(evaluations):
        numbers, curve, style = evaluation.numbers, evaluation.curve, _style(index)
        if curve is not None:
            axes.plot([0.0, *curve["recall"]], [curve["precision"][0], *curve["precision"]], linewidth=1.6, **style)
        axes.plot(numbers["recall"], numbers["precision"], "o", markersize=7, color=style["color"])
    axes.set(xlim=(0, 1.02), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
    axes.set_title("Precision and recall (dot: all picks)", fontsize=11)


def _bars(axes: Axes, evaluations: Sequence[Evaluation]) -> None:
    width = 0.8 / len(evaluations)
    for index, evaluation in enumerate(evaluations):
        at = np.arange(len(METRICS)) + (index - (len(evaluations) - 1) / 2) * width
        values = [evaluation.numbers[key] or 0.0 for key in METRICS]
        bars = axes.bar(at, values, 0.92 * width, color=_style(index)["color"])
        if len(evaluations) <= 4:
            axes.bar_label(bars, [f"{value:.2f}" if evaluation.numbers[key] is not None else "none"
                                  for key, value in zip(METRICS, values, strict=True)], fontsize=8, padding=1)
        random = axes.plot(at[0] + np.array([-0.46, 0.46]) * width, [evaluation.random_f1] * 2, color="0.1", linewidth=1.5)
    random[0].set_label("as many random positions")
    axes.set_xticks(range(len(METRICS)), METRICS.values())
    axes.set_ylim(0, 1.2)
    axes.set_title("How much is found, and how much of it is true", fontsize=11)
    axes.legend(fontsize=8, loc="upper left", frameon=False)


def _species(axes: Axes, evaluations: Sequence[Evaluation]) -> None:
    named = [(index, evaluation) for index, evaluation in enumerate(evaluations) if evaluation.species]
    names = list(dict.fromkeys(name for _, evaluation in named for name in evaluation.species))
    width = 0.8 / len(named)
    for place, (index, evaluation) in enumerate(named):
        at = np.arange(len(names)) + (place - (len(named) - 1) / 2) * width
        values = [evaluation.species.get(name, {}).get("F1", 0.0) for name in names]
        axes.bar(at, values, 0.92 * width, color=_style(index)["color"])
    shown = list(map(drawn, names))
    axes.set_xticks(range(len(names)), shown, rotation=30 if len(names) > 4 else 0, ha="right" if len(names) > 4 else "center")
    axes.set(ylim=(0, 1.05), ylabel="F1")
    axes.set_title("F1 of each species (right name needed)", fontsize=11)


def _calibration(axes: Axes, evaluations: Sequence[Evaluation]) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", label="calibrated")
    for index, evaluation in enumerate(evaluations):
        bins = _reliability_of(evaluation)
        if bins:
            axes.plot(bins["score"], bins["share"], marker="o", markersize=5, linewidth=1.5, **_style(index),
                      label=f"ECE {evaluation.numbers['ECE']:.2f}")
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), xlabel="mean score of a bin", ylabel="share of true picks in it")
    axes.set_title("Calibration (scores from 0 to 1)", fontsize=11)
    axes.legend(fontsize=8, loc="upper left", framealpha=0.85)
