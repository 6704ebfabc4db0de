"""The figures of a run, made from `RunResults`, the same in the report and in the viewer."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..consensus.expected_precision import expected_precision_recall
from ..consensus.merged_picks import NEGATIVE
from ..core.errors import InputError, parameter
from ..core.tomograms import open_tomogram
from ..runs.measured import measure
from ..runs.results import RunResults, TomogramFile
from ..runs.slices import central_slices
from . import figures as draw
from .figures._style import note_figure

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure


def scores_figure(run: RunResults) -> Figure:
    """Histograms of the scores."""
    table = run.table
    return draw.plot_scores(table["score"].to_numpy(), table["label"].to_numpy(), table["support"].to_numpy(), run.threshold)


def eligible(run: RunResults) -> np.ndarray:
    """Probabilities of the picks that may be accepted: all but those the user knows to be wrong."""
    return run.probability[run.merged.label != NEGATIVE]


def threshold_figure(run: RunResults) -> Figure:
    """Expected precision and recall at each threshold."""
    if run.threshold is None:
        return note_figure("Voting gives no probabilities: run with the network to see what a threshold promises.")
    return draw.plot_threshold(eligible(run), run.threshold, run.scores_are_probabilities, run.verdict)


def refill_threshold(figure: Figure, run: RunResults, threshold: float) -> None:
    """The figure of `threshold_figure` again, at another threshold."""
    draw.fill_threshold(figure, eligible(run), threshold, run.scores_are_probabilities, run.verdict)


def best_threshold(run: RunResults) -> float | None:
    """The threshold with the highest expected F1; None where nothing is promised."""
    if not run.promises:
        return None
    expected = expected_precision_recall(eligible(run), draw.THRESHOLDS)
    return float(expected.threshold[expected.best])


def counts_figure(run: RunResults) -> Figure:
    """How many particles the scores predict."""
    if run.threshold is None:
        return note_figure("Voting gives no probabilities.")
    if run.verdict is not None and not run.promises:
        return note_figure(f"The number of particles is unknown.\n{run.verdict.text}")
    return draw.plot_expected_counts(eligible(run))


def calibration_figure(run: RunResults, truth: str | os.PathLike, option: str = parameter("truth")) -> Figure:
    """The scores against the particles of a pick file that names all particles of some tomograms; measured, not predicted.

    Raises InputError naming `option` and the file for one that cannot be read or names none of the run's tomograms.
    """
    if run.threshold is None:
        return note_figure("Voting gives no probabilities: run with the network to measure whether they hold.")
    found = measure(run, truth, option=option)
    if not len(found.score):
        return note_figure("No pick lies in the tomograms of the known particles: there is nothing to measure.")
    figure = draw.plot_calibration(found.score, found.true)
    care = "" if run.scores_are_probabilities else "\nwith care: these scores were not made to be probabilities"
    figure.suptitle(
        f"Measured with {found.particles} known particles in {found.tomograms} tomogram{'s' * (found.tomograms != 1)}:\n"
        f"of the accepted picks {found.precision:.0%} are particles, which is {found.recall:.0%} of the particles{care}",
        fontsize=10,
    )
    return figure


def votes_figure(run: RunResults) -> Figure:
    """Which pickers share which picks."""
    return draw.plot_votes(run.seen, run.accepted, run.pickers)


def pickers_figure(run: RunResults) -> Figure:
    """Estimated precision and recall of the pickers."""
    if not run.promises:
        return note_figure("The reliability of the pickers is unknown: the verdict of the run does not support the scores.")
    if run.reliability is None:
        return note_figure("Nothing was estimated of the pickers: that takes the scores of a network.")
    precision, recall = (np.full(len(run.pickers), np.nan) for _ in range(2))
    rows = run.reliability["picker"].to_numpy(dtype=int) - 1
    precision[rows], recall[rows] = run.reliability["precision"], run.reliability["recall"]
    return draw.plot_pickers(run.pickers, precision, recall)


def training_figure(run: RunResults) -> Figure:
    """Training curves."""
    if run.training is None:
        return note_figure("No network was trained in this run.")
    return draw.plot_training(run.training)


def gallery_figure(run: RunResults, tomo_id: str) -> Figure:
    """Boxes of one tomogram: best, doubtful, rejected."""
    own = run.of_tomogram(tomo_id)
    score, accepted = run.table["score"].to_numpy()[own], run.accepted[own]
    positions = run.positions()[own]
    rows = draw.gallery_rows(score, accepted, run.threshold)
    if not rows:
        return draw.plot_gallery({}, {}, {}, tomo_id)
    try:
        every = positions[np.concatenate(list(rows.values()))]
        boxes = iter(central_slices(_tomogram(run, tomo_id), every, run.box_size, run.sampling_rate))
        slices = {name: list(islice(boxes, len(chosen))) for name, chosen in rows.items()}
    except InputError as error:
        return note_figure(f"The boxes cannot be shown: {error}")
    return draw.plot_gallery(
        slices,
        {name: score[chosen].tolist() for name, chosen in rows.items()},
        {name: accepted[chosen].tolist() for name, chosen in rows.items()},
        tomo_id,
    )


def slices_figure(run: RunResults, tomo_id: str) -> Figure:
    """Picks on slices of their tomogram; a line of text if the tomogram is missing."""
    tomogram = _tomogram(run, tomo_id)
    own = run.of_tomogram(tomo_id)
    try:
        with open_tomogram(tomogram.path, tomogram.sampling_rate) as opened:
            return draw.plot_slices(
                opened.data,
                run.positions(opened.sampling_rate)[own],
                run.accepted[own],
                run.box_size * run.sampling_rate / opened.sampling_rate,
            )
    except InputError as error:
        return note_figure(f"The tomogram cannot be shown: {error}")


def averages_figure(run: RunResults) -> Figure:
    """The averages of both halves of the second look."""
    try:
        with ExitStack() as stack:
            halves = {f"half {n}": stack.enter_context(open_tomogram(path)) for n, path in enumerate(run.averages, start=1)}
            return draw.plot_maps(
                {name: np.array(half.data) for name, half in halves.items()},
                {name: f"{half.size[0] * half.sampling_rate:.0f} Å wide" for name, half in halves.items()},
            )
    except InputError as error:
        return note_figure(f"The averages cannot be shown: {error}")


def places_figure(run: RunResults, tomo_id: str) -> Figure:
    """Picks of one tomogram in space."""
    own = run.of_tomogram(tomo_id)
    return draw.plot_places(run.positions()[own], run.table["score"].to_numpy()[own], run.accepted[own])


def _tomogram(run: RunResults, tomo_id: str) -> TomogramFile:
    return next(tomogram for tomogram in run.tomograms if tomogram.tomo_id == tomo_id)
