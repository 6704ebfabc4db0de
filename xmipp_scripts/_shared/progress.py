"""How far a program is: on a terminal a live bar for each stage, elsewhere a line for each item, with the share that is done.

The libraries know nothing of it: they call what they are given. What is said while bars are shown appears above them; results
are said below, after `close`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from tomo_particles.core.errors import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID

SHOW_CURSOR = b"\x1b[?25h\n"  # bars hide it
LINE_EVERY = 30.0  # seconds: long work without lines of its own says how far it is this often, where no bar does
PERIODS = ((1.0, "s"), (60.0, "min"), (3600.0, "h"))  # of rates: the first in which an item is done

Item = TypeVar("Item")


class Stage:
    """One stage of the work of a program: `total` items, of which some are done."""

    def __init__(self, what: str, total: float, items: str) -> None:
        self._what, self._total, self._items = what, total, items
        self._done = 0.0
        self._lock = threading.RLock()  # several threads may say what they did
        self._bar = _display.add(what, total, items) if _display.is_live else None

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, each of which is done when the next is asked for; for those that have no line of their own."""
        for item in items:
            before = int(self._done)
            yield item
            if int(self._done) == before:
                self.done()

    def done(self, line: str = "") -> None:
        """One more item is done. line: what came of it; a bar is shown in its place."""
        with self._lock:
            done = int(self._done + 1e-9) + 1
            if line:
                share = f" ({done} of {self._total:.0f} {self._items})" if self._total > 1 else ""
                say_on_the_way(f"{line}{share}")
            self._to(done)

    def step(self, line: str) -> None:
        """As `done`, of items that are no more than their lines."""
        say_on_the_way(line)
        self.done()

    def within(self, share: float) -> None:
        """The share that is done of the item at work."""
        self._to(int(self._done + 1e-9) + min(share, 0.999))

    def share(self, share: float) -> None:
        """The share that is done of all items."""
        self._to(share * self._total)

    def _to(self, done: float) -> None:
        with self._lock:
            self._done = max(done, self._done)  # a thread may come late
            if self._bar is not None:
                _display.move(self._bar, self._done)
            elif time.monotonic() - _display.last_line > LINE_EVERY and 0 < self._done < self._total:
                say_on_the_way(f"{self._what}: {int(100 * self._done / self._total)} %")


@contextmanager
def stage(what: str, total: float, items: str) -> Iterator[Stage]:
    """One stage of a program. what: is done; items: of which there are `total`."""
    shown = Stage(what, total, items)
    yield shown
    shown.share(1)


def say_on_the_way(line: str) -> None:
    """Print a line about the work, where bars do not show how far it is."""
    _display.last_line = time.monotonic()
    if not _display.is_live and not _display.quiet:
        print(one_line(line))


class _Display:
    """The bars of this process; none where standard output is no terminal, or the user wants none."""

    def __init__(self) -> None:
        self.quiet = False
        self.progress: Progress | None = None
        self.last_line = time.monotonic()  # when the last line about the work was said

    @property
    def is_live(self) -> bool:
        """Whether bars are shown."""
        # a dumb terminal cannot move its cursor; sys.stdout is rich's as long as bars are shown
        terminal = self.progress is not None or (sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb")
        return terminal and not self.quiet

    def add(self, what: str, total: float, items: str) -> TaskID:
        """A new bar, below those that are there."""
        if self.progress is None:
            self.progress = _bars()
            self.progress.start()
        return self.progress.add_task(what, total=total, items=items, seconds=0.0)

    def move(self, bar: TaskID, done: float) -> None:
        """Show how much is done, unless the bars are closed."""
        if self.progress is not None:
            seconds = next((task.elapsed for task in self.progress.tasks if task.id == bar), None)
            self.progress.update(bar, completed=done, seconds=seconds or 0.0)

    def close(self) -> None:
        """Leave the bars as they are: what is said from now on is below them."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None


_display = _Display()


def write(text: str) -> None:
    """Print lines, above the bars where there are any. rich would break long lines, and paths in them could not be copied."""
    if _display.progress is None:
        print(text)
    else:
        _display.progress.console.print(text, soft_wrap=True)


def be_quiet() -> None:
    """Show neither bars nor lines of single items from now on."""
    _display.quiet = True


def close() -> None:
    """Show no bar any more."""
    _display.close()


def abandon() -> None:
    """Give the terminal back at once, for a process that ends; may be called by the handler of a signal."""
    if _display.progress is not None:
        os.write(1, SHOW_CURSOR)


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.text import Text

    class Numbers(ProgressColumn):
        """How many items are done, how many in a time, and how long the others take if they take as long."""

        def render(self, task: Task) -> Text:
            text = f"{task.completed:.{0 if task.completed % 1 < 0.05 else 1}f}/{task.total:.0f} {task.fields['items']}"
            now = task.finished_time if task.finished_time is not None else task.elapsed or 0.0
            return Text(text + numbers(task.completed, task.total or 0, task.fields["seconds"], now))

    console = Console(highlight=False, markup=False)
    return Progress(TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), Numbers(), console=console)


def numbers(done: float, total: float, seconds: float, now: float) -> str:
    """Rate and time left for a bar; the time that it took where all is done; empty where nothing is known yet.

    seconds: from the start until that much was done.  now: since the start.
    """
    if done >= total:
        return f", {clock(now)}"
    if not done or not seconds:
        return ""
    rate = done / seconds
    period, unit = next(((period, unit) for period, unit in PERIODS if rate * period >= 1), PERIODS[-1])
    return f", {rate * period:.3g}/{unit}, {clock(max(0.0, total / rate - now))} left"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: 0:01:05."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
