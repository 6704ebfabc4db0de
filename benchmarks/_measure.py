"""Run a command as a user would and say what it cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass


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
