"""How far a training is, and how long it still takes, from its epochs so far."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def training_left(
    log: Sequence[tuple[int, int, float]], folds: int, epochs: int, ended: Collection[int] = ()
) -> tuple[float, float]:
    """The share of the epochs that is done, and the seconds that a training still takes at most: a network may stop early.

    log: fold and epoch (both from 1) of every epoch so far, in the order of their ends, and the seconds since the end before.
    Networks are trained at the same time, or one after another.  ended: folds whose training is over, as far as that is known.
    """
    if not log:
        return 0.0, 0.0
    last = {fold: epoch for fold, epoch, _ in log}
    finished = sum(epochs if fold in ended else epoch for fold, epoch in last.items())
    left = folds * epochs - finished
    return finished / (folds * epochs), left * sum(seconds for *_, seconds in log) / len(log)


def in_minutes(seconds: float) -> str:
    """A time for people: no user waits for seconds."""
    return "a minute" if seconds < 60 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
