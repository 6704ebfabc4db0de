"""Copies of this process that work beside it: threads of Python wait for each other where the work is many small steps."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import NoReturn

from tomo_particles.core.files import remove_unfinished
from tomo_particles.core.memory import GB, SHARE, free_memory

from .._shared.child_processes import end_with_parent

STOPPING = (signal.SIGINT, signal.SIGTERM)
NEEDED = 1.0  # GB that the preparation of a tomogram may take: half of it are planes of the tomogram


def as_many_as_fit(number: int) -> int:
    """So many processes, or fewer, where the memory is small; at least one."""
    return max(1, int(min(number, SHARE * free_memory() / (NEEDED * GB))))


@contextmanager
def local_processes(number: int) -> Iterator[ProcessPoolExecutor | None]:
    """An executor of so many processes; None for fewer than two, and where TensorFlow is loaded: its threads have no copies.

    The processes are copies of this one as it is now. They end with it, whatever ends it, and leave nothing half-written.
    """
    if number < 2 or "tensorflow" in sys.modules:
        yield None
        return
    with ProcessPoolExecutor(number, get_context("fork"), initializer=_begin, initargs=(os.getpid(),)) as executor:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # a copy would answer as this process does
        try:
            with warnings.catch_warnings():  # of threads that have no copies: those of the numeric libraries, which expect it
                warnings.simplefilter("ignore", DeprecationWarning)
                executor.submit(os.getpid)  # the first work starts all of them
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        yield executor


def _begin(parent: int) -> None:
    for number in STOPPING:
        signal.signal(number, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    end_with_parent(signal.SIGTERM)
    if os.getppid() != parent:  # it ended before
        _leave()


def _leave(*_: object) -> NoReturn:
    remove_unfinished()
    os._exit(1)
