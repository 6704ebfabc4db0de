"""What the protocols share: running a program so that its reason survives, and going on when one tomogram fails."""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from pyworkflow.utils import makeFilePath

from ..files import ProtocolFiles

logger = logging.getLogger(__name__)

Arguments = list[Any]


def command_line(arguments: Sequence[Any]) -> str:
    """Arguments joined for a shell, each quoted: names with spaces, quotes or $ reach the program as they are."""
    return " ".join(shlex.quote(str(argument)) for argument in arguments)


def seed_of(seed: int, ts_id: str) -> int:
    """A seed of its own for every tomogram, independent of which others are in the run."""
    return int.from_bytes(hashlib.sha256(f"{seed} {ts_id}".encode()).digest()[:4], "big") % 2**31


def reason_of(messages: str) -> str:
    """The reason that a program gave in the file of its messages: its 'error:' line, else the last line; '' if none."""
    path = Path(messages)
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()] if path.exists() else []
    errors = [line for line in lines if ": error: " in line]
    return (errors or lines or [""])[-1]


def tomogram_step(step: Callable) -> Callable:
    """Make a method that works on one tomogram a step of (tsId, values it depends on).

    The method receives what the protocol's `_tomogram(tsId)` gives. A tomogram that failed before is passed over; one
    that fails now is recorded and left out, and the run goes on.
    """
    @wraps(step)
    def run(self, ts_id: str, _: str) -> None:
        if not self._failed(ts_id):
            with self._collectingFailure(ts_id):
                step(self, self._tomogram(ts_id))

    return run


class ProgramSteps:
    """Part of a protocol whose steps run programs. The protocol defines `_files`, and `_tomogram` for tomogram_step."""

    _itemsName = "Tomograms"  # what may fail without the run

    def __init__(self, **kwargs: Any) -> None:
        """Keep the label and the comment that a workflow template gives: pyworkflow 3.11.7 forgets them (`Step.__init__`)."""
        super().__init__(**kwargs)
        if kwargs.get("objLabel"):
            self.setObjLabel(kwargs["objLabel"])
        if kwargs.get("objComment"):
            self.setObjComment(kwargs["objComment"])

    def _files(self) -> ProtocolFiles:
        raise NotImplementedError

    def _tomogram(self, ts_id: str) -> Any:
        raise NotImplementedError

    def _runProgram(self, program: str, arguments: Arguments, job: str) -> None:
        """Run a program; if it fails, raise with the reason that it gave.

        Its standard error goes to a file of its own and from there to the log: Scipion's log of parallel steps would
        not tell which tomogram a line belongs to.
        """
        messages = self._files().messages(job)
        makeFilePath(messages)
        try:
            self.runJob(program, f"{command_line(arguments)} 2> {shlex.quote(messages)}")
        except Exception as error:
            raise RuntimeError(reason_of(messages) or str(error)) from error
        finally:
            text = Path(messages).read_text(errors="replace").strip() if os.path.exists(messages) else ""
            if text:
                logger.info("%s wrote:\n%s", job, text)

    @contextmanager
    def _collectingFailure(self, ts_id: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            logger.error("%s is left out: %s", ts_id, error, exc_info=True)
            path = Path(self._files().failure(ts_id))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{ts_id}: {error}", encoding="utf-8")

    def _failed(self, ts_id: str) -> bool:
        return os.path.exists(self._files().failure(ts_id))

    def _failureTexts(self) -> list[str]:
        return [path.read_text(encoding="utf-8") for path in sorted(Path(self._files().failure("any")).parent.glob("*.txt"))]

    def _failures(self) -> str:
        texts = self._failureTexts()
        return f"{self._itemsName} left out: {'; '.join(texts)}" if texts else ""
