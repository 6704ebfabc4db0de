"""Run a command as a user would and say what it cost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Cost:
    """Wall-clock seconds, peak resident memory (GB) and processor seconds of a command."""

    seconds: float
    memory: float
    processor: float = float("nan")  # in results of before


def run_program(name: str, *arguments: object, quiet: bool = False) -> Cost:
    """Run xmipp_<name> of this environment; what it prints goes to the terminal. Ends the benchmark if it fails."""
    return run_command([sys.executable, "-m", f"xmipp_scripts.{name}", *map(str, arguments)], quiet=quiet)


def run_command(command: list[str], *, quiet: bool = False) -> Cost:
    """Run a command; ends the benchmark if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL if quiet else None)
    _, status, usage = os.wait4(process.pid, 0)  # the peak of this child alone, which getrusage would not tell
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    if code:
        sys.exit(f"failed with exit code {code}: {' '.join(command)}")
    return Cost(time.perf_counter() - start, usage.ru_maxrss / 2**20, usage.ru_utime + usage.ru_stime)


class Memory(threading.Thread):
    """The most memory (GB) that a process and its children hold at a time, without the pages of mapped files."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process, self.most = psutil.Process(pid), 0.0

    def run(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
                family = [self.process, *self.process.children(recursive=True)]
                self.most = max(self.most, sum(map(own_memory, family)))
                time.sleep(0.2)


def own_memory(process: psutil.Process) -> float:
    """GB of a process that are no part of a file."""
    with suppress(OSError, TypeError):  # it ended meanwhile
        status = Path(f"/proc/{process.pid}/status").read_text()  # smaps would hold the process up
        return int(re.search(r"^RssAnon:\s*(\d+)", status, re.MULTILINE)[1]) / 2**20
    return 0.0
