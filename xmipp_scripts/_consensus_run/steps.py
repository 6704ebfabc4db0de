"""Steps of a long job that are not done again after an interruption."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tomo_particles.core.files import written_aside

Inputs = Sequence[str | os.PathLike]


class Steps:
    """The record of finished steps of one output folder.

    A step is done if it was finished with the same settings, from input files that have not changed since, and
    its output files are still there. A changed option therefore repeats its step and all that follow from it. Settings
    are compared by their repr: a field that changes no result (threads, GPUs) is left out of it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "steps.json"
        self._done: dict[str, str] = {}
        if self._path.is_file():
            self._done = json.loads(self._path.read_text())

    def run(self, name: str, settings: object, inputs: Inputs, outputs: Inputs, action: Callable[[], object]) -> bool:
        """Do `action` unless the step is done already; returns whether it was done now."""
        mark = hashlib.sha256(repr((settings, [_state(path) for path in inputs])).encode()).hexdigest()
        if self._done.get(name) == mark and all(Path(path).exists() for path in outputs):
            return False
        self._done.pop(name, None)
        action()
        self._done[name] = mark
        with written_aside(self._path) as aside:
            aside.write_text(json.dumps(self._done, indent=1))
        return True


def _state(path: str | os.PathLike) -> tuple[str, int, int]:
    info = os.stat(path)
    return str(path), info.st_size, info.st_mtime_ns
