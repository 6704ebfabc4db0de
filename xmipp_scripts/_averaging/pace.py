"""How long several averages still take, told before the first and after each of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tomo_particles.learning.training_time import in_minutes

ADVICE = "fewer --iter, one of --starts, or a coarser --finest make it quicker"
LONG = 600  # seconds: longer work comes with advice


class Pace:
    """The time of an average grows with its picks. say: receives lines.  made: receives the share that is done."""

    def __init__(self, say: Callable[[str], None], made: Callable[[float], None] = lambda share: None) -> None:
        self.say, self.made = say, made
        self.picks = self.averages = 0  # to do
        self.all = 0  # picks of all averages
        self.done = 0  # picks that took `seconds`
        self.seconds = 0.0
        self.advised = False

    def begin(self, picks: Sequence[int]) -> None:
        """picks: of every average."""
        self.picks, self.averages = sum(picks), len(picks)
        self.all = self.picks
        self.say(f"{self.averages} averages; how long they take is known after the first")

    @contextmanager
    def average(self, picks: int, kept: bool = False) -> Iterator[None]:
        """Of one average of so many picks. kept: it is done already, and says nothing of the time."""
        start = time.monotonic()
        yield
        self.picks, self.averages = self.picks - picks, self.averages - 1
        if not kept:
            self.done, self.seconds = self.done + picks, self.seconds + time.monotonic() - start
        if self.all:
            self.made(1 - self.picks / self.all)

    def left(self) -> str:
        """What to add to the line of an average."""
        if not (self.averages > 0 and self.done):
            return ""
        left = self.seconds / self.done * self.picks
        line = f"; {self.averages} averages left, about {in_minutes(left)}"
        if left > LONG and not self.advised:
            self.advised = True
            line += f" ({ADVICE})"
        return line
