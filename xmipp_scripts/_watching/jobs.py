"""The programs of the network as processes of their own: TensorFlow's memory ends with them, a training runs beside the rest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tomo_particles.core.errors import InputError

from .._shared.child_processes import end_with_parent

NETWORK = "xmipp_scripts.deep_picking_consensus_tomo"


class Job:
    """A program at work; what it says goes to a log file."""

    def __init__(self, module: str, arguments: Sequence[object], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        with open(log, "w", encoding="utf-8") as said:
            command = [sys.executable, "-m", module, *map(str, arguments)]
            # a run that goes on starts its own
            self._process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, preexec_fn=end_with_parent)

    @property
    def running(self) -> bool:
        """Whether it still works."""
        return self._process.poll() is None

    def failure(self) -> str:
        """Wait for the end; why it failed, in one line, or empty."""
        code = self._process.wait()
        if not code:
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines and code > 0 else f"it ended with code {code}; see {self.log}"


def run_job(module: str, arguments: Sequence[object], log: Path) -> None:
    """Run a program to its end. Raises InputError where it fails."""
    if failure := Job(module, arguments, log).failure():
        raise InputError(failure)
