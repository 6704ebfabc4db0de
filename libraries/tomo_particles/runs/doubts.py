"""Reasons not to trust the scores of a run, from its results: the same lines in report, summary and terminal."""

from __future__ import annotations

from ..consensus.expected_precision import FEWEST_PICKS
from .results import RunResults

MOST_UNANIMOUS_REJECTED = 0.5  # share of the picks of all pickers that may be rejected without a warning


def doubts(run: RunResults) -> list[str]:
    """A sentence each; none for votes, which promise nothing."""
    if run.threshold is None:
        return []
    found = []
    if len(run.pickers) == 2:
        found.append(
            "Two pickers: nothing contradicts a false pick that both make. A third picker of another kind, or negative "
            "references, would."
        )
    return found + (_of_promises(run) if run.promises else [])


def _of_promises(run: RunResults) -> list[str]:
    """Reasons not to believe the precision and the recall that are promised."""
    found = []
    if run.verdict is None and run.scores_are_probabilities:
        found.append(
            "This run is of a version that did not ask whether there is anything to see. Start it again with the same "
            "options, or Continue it in Scipion, to learn that: a high expected precision may mean nothing."
        )
    unanimous = run.seen.all(axis=1) & (run.seen.shape[1] > 1)
    rejected = int((unanimous & ~run.accepted).sum())
    if rejected > MOST_UNANIMOUS_REJECTED * unanimous.sum():
        found.append(
            f"{rejected} of the {unanimous.sum()} picks that every picker saw were rejected: the pickers err alike, the "
            "threshold is high, or the score is wrong. Look at the gallery and at the picks on slices before you trust it."
        )
    if len(run.table) < FEWEST_PICKS:
        found.append(f"{len(run.table)} merged picks are too few for scores that can be read as probabilities.")
    return found
