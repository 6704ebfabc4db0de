"""Steps of a long job that are not done again after an interruption."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tomo_particles import __version__
from tomo_particles.core.errors import InputError, one_line
from tomo_particles.core.files import written_aside

Inputs = Sequence[str | os.PathLike]
LOCK = ".lock"
VERSION = "version"  # the entry of the record that is no step
_END = 1 << 20  # bytes of the beginning and of the end of a file that its state holds


class Step(NamedTuple):
    """What a step is called, what it depends on besides its input files, and the files that it reads and writes."""

    name: str
    settings: object
    inputs: Inputs
    outputs: Inputs


@contextmanager
def alone_in(folder: Path, option: str) -> Iterator[None]:
    """Hold an output folder, which is made. Raises InputError if another run holds it; the system frees it when a run dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{option}: another run works in '{folder}'; wait until it ends, or choose another folder"
            ) from error
        except OSError:  # some network disks know no locks
            pass
        yield


class Steps:
    """The record of finished steps of one output folder.

    A step is done if this version finished it with the same settings, from input files that have not changed since, and
    its output files are as it left them. A changed option therefore repeats its step and all that follow from it. Settings
    are compared by their repr: a field that changes no result (threads, GPUs) is left out of it. Before a step is done again
    its record is removed, from the disk too: if the run is killed then, no other run takes what it leaves for results.
    """

    def __init__(self, folder: Path | None, done: dict[str, Any] | None = None) -> None:
        """folder: None for a part of a record, on another machine; `done` is what is done of it."""
        self._path = folder / "steps.json" if folder else None
        self._done = _read_record(self._path) if self._path else dict(done or {})
        made_by = self._done.pop(VERSION, "unknown")
        self.other_version = one_line(str(made_by))[:40] if self._done and made_by != __version__ else ""  # that made the record

    def is_done(self, name: str, settings: object, inputs: Inputs, outputs: Inputs) -> bool:
        """Whether the step needs not be done again."""
        return self._done.get(name) == [_made_of(settings, inputs), _left(outputs)]

    def run(self, name: str, settings: object, inputs: Inputs, outputs: Inputs, action: Callable[[], object]) -> bool:
        """Do `action` unless the step is done already; returns whether it was done now."""
        return bool(self.run_together([Step(name, settings, inputs, outputs)], lambda _: action()))

    def run_together(self, steps: Sequence[Step], action: Callable[[list[Step]], object]) -> list[Step]:
        """Do by one `action` those of the steps that are not done already; returns them."""
        left = [step for step in steps if not self.is_done(*step)]
        if not left:
            return []
        known = [step.name for step in left if step.name in self._done]
        for name in known:
            del self._done[name]
        if known:
            self._write()
        made_of = [_made_of(step.settings, step.inputs) for step in left]  # an input that changes meanwhile is another one
        action(left)
        for step, made in zip(left, made_of, strict=True):
            self._done[step.name] = [made, _left(step.outputs)]
        self._write()
        return left

    def of(self, tomo_id: str) -> dict[str, Any]:
        """The record of what is done of one tomogram."""
        return {name: done for name, done in self._done.items() if name.endswith(f" {tomo_id}")}

    def take(self, done: dict[str, Any]) -> None:
        """Add what another machine did."""
        self._done |= done
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        with written_aside(self._path) as aside:
            aside.write_text(json.dumps({VERSION: __version__, **self._done}, indent=1), encoding="utf-8")


def _read_record(path: Path) -> dict[str, Any]:
    """The steps that are done; none where the record is missing or damaged."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _made_of(settings: object, inputs: Inputs) -> str:
    return _digest(__version__, settings, list(map(_state, inputs)))


def _left(outputs: Inputs) -> str:
    return _digest(list(map(_state, outputs)))


def _digest(*values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()


def _state(path: str | os.PathLike) -> tuple:
    """Name, size, time and both ends of a file: a file copied with its old time differs there; without a file the name alone."""
    try:
        with open(path, "rb") as file:
            info = os.fstat(file.fileno())
            ends = file.read(_END)
            file.seek(max(0, info.st_size - _END))
            ends += file.read(_END)
    except FileNotFoundError:
        return (str(path),)
    return str(path), info.st_size, info.st_mtime_ns, hashlib.sha256(ends).hexdigest()
