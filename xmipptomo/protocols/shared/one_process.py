"""One process for each run: Scipion's scheduler may start a run twice.

`scipion template` schedules a run once for each first run that leads to it (pyworkflow 3.11.7, project/scripts/schedule.py).
Scipion then knows only the process that was started last: that one goes on, as after a kill.
"""

from __future__ import annotations

import logging
import os

import psutil

logger = logging.getLogger(__name__)
PROGRAM = "pw_protocol_run.py"  # its arguments name project, run and log files


def end_older_processes() -> None:
    """End every process that was started before this one for the same run, with all that it started."""
    own = psutil.Process(os.getpid())
    words = _words(own)
    if not words:
        return  # not started by Scipion
    for other in psutil.process_iter():
        if other.pid != own.pid and _words(other) == words and _is_older(other, own):
            logger.warning("Scipion started this run twice: process %d, which was the first, is ended", other.pid)
            _kill(other)


def _words(process: psutil.Process) -> list[str]:
    """The program and its arguments; nothing for another program."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return []
    found = [number for number, word in enumerate(command) if os.path.basename(word) == PROGRAM]
    return command[found[0] :] if found else []


def _is_older(one: psutil.Process, other: psutil.Process) -> bool:
    try:
        return (one.create_time(), one.pid) < (other.create_time(), other.pid)
    except psutil.Error:
        return False


def _kill(process: psutil.Process) -> None:
    """With a process all that it started; a program that goes on would write into the folder of the run."""
    try:
        family = [process, *process.children(recursive=True)]
        for one in family:
            one.kill()
        psutil.wait_procs(family, timeout=10)
    except psutil.Error:  # it ended meanwhile
        pass
