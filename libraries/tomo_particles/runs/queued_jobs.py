"""A job of a queue (SLURM and others): sent once, found again by a process that goes on, believed by its own files alone.

A queue says little: a job that it does not know may have ended well, may have been killed, or the queue may not have answered.
Therefore the job itself writes how it ended. Nothing here starts a process or waits.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from ..core.files import written_aside

THERE, GONE, UNKNOWN = "there", "gone", "unknown"  # what a queue says of a job
APART = 60.0  # seconds: a job is gone if the queue said so twice, this far apart
# How SLURM, PBS, SGE and LSF say that they do not know a job. Other errors say nothing of it.
UNKNOWN_JOB = re.compile(r"invalid job id|unknown job|jobs? do(es)? not exist|job <\d+> is not found", re.IGNORECASE)
OWN_ID = "${SLURM_JOB_ID:-${PBS_JOBID:-${LSB_JOBID:-${JOB_ID:-}}}}"  # in a job of SLURM, PBS, LSF, SGE


def answer_of(code: int, said: str, complained: str, done_pattern: str | None = None) -> str:
    """What a queue said of a job: THERE, GONE, or UNKNOWN where it did not answer.

    code, said, complained: exit code, standard output and standard error of the command that asks.  done_pattern: regular
    expression of what is said of a job that has ended, for queues that still list it.
    """
    if code and not UNKNOWN_JOB.search(said + complained):
        return UNKNOWN
    over = code or not said.strip() or (done_pattern and re.search(done_pattern, said))
    return GONE if over else THERE


def key_of(*parts: str) -> str:
    """A short text that is the same for the same texts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass
class Absence:
    """Since when a queue does not know a job."""

    since: float | None = None

    def is_gone(self, answer: str, now: float) -> bool:
        """Take in an answer, at a monotonic time; whether the job is gone for certain."""
        if answer == THERE:
            self.since = None
        elif answer == GONE and self.since is None:
            self.since = now
        return answer == GONE and self.since is not None and now - self.since >= APART


@dataclass(frozen=True)
class Sending:
    """One sending of a job: a folder of its own, without which the job does nothing.

    folder: absolute.  key: the same for the same commands and inputs.
    """

    folder: Path
    key: str

    @property
    def script(self) -> Path:
        """What the job runs."""
        return self.folder / "run.sh"

    @property
    def answer(self) -> Path:
        """What the queue answered when the job was sent: it holds the number of the job."""
        return self.folder / "answer"

    @property
    def job_id(self) -> int | None:
        """The number of the job; None if it is not known. That of the job that began counts, should there be two."""
        for path in (self.folder / "begun" / "id", self.answer):
            with suppress(OSError):
                if found := re.search(r"\d+", path.read_text(errors="replace")):
                    return int(found[0])
        return None

    @property
    def has_begun(self) -> bool:
        """Whether the job is at work, or was."""
        return (self.folder / "begun").is_dir()

    @property
    def exit_code(self) -> int | None:
        """Of the job; None as long as it has not ended, and for ever if it was killed."""
        with suppress(OSError, ValueError):
            list(self.folder.iterdir())  # makes a network disk look again
            return int((self.folder / "ended").read_text())
        return None

    def write_script(self, commands: Sequence[str], cwd: Path) -> None:
        """Write what the job runs: these commands of a shell, until one fails. A second job of the same sending does nothing."""
        at = shlex.quote(str(self.folder))
        lines = [
            "#!/bin/bash",
            f"own={OWN_ID}",
            f'if mkdir {at}/begun 2> /dev/null; then echo "$own" > {at}/begun/id',
            f'elif [ -z "$own" ] || [ "$own" != "$(cat {at}/begun/id)" ]; then exit 0; fi  # the same job, sent twice',
            f"cd {shlex.quote(str(cwd))} && {{",
            " &&\n".join(commands),
            "}",
            f"code=$?; echo $code > {at}/ended.part && mv {at}/ended.part {at}/ended; exit $code",
        ]
        with written_aside(self.script) as aside:
            aside.write_text("\n".join(lines) + "\n", encoding="utf-8")


class JobFiles:
    """The file that says which sending of a job counts, and the folder of that sending beside it."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path).absolute()

    def sent(self) -> Sending | None:
        """The sending that counts, of this process or of one before; None if there is none."""
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
            found = Sending(self._path.with_name(values["folder"]), values["key"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if found.script.exists() else None

    def new(self, key: str, commands: Sequence[str], cwd: Path) -> Sending:
        """Begin a sending; the job is known here before the queue knows of it."""
        made = Sending(self._path.with_name(f"{self._path.stem}.{uuid4().hex[:8]}"), key)
        made.folder.mkdir(parents=True)
        made.write_script(commands, cwd)
        with written_aside(self._path) as aside:
            aside.write_text(json.dumps({"folder": made.folder.name, "key": key}), encoding="utf-8")
        return made

    def forget(self) -> None:
        """The end of the job is noted elsewhere, or nobody wants it any more: one that begins later does nothing."""
        before = self.sent()
        self._path.unlink(missing_ok=True)
        if before:
            shutil.rmtree(before.folder, ignore_errors=True)
