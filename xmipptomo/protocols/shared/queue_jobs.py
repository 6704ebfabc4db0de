"""Jobs in the queue that Scipion's hosts.conf describes: each is sent once, and adopted by a run that is continued.

pyworkflow 3.11.7 sends a job for each program, takes an empty answer of the queue for its end, and forgets the jobs of a run that
was killed. Its file of hosts, its template and its commands are used; what is known of a job is in `runs.queued_jobs`.
"""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyworkflow.protocol import HostConfig

from tomo_particles.runs.queued_jobs import GONE, UNKNOWN, Absence, JobFiles, Sending, answer_of

logger = logging.getLogger(__name__)

LOOK, ASK = 2.0, 15.0  # seconds between two looks for the end of a job, and between two questions to the queue
AGAIN, PATIENCE = 30.0, 600.0  # seconds between two tries to send a job, and for which a queue that refuses is tried
LONGEST = 60.0  # seconds for an answer of the queue
MOST_SENT = 3  # sendings of one job


class JobLost(RuntimeError):
    """A job of a queue was gone before it ended, as often as it was sent."""


class Queue:
    """host: of Scipion's hosts.conf.  values: what its template asks for.  env: of the commands."""

    def __init__(self, host: HostConfig, values: Mapping[str, Any], env: Mapping[str, str] | None) -> None:
        self._host, self._values, self._env = host, {**host.getQueuesDefault(), **values}, env

    def send(self, sending: Sending, name: str) -> None:
        """Send a job. The shell writes the queue's answer to a file: it lasts if this process is killed meanwhile."""
        logs = Path(self._values["JOB_SCRIPT"]).absolute().parent / f"{self._values['JOB_NAME']}-{sending.folder.name}"
        values = {**self._values, "JOB_NAME": f"{self._values['JOB_NAME']}-{name}", "JOB_SCRIPT": f"{logs}.job",
                  "JOB_LOGS": str(logs), "JOB_COMMAND": f"bash {_quoted(sending.script)}"}
        Path(values["JOB_SCRIPT"]).write_text(self._host.getSubmitTemplate() % values + "\n\n", encoding="utf-8")
        command = f"( {self._host.getSubmitCommand() % values} ) > {_quoted(sending.answer)}"
        until = time.monotonic() + PATIENCE
        while True:
            code, _, complained = self._run(command)
            if not code and sending.job_id is not None:
                logger.info("%s: sent to the queue as job %d", name, sending.job_id)
                return
            if time.monotonic() >= until:
                raise OSError(f"the queue takes no job: {complained.strip() or f'exit code {code}'}")
            logger.warning("%s: the queue took no job (%s); it is tried again", name, complained.strip() or f"exit code {code}")
            time.sleep(AGAIN)

    def ask(self, job_id: int) -> str:
        """What the queue says of a job."""
        return answer_of(*self._run(self._host.getCheckCommand() % {"JOB_ID": job_id}), self._host.getJobDoneRegex())

    def cancel(self, job_id: int) -> None:
        """Cancel a job, and wait until it is not there any more."""
        until = time.monotonic() + PATIENCE
        self._run(self._host.getCancelCommand() % {"JOB_ID": job_id})
        while self.ask(job_id) != GONE:
            if time.monotonic() >= until:
                raise OSError(f"job {job_id}, which is not wanted any more, cannot be cancelled")
            time.sleep(LOOK)
            self._run(self._host.getCancelCommand() % {"JOB_ID": job_id})

    def _run(self, command: str) -> tuple[int, str, str]:
        """Run a command of hosts.conf in a session of its own, so that it ends even where this process is stopped."""
        try:
            done = subprocess.run(command, shell=True, env=self._env, capture_output=True, text=True, errors="replace",
                                  timeout=LONGEST, start_new_session=True, check=False)
        except subprocess.TimeoutExpired:
            return 1, "", f"no answer in {LONGEST:.0f} s"
        return done.returncode, done.stdout, done.stderr


def run_in_queue(queue: Queue, files: JobFiles, key: str, name: str, commands: Sequence[str], results: Sequence[str] = (),
                 job_begins: Callable[[int], None] = lambda job: None, job_ends: Callable[[int], None] = lambda job: None) -> int:
    """Run commands of a shell as one job, in this folder; returns the exit code of the first that failed, or 0.

    A job that an earlier process sent with the same key is adopted if `results` are given: a running one, or one that ended
    well and left these files. Without, or with another key, it is cancelled. job_begins, job_ends: told the number of each job.

    Raises JobLost if the job was gone before its end, MOST_SENT times.
    """
    sending = files.sent()
    if sending and not _counts(sending, key, results):
        if sending.exit_code is None and (job := sending.job_id) is not None:
            queue.cancel(job)
        sending = None
    elif sending:
        logger.info("%s: job %s, sent before, is adopted", name, sending.job_id)
    for _ in range(MOST_SENT):
        if sending is None:
            files.forget()
            sending = files.new(key, commands, Path(os.curdir).absolute())
        if sending.job_id is None and not sending.has_begun:
            queue.send(sending, name)
        code = _wait(queue, sending, job_begins, job_ends)
        if code is not None:
            return code
        logger.warning("%s: job %s is gone before its end", name, sending.job_id)
        sending = None
    files.forget()
    raise JobLost(f"the job of {name} was gone before its end, {MOST_SENT} times")


def _counts(sending: Sending, key: str, results: Sequence[str]) -> bool:
    whole = sending.exit_code is None or (sending.exit_code == 0 and all(map(os.path.exists, results)))
    return bool(results) and sending.key == key and whole


def _wait(queue: Queue, sending: Sending, begins: Callable[[int], None], ends: Callable[[int], None]) -> int | None:
    """The exit code of a job once it ended; None if it is gone."""
    job, absence, asked = sending.job_id, Absence(), time.monotonic()
    if job is not None:
        begins(job)
    try:
        while (code := sending.exit_code) is None:
            now = time.monotonic()
            if now - asked >= ASK:
                known, asked = sending.job_id, now
                if absence.is_gone(UNKNOWN if known is None else queue.ask(known), now):
                    return sending.exit_code
            time.sleep(LOOK)
        return code
    finally:
        if job is not None:
            ends(job)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
