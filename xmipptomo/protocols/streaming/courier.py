"""Takes mails and pages away while a monitor goes on looking: a server that hangs delays nothing."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Callable

PATIENCE = 60.0  # seconds for a command


class Courier:
    """errands: what is done each time; each returns why it failed, or an empty text. trouble: why the last errands failed."""

    def __init__(self, *errands: Callable[[], str]) -> None:
        self._errands = errands
        self._thread: threading.Thread | None = None
        self.trouble = ""

    def send(self) -> None:
        """Begin the errands, unless those of before still last."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Give the errands that last so much time to end."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        self.trouble = "; ".join(filter(None, (errand() for errand in self._errands)))


def run_words(command: str) -> str:
    """Run a command, as words and without a shell; why it failed, or an empty text."""
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, errors="replace", timeout=PATIENCE,
                              check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.strip().splitlines()
    return f"the command to publish the page ended with code {done.returncode}{f': {said[-1]}' if said else ''}" * bool(
        done.returncode)
