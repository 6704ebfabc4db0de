"""Figures of scores: histograms, expected results of a threshold, calibration."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from ...consensus.expected_precision import Expectation, expected_precision_recall, in_words
from ...consensus.verdict import SUPPORTED, Verdict
from ...evaluation.calibration import expected_calibration_error, reliability_bins
from ._style import (
    ACCEPTED,
    F1,
    LABELS,
    PRECISION,
    RECALL,
    legend_below,
    mark_threshold,
    new_figure,
    support_colours,
    thin_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = np.linspace(0, 1, 41)
THRESHOLDS = np.linspace(0, 1, 201)
TITLE_WIDTH = 90  # characters of a line of the title
CURVE_POINTS = 400  # of the picks: a million points would make a page of hundreds of megabytes


def plot_scores(score: np.ndarray, label: np.ndarray, support: np.ndarray, threshold: float | None = None) -> Figure:
    """Histograms of the scores (m,): by label (m,) of the training and by the number of pickers (m,) that saw a pick.

    Counts are on a logarithmic axis: most scores lie at the ends, and a threshold decides on the few between them.
    """
    figure = new_figure(10.5, 4.3)
    by_label, by_support = figure.subplots(1, 2, sharey=True, squeeze=False)[0]
    labels = [value for value in LABELS if (label == value).any()]
    _outlines(
        by_label,
        [score[label == value] for value in labels],
        [LABELS[value][1] for value in labels],
        [LABELS[value][0] for value in labels],
    )
    by_label.set_title("by label", fontsize=11)
    by_label.set_ylabel("merged picks")
    most = int(support.max(initial=1))
    counts = [count for count in range(most + 1) if (support == count).any()]  # 0: a reference that no picker saw
    colours = ["#777777", *support_colours(most)]
    names = [f"{count} picker{'' if count == 1 else 's'}" if count else "reference only" for count in counts]
    _outlines(by_support, [score[support == count] for count in counts], [colours[count] for count in counts], names)
    by_support.set_title("by how many pickers saw them", fontsize=11)
    for axes in (by_label, by_support):
        mark_threshold(axes, threshold)
        axes.set(xlabel="score", xlim=(0, 1))
        thin_axes(axes)
        legend_below(axes, 4)
    return figure


def _outlines(axes: Axes, parts: list[np.ndarray], colours: list[str], names: list[str]) -> None:
    for part, colour, name in zip(parts, colours, names, strict=True):
        edges, values = BINS.tolist(), np.clip(part, 0, 1)
        axes.hist(values, bins=edges, color=colour, alpha=0.22, histtype="stepfilled")
        axes.hist(values, bins=edges, color=colour, linewidth=1.8, histtype="step", label=f"{len(part)}: {name}")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.yaxis.set_major_formatter("{x:g}")


def plot_threshold(
    probability: np.ndarray, threshold: float | None = None, trusted: bool = True, verdict: Verdict | None = None
) -> Figure:
    """Accepted picks, expected precision and recall at each threshold, from the probabilities (m,) of picks that may be accepted.

    trusted: whether the scores are probabilities at all; if not, the figure says so.  verdict: of the run; the figure says it
    where it is not SUPPORTED.
    """
    figure = new_figure(9.0, 6.0)
    fill_threshold(figure, probability, threshold, trusted, verdict)
    return figure


def fill_threshold(
    figure: Figure, probability: np.ndarray, threshold: float | None, trusted: bool, verdict: Verdict | None
) -> None:
    """`plot_threshold` into an empty figure, or again into its own after the threshold has changed."""
    figure.clear()
    counts, promise = figure.subplots(2, 1, sharex=True, squeeze=False, height_ratios=(1, 1.35))[:, 0]
    counts.hist(np.clip(probability, 0, 1), bins=BINS.tolist(), color="#9fb6c9", edgecolor="white", linewidth=0.3)
    counts.set_ylabel("merged picks")
    promises = verdict is None or verdict.promises
    _draw_expectation(promise, expected_precision_recall(probability, THRESHOLDS, verdict), promises)
    mark_threshold(counts, threshold)
    if threshold is not None:
        _draw_choice(promise, expected_precision_recall(probability, np.array([threshold]), verdict), promises)
    for axes in (counts, promise):
        thin_axes(axes)
        axes.set_xlim(0, 1)
    lines = ["Expected precision and recall at each threshold"]
    if verdict and verdict.kind != SUPPORTED:
        lines.append(fill(verdict.text, TITLE_WIDTH))
    if not trusted:
        lines.append("with care: these scores are not calibrated probabilities")
    figure.suptitle("\n".join(lines), fontsize=12)


def _draw_expectation(axes: Axes, expected: Expectation, promises: bool) -> None:
    """Curves of expected precision, recall and F1 with their intervals, and a mark at the best F1."""
    axes.set(xlabel="threshold on the score", ylabel="share", ylim=(0, 1.03))
    if not promises:
        axes.text(0.5, 0.6, "precision and recall are unknown", ha="center", fontsize=12, color="0.35")
        return
    for low, high, colour in (
        (expected.precision_low, expected.precision_high, PRECISION),
        (expected.recall_low, expected.recall_high, RECALL),
    ):
        axes.fill_between(expected.threshold, low, high, color=colour, alpha=0.12, linewidth=0)
    for values, colour, name, line in (
        (expected.precision, PRECISION, "expected precision", "-"),
        (expected.recall, RECALL, "expected recall, of what any picker saw", "-"),
        (expected.f1, F1, "expected F1", ":"),
    ):
        axes.plot(expected.threshold, values, color=colour, linestyle=line, linewidth=2, label=name)
    best = float(expected.threshold[expected.best])
    axes.plot(best, expected.f1[expected.best], "v", color=F1, markersize=7, label=f"highest F1, at {best:.2f}")
    legend_below(axes, 4)


def _draw_choice(axes: Axes, here: Expectation, promises: bool) -> None:
    """Dots and numbers at one threshold."""
    threshold, promise = float(here.threshold[0]), here.at(0)
    mark_threshold(axes, threshold, text=False)
    for value, colour in ((here.precision[0], PRECISION), (here.recall[0], RECALL)):
        axes.plot(threshold, value, "o", color=colour, markersize=7)
    lines = [f"at {threshold:g}: {here.accepted[0]} accepted"]
    if promise:
        lines += [f"about {here.particles[0]:.0f} of them particles"] if promises else []
        lines += [f"precision {in_words(promise, 'precision')}", f"recall {in_words(promise, 'recall')}"]
    text = "\n".join(lines)
    left = threshold > 0.6
    axes.annotate(
        text,
        (threshold, 0.06),
        xytext=(-8 if left else 8, 0),
        textcoords="offset points",
        fontsize=9,
        ha="right" if left else "left",
        bbox={"facecolor": "white", "edgecolor": "0.8", "boxstyle": "round,pad=0.35"},
    )


def plot_expected_counts(probability: np.ndarray) -> Figure:
    """The number of picks by decreasing score against the number of particles that the scores predict.

    The curve is a prediction from the scores alone, not a measurement. A measurement needs a truth.
    """
    figure = new_figure(6.4, 4.8)
    axes = figure.add_subplot()
    ranked = np.sort(probability)[::-1]
    number = np.unique(np.linspace(0, len(ranked), CURVE_POINTS).round().astype(int))
    sums = np.append(0.0, np.cumsum(ranked))[number]
    spread = np.sqrt(np.append(0.0, np.cumsum(ranked * (1 - ranked))))[number]
    axes.plot(number, number, color="0.6", linewidth=1, linestyle=":", label="if every pick were a particle")
    axes.fill_between(
        number,
        sums - 2 * spread,
        sums + 2 * spread,
        color=ACCEPTED,
        alpha=0.2,
        linewidth=0,
        label="two standard deviations, errors independent",
    )
    axes.plot(number, sums, color=ACCEPTED, linewidth=2, label=f"expected: {sums[-1]:.0f} particles in {len(ranked)} picks")
    axes.set(xlabel="picks, best first", ylabel="particles among them", xlim=(0, max(1, len(ranked))), ylim=(0, None))
    thin_axes(axes, "both")
    legend_below(axes, 1)
    return figure


def plot_calibration(score: np.ndarray, true: np.ndarray) -> Figure:
    """With a truth (m,) bool: the share of particles at each score (m,) against the score."""
    figure = new_figure(5.4, 5.2)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", label="as promised")
    bins = reliability_bins(score, true)
    error = np.sqrt(bins.share * (1 - bins.share) / bins.count)
    axes.errorbar(
        bins.score,
        bins.share,
        yerr=error,
        fmt="o-",
        color=PRECISION,
        linewidth=1.6,
        markersize=5,
        capsize=2,
        label=f"measured; mean error {expected_calibration_error(score, true):.3f}",
    )
    for x, y, count in zip(bins.score, bins.share, bins.count, strict=True):
        axes.annotate(f"{count}", (x, y), xytext=(5, -9 if y > 0.5 else 6), textcoords="offset points", fontsize=8, color="0.35")
    axes.set(
        xlim=(0, 1.03), ylim=(-0.03, 1.03), xlabel="mean score of the bin (number: its picks)", ylabel="share that are particles"
    )
    thin_axes(axes, "both")
    legend_below(axes, 2)
    return figure
