"""The summary of a run that has not finished: what it does now, how long that takes, or where it ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from pyworkflow.protocol import Protocol, Step

from tomo_particles.formats.xmd import read_table
from tomo_particles.learning.training_time import in_minutes

logger = logging.getLogger(__name__)


def unfinished_lines(protocol: Protocol, doing: Mapping[str, str], *, so_far: Sequence[str] = (),
                     details: Mapping[str, str] | None = None, items: str = "tomograms") -> list[str]:
    """What the project window shows of a run before its results are there.

    doing: what each step does, by its function; a step that is not named is not worth a word.  so_far: lines on what there is.
    details: of a step that is done once, by its function.  items: what a step that is done several times is done for.
    """
    states = {"*Now*": protocol.isActive(), "*Ended during*": protocol.isFailed() or protocol.isAborted()}
    state = next((name for name, holds in states.items() if holds), "")
    at = _current(_steps_of(protocol)) if state else []
    if not at or (name := at[0].funcName.get()) not in doing:
        return [*so_far] or ["The results are not ready yet."]
    detail = _share(at, items, protocol if state == "*Now*" else None) if len(at) > 1 else (details or {}).get(name, "")
    return [f"{state}: {doing[name]}{f': {detail}' if detail else ''}", *so_far]


def _steps_of(protocol: Protocol) -> list[Step]:
    try:
        return list(protocol.loadSteps())
    except Exception as error:  # the run writes this table while the window reads it: no reason is narrower
        logger.debug("The steps cannot be read now: %s", error)
        return []


def _current(steps: Sequence[Step]) -> list[Step]:
    """The steps of the function at which the run is: of the first that runs or failed, else the first that is not done."""
    at = next((step for step in steps if step.isRunning() or step.isFailed() or step.isAborted()),
              next((step for step in steps if not step.isFinished()), None))
    return [step for step in steps if at is not None and step.funcName.get() == at.funcName.get()]


def _share(steps: Sequence[Step], items: str, running: Protocol | None) -> str:
    """How many of the steps of one function are done, and what the others take if they take as long; running: if they will."""
    done = [step for step in steps if step.isFinished()]
    text = f"{len(done)} of {len(steps)} {items} done"
    if not done or running is None:
        return text
    mean = sum(step.getElapsedTime().total_seconds() for step in done) / len(done)
    at_once = max(1, running.getScipionThreads() - 1)  # one of Scipion's threads works for itself
    return f"{text}; about {in_minutes(mean * (len(steps) - len(done)) / at_once)} left for this"


def rows_so_far(path: str | Path) -> int:
    """Number of picks in an XMD of a run that may still write; 0 if there is no such file. Read once: windows ask often."""
    try:
        return _rows(str(path), Path(path).stat().st_mtime_ns)
    except OSError:  # not there yet, or just removed by a step that is done again
        return 0


@lru_cache(maxsize=10_000)
def _rows(path: str, _: int) -> int:
    return len(read_table(path).get("x", []))
