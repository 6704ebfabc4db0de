"""How long a training still takes, from the seconds of its epochs so far."""

from __future__ import annotations

from collections.abc import Sequence


def training_left(seconds: Sequence[float], fold: int, epoch: int, folds: int, epochs: int) -> float:
    """Seconds that a training takes at most, after epoch `epoch` of network `fold` (both from 1): a network may stop early.

    seconds: of every epoch so far.
    """
    left = (folds - fold) * epochs + epochs - epoch
    return left * sum(seconds) / len(seconds) if seconds else 0.0


def in_minutes(seconds: float) -> str:
    """A time for people: no user waits for seconds."""
    return "a minute" if seconds < 60 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
