"""When the tomograms that arrived are handed on, and in which outputs. Nothing here waits or writes.

What was handed on is recorded, and a tomogram never changes its output. The same arrivals in the same order give the same
outputs, however often somebody looked or was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

DYNAMIC, MULTIPLEXING, STATIC = "dynamic", "multiplexing", "static"


@dataclass(frozen=True)
class Arrived:
    """A tomogram in the order of arrival. n_picks: of it.  quality: mean score, support or expected precision of its picks.
    at: seconds, monotonic, when it was first seen."""

    tomo_id: str
    n_picks: int = 0
    quality: float = 0.0
    at: float = 0.0


@dataclass(frozen=True)
class Condition:
    """What tomograms must fulfil together to be handed on; what is 0 or None is not asked for.

    tomograms, picks: least numbers.  quality: least mean of the last `last` tomograms, of which there must be so many.
    seconds: time since the first of them came.
    """

    tomograms: int = 1
    picks: int = 0
    quality: float | None = None
    last: int = 1
    seconds: float = 0.0

    def holds(self, arrived: Sequence[Arrived], now: float) -> bool:
        """Whether these tomograms fulfil it at this monotonic time."""
        if not arrived or len(arrived) < self.tomograms or sum(own.n_picks for own in arrived) < self.picks:
            return False
        if self.quality is not None:
            newest = arrived[-self.last :]
            if len(newest) < self.last or sum(own.quality for own in newest) / self.last < self.quality:
                return False
        return not self.seconds or now - arrived[0].at >= self.seconds


@dataclass(frozen=True)
class Output:
    """What is handed on together. closed: nothing more comes to it."""

    tomo_ids: tuple[str, ...]
    closed: bool


def handed_on(
    kind: str, condition: Condition, arrived: Sequence[Arrived], recorded: Sequence[Output], over: bool, now: float
) -> tuple[Output, ...]:
    """All outputs after another look, of which the recorded ones are the beginning.

    DYNAMIC: one output, open from the moment the condition holds, with all before and after.  MULTIPLEXING: closed outputs that
    each fulfil the condition, the rest last.  STATIC: one closed output of what fulfilled the condition.

    arrived: all tomograms so far, in order.  over: whether no more come.  now: monotonic time.
    """
    outputs = list(recorded)
    known = {tomo_id for output in outputs for tomo_id in output.tomo_ids}
    pending: list[Arrived] = []
    for own in arrived:
        if own.tomo_id in known or (outputs and kind == STATIC):
            continue
        if outputs and kind == DYNAMIC:
            outputs[0] = replace(outputs[0], tomo_ids=(*outputs[0].tomo_ids, own.tomo_id))
            continue
        pending.append(own)
        if condition.holds(pending, now):
            outputs.append(Output(tuple(one.tomo_id for one in pending), kind != DYNAMIC))
            pending = []
    if over and kind == MULTIPLEXING and pending:
        outputs.append(Output(tuple(one.tomo_id for one in pending), True))
    if over and kind == DYNAMIC and outputs:
        outputs[0] = replace(outputs[0], closed=True)
    return tuple(outputs)
