"""When a file that another program writes is complete: by its size, and because it no longer changes.

Times are monotonic, and a file is compared with its own earlier states alone: the clock of a file server does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SETTLE, SHORT = 30.0, 1800.0  # seconds


@dataclass(frozen=True)
class FileState:
    """What one look says of a file.

    size: bytes.  changed: time of its last change, only compared with itself.  expected: bytes that its header promises, 0 for a
    format that promises none, None for a header that cannot be read.  blank_end: whether its end may still have to be written
    (a program that reserves the space first leaves zeros there).
    """

    size: int
    changed: int
    expected: int | None = 0
    blank_end: bool = False

    @property
    def whole(self) -> bool:
        """Whether all bytes are there."""
        return self.expected is not None and self.size > 0 and self.size >= self.expected


@dataclass(frozen=True)
class Arrival:
    """A file in the state in which all looks since `since` found it."""

    state: FileState
    since: float

    def complete(self, now: float, settle: float = SETTLE) -> bool:
        """Whether the file is whole and has not changed for `settle` seconds, twice as long with a blank end."""
        return self.state.whole and now - self.since >= settle * (2 if self.state.blank_end else 1)

    def fault(self, now: float, short: float = SHORT) -> str:
        """Why a file that has not changed for `short` seconds is given up until it changes; empty while it is waited for."""
        if self.state.whole or now - self.since < short:
            return ""
        return self.shortfall(now) + " and no longer grows" * (self.state.expected is not None)

    def shortfall(self, now: float) -> str:
        """What is wrong with a file that is not complete now."""
        if self.state.whole:
            return f"its file still changed {now - self.since:.0f} s ago"
        if self.state.expected is None:
            return "it cannot be read"
        return f"it holds {self.state.size} of {max(1, self.state.expected)} bytes"


def seen_again(before: Mapping[str, Arrival], states: Mapping[str, FileState], now: float) -> dict[str, Arrival]:
    """The arrivals after one more look. A file that is gone is forgotten."""
    return {
        path: before[path] if path in before and before[path].state == state else Arrival(state, now)
        for path, state in states.items()
    }
