"""What the protocols share: running a program so that its reason survives, and going on when one tomogram fails."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from pyworkflow.constants import QUEUE_FOR_JOBS
from pyworkflow.utils import cleanPath, makeFilePath
from pyworkflow.utils.process import buildRunCommand

from tomo_particles import __version__
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import digest_of
from tomo_particles.runs.queued_jobs import JobFiles, key_of

from ...files import ProtocolFiles
from .checked_form import CheckedForm, field_name
from .queue_jobs import JobLost, Queue, run_in_queue

logger = logging.getLogger(__name__)

Arguments = list[Any]

LOOK = 60.0  # seconds that a form waits, at most, for a program that looks at its files


def command_line(arguments: Sequence[Any]) -> str:
    """Arguments joined for a shell, each quoted: names with spaces, quotes or $ reach the program as they are."""
    return " ".join(shlex.quote(str(argument)) for argument in arguments)


def reason_of(messages: str) -> str:
    """The reason that a program gave in the file of its messages: its 'error:' line, else the last line; '' if none."""
    path = Path(messages)
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()] if path.exists() else []
    errors = [line for line in lines if ": error: " in line]
    return (errors or lines or [""])[-1]


def in_terms_of_the_form(reason: str, labels: Mapping[str, str]) -> str:
    """A program's reason with the label of a field for the option that it sets: the user of a form has no command line.

    labels: by option, such as --names.  What names no such option is left as it is, with the program's name before it.
    """
    found = re.sub(r"(?<![\w-])--?[A-Za-z]\w*", lambda option: labels.get(option[0], option[0]), reason)
    return found if found == reason else re.sub(r"^\S+: error: ", "", found)


def file_aside(messages: str) -> str:
    """The end of a command: its standard error goes to a file."""
    return f" 2> {shlex.quote(messages)}"


def without_file_aside(text: str) -> str:
    """A command, or a text that cites it, as a user would type it."""
    return re.sub(r" 2> (?:'.*\.txt'|[^\s']*\.txt)", "", text)


@dataclass(frozen=True)
class Command:
    """A program and its arguments. job: unique in the run, names the file of its messages."""

    program: str
    arguments: Arguments
    job: str


class CommandLog(logging.LoggerAdapter):
    """The log of a protocol, in which Scipion writes each command before it runs it."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return (without_file_aside(msg) if isinstance(msg, str) else msg), kwargs


def depends_on(roles: Mapping[str, Sequence[Any]], values: Mapping[str, Any], files: Sequence[str] = ()) -> str:
    """What a step's result depends on, as one of its arguments: Scipion does a step again on resuming if they changed.

    roles: pointers to the inputs, by what each is for. A set is known by the content of its file: a protocol that is run again
    may give as many items, but others.  values: parameters by name.  files: other files that are read.
    """
    inputs = {role: [f"{pointer.getUniqueId()}:{_content(pointer.get())}" for pointer in pointers if pointer.get() is not None]
              for role, pointers in roles.items()}
    return json.dumps([__version__, inputs, {path: digest_of(path) for path in files}, values])


def _content(item: Any) -> str:
    """A digest of the file of a set, or of a volume (`3@stack.mrcs`, `map.mrc:mrc`)."""
    return digest_of(item.getFileName().rpartition("@")[2].partition(":")[0])


def state_of(path: str) -> str:
    """The same as long as nobody writes a file; it is not read, as tomograms are large."""
    info = os.stat(path) if os.path.exists(path) else None
    return f"{path} {info.st_size} {info.st_mtime_ns}" if info else path


def tomogram_step(step: Callable) -> Callable:
    """Turn a method that works on one tomogram into a step of (tsId, values it depends on).

    The method receives what the protocol's `_tomogram(tsId)` gives. A tomogram that failed in a step before is passed over;
    one that fails now is recorded and left out, and the run goes on.
    """
    @wraps(step)
    def run(self, ts_id: str, _: str) -> None:
        self._forgetFailure(ts_id, step.__name__)  # this step is done again: with other values, it may succeed
        if not self._failed(ts_id):
            with self._collectingFailure(ts_id, step.__name__):
                step(self, self._tomogram(ts_id))

    return run


