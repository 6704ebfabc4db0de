"""The output folder of a program: what others wrote there stays, and other options than before are told.

A hidden record of each program holds the options of its last run. A folder of a version without such records is known by a
file that only this program writes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tomo_particles.core.errors import InputError, listed, one_line
from tomo_particles.core.files import written_aside

WITHOUT_RESULT = {"odir", "threads", "gpus", "noReport", "quiet"}  # options that change no result, without their dashes
MOST_VALUES = 3  # of an option that a note tells


@dataclass(frozen=True)
class Written:
    """What a program writes into a folder. names: patterns of its files.  sign: one of them, and a word that only its own holds.

    again: what happens to them with other options.
    """

    names: Sequence[str]
    sign: tuple[str, str]
    again: str = "they are replaced"


@dataclass(frozen=True)
class OutputFolder:
    """The folder of a command. options: those of the command line, with their values."""

    folder: Path
    program: str
    written: Written
    options: Mapping[str, Sequence[str]]

    @property
    def _record(self) -> Path:
        return _record_of(self.folder, self.program)

    def refuse_foreign(self, option: str) -> None:
        """Raise InputError where a file would be replaced that this program did not write."""
        there = sorted({path.name for pattern in self.written.names for path in self.folder.glob(pattern)})
        if not there or self._record.is_file() or self._is_signed():
            return
        others = [path.name[1:-5] for path in sorted(self.folder.glob(_record_of(self.folder, "*").name))]
        whose = f"of {others[0]}" if others else "that this program did not write"
        raise InputError(f"{option}: '{self.folder}' holds files {whose}: {listed(there, 2)}; choose another folder")

    def claim(self) -> str:
        """Record the options, before the first file is written; returns what to tell of an earlier run, '' for nothing."""
        now = {name: list(values) for name, values in self.options.items() if name.lstrip("-") not in WITHOUT_RESULT}
        before = _read(self._record)
        with written_aside(self._record) as aside:
            aside.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
        if before is None or before == now:
            return ""
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        how = "; ".join(f"{name} {_said(before.get(name))}, now {_said(now.get(name))}" for name in changed)
        return f"'{self.folder}' holds the results of other options ({how}): {self.written.again}"

    def _is_signed(self) -> bool:
        name, word = self.written.sign
        try:
            return word in (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False


_commands: dict[str, OutputFolder] = {}  # by absolute path: the folder of the command that runs


def expect(folder: OutputFolder) -> None:
    """Remember the folder of a command until its files are written."""
    _commands[os.path.abspath(folder.folder)] = folder


def claimed(folder: str | os.PathLike) -> list[str]:
    """Call this before the first file of a folder is written; returns what to tell of an earlier run, a line each."""
    command = _commands.pop(os.path.abspath(folder), None)
    return [note] if command is not None and (note := command.claim()) else []


def _record_of(folder: Path, program: str) -> Path:
    return folder / f".{program}.json"


def _read(path: Path) -> dict[str, list[str]] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _said(values: Sequence[str] | None) -> str:
    if values is None:
        return "not given"
    if len(values) > MOST_VALUES:
        return f"{len(values)} values"
    return one_line(" ".join(map(str, values))) if values else "given"
