"""Programs run by steps: what a queue is asked for, and that a program which failed there is not taken for done."""

import subprocess
from threading import RLock

import pytest
from pretended_queue import PretendedQueue
from pyworkflow.constants import QUEUE_FOR_JOBS

from xmipptomo.files import ProtocolFiles
from xmipptomo.protocols.shared import queue_jobs
from xmipptomo.protocols.shared.program_steps import Command, ProgramSteps


class ScipionProtocol:
    """Of Scipion's protocol what ProgramSteps uses."""

    binThreads = 4

    def __init__(self, folder, per_step: bool, threads: int = 3, given: dict | None = None) -> None:
        self.folder, self.per_step, self.threads, self.given = folder, per_step, threads, given or {}
        self.queue, self.at_work, self._jobId, self._lock = PretendedQueue(folder / "queue"), [], None, RLock()

    def getSubmitDict(self) -> dict:
        values = {"JOB_THREADS": self.threads, QUEUE_FOR_JOBS: "Y" if self.per_step else "N"}
        return values | {"JOB_SCRIPT": str(self.folder / "12.job"), "JOB_NAME": "12"} | self.given

    def getQueueParams(self) -> tuple[str, dict]:
        return "main", self.given

    def modeParallel(self) -> bool:
        return True

    def getScipionThreads(self) -> int:
        return self.threads

    def getBinThreads(self) -> int:
        return self.binThreads

    def useQueueForSteps(self) -> bool:
        return self.per_step

    def _getLogsPath(self) -> str:
        return str(self.folder / "logs")

    def _files(self) -> ProtocolFiles:
        return ProtocolFiles(str(self.folder))

    def runJob(self, program: str, arguments: str) -> None:
        subprocess.run(f"{program} {arguments}", shell=True, check=True)

    def getHostConfig(self):
        return self.queue.host

    def _getEnviron(self) -> None:
        """As that of the test."""

    def info(self, text: str) -> None:
        """Nobody reads it."""

    def appendJobId(self, job: int) -> None:
        self.at_work.append(job)

    def removeJobId(self, job: int) -> None:
        self.at_work.remove(job)

    def _store(self, _: object) -> None:
        """There is no database."""


class Steps(ProgramSteps, ScipionProtocol):
    """`_files` of the protocol, not the one that ProgramSteps leaves open."""

    _files = ScipionProtocol._files

    def __init__(self, *arguments, **options) -> None:
        ScipionProtocol.__init__(self, *arguments, **options)


@pytest.mark.parametrize(("per_step", "threads", "processors"), [(True, 3, 4), (False, 3, 8), (False, 1, 4)])
def test_a_queue_is_asked_for_the_processors_that_the_programs_use(per_step, threads, processors, tmp_path):
    assert Steps(tmp_path, per_step, threads).getSubmitDict()["JOB_THREADS"] == processors


def test_processors_given_in_the_queue_form_are_kept(tmp_path):
    assert Steps(tmp_path, False, given={"JOB_THREADS": 5}).getSubmitDict()["JOB_THREADS"] == 5


@pytest.mark.parametrize("per_step", [True, False])
def test_a_program_that_fails_is_a_failure_on_the_spot_and_in_a_queue(per_step, tmp_path, monkeypatch):
    monkeypatch.setattr(queue_jobs, "LOOK", 0.02)
    monkeypatch.chdir(tmp_path)
    steps = Steps(tmp_path, per_step)
    for _ in range(2):  # what an earlier run left does not count
        steps._runProgram("bash", ["-c", "echo note >&2"], job="well")
        with pytest.raises(RuntimeError, match=r"program: error: --input: no such file"):
            steps._runProgram("bash", ["-c", "echo 'program: error: --input: no such file' >&2; exit 2"], job="wrong input")
        with pytest.raises(RuntimeError, match="job of killed ended with exit code 137" if per_step else "137"):
            steps._runProgram("bash", ["-c", "exit 137"], job="killed")
    assert steps.at_work == []


@pytest.mark.parametrize("per_step", [True, False])
def test_programs_run_one_after_the_other_in_a_queue_as_one_job(per_step, tmp_path, monkeypatch):
    monkeypatch.setattr(queue_jobs, "LOOK", 0.02)
    monkeypatch.chdir(tmp_path)
    steps = Steps(tmp_path, per_step)
    programs = [Command("bash", ["-c", f"echo {name} >> names"], f"it's {name}") for name in ("one", "two")]
    steps._runPrograms(programs, "both")
    assert (tmp_path / "names").read_text() == "one\ntwo\n"
    failing = Command("bash", ["-c", "echo 'program: error: --radius: is too large' >&2; exit 2"], "failing")
    with pytest.raises(RuntimeError, match="--radius: is too large"):
        steps._runPrograms([programs[1], failing, programs[0]], "all")
    assert (tmp_path / "names").read_text().count("two") == 2
    assert len(steps.queue.jobs) == (2 if per_step else 0)