class ProgramSteps(CheckedForm):
    """Part of a protocol whose steps run programs. The protocol defines `_files`, and `_tomogram` for tomogram_step."""

    _itemsName = "Tomograms"  # what may fail without the run
    _optionFields: Mapping[str, str] = {}  # option of the programs: name of the parameter of the form that sets it

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._log = CommandLog(self._log, {})

    def _files(self) -> ProtocolFiles:
        raise NotImplementedError

    def _tomogram(self, ts_id: str) -> Any:
        raise NotImplementedError

    def getSubmitDict(self) -> dict[str, Any]:
        """What a queue is asked for. The processors (JOB_THREADS) are those that our programs use, unless the user gives them.

        Scipion would ask for as many as it has threads: one too many for a single step, and too few for all of them.
        """
        values = super().getSubmitDict()
        if self.modeParallel() and hasattr(self, "binThreads") and "JOB_THREADS" not in self.getQueueParams()[1]:
            at_once = 1 if values[QUEUE_FOR_JOBS] == "Y" else max(1, self.getScipionThreads() - 1)
            values["JOB_THREADS"] = values["JOB_CORES"] = at_once * max(1, self.getBinThreads())
        return values

    def _runProgram(self, program: str, arguments: Arguments, job: str, about: str = "", results: Sequence[str] = ()) -> None:
        """Run a program; if it fails, raise with the reason that it gave. about, results: as of `_runPrograms`."""
        self._runPrograms([Command(program, arguments, job)], job, about, results)

    def _runPrograms(self, commands: Sequence[Command], job: str, about: str = "", results: Sequence[str] = ()) -> None:
        """Run programs one after the other, in a queue as one job; if one fails, raise with the reason that it gave.

        The standard error of each goes to a file of its own and from there to the log: Scipion's log of parallel steps would
        not tell which tomogram a line belongs to. The log shows the commands without this.  job: names the job of a queue.
        about, results: what the inputs are, and the files that are written: with them, a job of a queue that was sent before an
        interruption is adopted.
        """
        messages = [self._files().messages(command.job) for command in commands]
        makeFilePath(*messages)
        try:
            if self.useQueueForSteps():
                self._runInQueue(commands, messages, job, about, results)
                return
            cleanPath(*messages)
            for command, path in zip(commands, messages, strict=True):
                self.runJob(command.program, command_line(command.arguments) + file_aside(path))
        except JobLost:
            raise
        except Exception as error:
            begun = [path for path in messages if os.path.exists(path)]  # the last of them failed
            reason = in_terms_of_the_form(reason_of(begun[-1]) if begun else "", self._labelsOfOptions())
            raise RuntimeError(reason or without_file_aside(str(error))) from error
        finally:
            for command, path in zip(commands, messages, strict=True):
                text = Path(path).read_text(errors="replace").strip() if os.path.exists(path) else ""
                if text:
                    logger.info("%s wrote:\n%s", command.job, text)

    def _runInQueue(self, commands: Sequence[Command], messages: Sequence[str], job: str, about: str,
                    results: Sequence[str]) -> None:
        host, env, values = self.getHostConfig(), self._getEnviron(), self.getSubmitDict()
        for command in commands:
            self.info(f"In the queue: {command.program} {command_line(command.arguments)}")
        lines = [f"rm -f {command_line(messages)}"]  # of an earlier run
        lines += [buildRunCommand(command.program, command_line(command.arguments), 1, host, env) + file_aside(path)
                  for command, path in zip(commands, messages, strict=True)]
        files, key = JobFiles(Path(self._files().messages(job)).with_suffix(".job")), key_of(about, *lines)
        code = run_in_queue(Queue(host, values, env), files, key, job, lines, results, self._jobBegins, self._jobEnds)
        files.forget()
        if code:
            raise RuntimeError(f"the job of {job} ended with exit code {code}: see the .err files in {self._getLogsPath()}")

    def _jobBegins(self, job: int) -> None:
        """*Stop* cancels these jobs."""
        with self._lock:
            self.appendJobId(job)
            self._store(self._jobId)

    def _jobEnds(self, job: int) -> None:
        with self._lock:
            self.removeJobId(job)
            self._store(self._jobId)

    def _refusalOf(self, program: str, arguments: Callable[[], Arguments]) -> list[str]:
        """Why a program refuses what is on the form, while the user waits: its one line, or nothing. It must write nothing."""
        try:
            done = subprocess.run([program, *map(str, arguments())], env=self._getEnviron(), capture_output=True, text=True,
                                  errors="replace", timeout=LOOK, check=False)
        except InputError as error:
            return [str(error)]
        except subprocess.TimeoutExpired:
            return []  # the run will say it
        lines = [line for line in done.stderr.splitlines() if ": error: " in line]
        return [in_terms_of_the_form(lines[-1], self._labelsOfOptions())] if done.returncode and lines else []

    def _text(self, name: str) -> str:
        """What is in a field for text; Scipion has None for an empty one of a project that was opened again."""
        return (self.getAttributeValue(name) or "").strip()

    def _labelsOfOptions(self) -> dict[str, str]:
        """How the form calls what an option sets, and where to find it."""
        fields = {option: self.getParam(name) for option, name in self._optionFields.items()}
        return {option: f"*{field_name(field)}*{' (expert level advanced)' * field.isExpert()}"
                for option, field in fields.items()}

    @contextmanager
    def _collectingFailure(self, ts_id: str, step: str = "") -> Iterator[None]:
        try:
            yield
        except Exception as error:
            logger.error("%s is left out: %s", ts_id, error, exc_info=True)
            path = Path(self._files().failure(ts_id))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{ts_id}: {error}", encoding="utf-8")
            path.with_suffix(".step").write_text(step, encoding="utf-8")

    def _forgetFailure(self, ts_id: str, step: str) -> None:
        path = Path(self._files().failure(ts_id))
        of = path.with_suffix(".step")
        if of.is_file() and of.read_text(encoding="utf-8") == step:
            cleanPath(str(path), str(of))

    def _failed(self, ts_id: str) -> bool:
        return os.path.exists(self._files().failure(ts_id))

    def _failureTexts(self) -> list[str]:
        return [path.read_text(encoding="utf-8") for path in sorted(Path(self._files().failure("any")).parent.glob("*.txt"))]

    def _failures(self) -> str:
        texts = self._failureTexts()
        return f"{self._itemsName} left out: {'; '.join(texts)}" if texts else ""
