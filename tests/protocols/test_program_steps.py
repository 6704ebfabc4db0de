"""Programs run by steps: what a queue is asked for, and that a program which failed there is not taken for done."""

import subprocess

import pytest
from pyworkflow.constants import QUEUE_FOR_JOBS

from xmipptomo.files import ProtocolFiles
from xmipptomo.protocols.shared import program_steps
from xmipptomo.protocols.shared.program_steps import ProgramSteps, appears


class ScipionProtocol:
    """Of Scipion's protocol what ProgramSteps uses. Its queue forgets how jobs end, as Scipion's does."""

    binThreads = 4

    def __init__(self, folder, per_step: bool, threads: int = 3, given: dict | None = None) -> None:
        self.folder, self.per_step, self.threads, self.given = folder, per_step, threads, given or {}

    def getSubmitDict(self) -> dict:
        return {"JOB_THREADS": self.threads, QUEUE_FOR_JOBS: "Y" if self.per_step else "N"} | self.given

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
        subprocess.run(f"{program} {arguments}", shell=True, check=not self.per_step)


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
    monkeypatch.setattr(program_steps, "PATIENCE", 0.0)
    steps = Steps(tmp_path, per_step)
    for _ in range(2):  # what an earlier run left does not count
        steps._runProgram("bash", ["-c", "echo note >&2"], job="well")
        with pytest.raises(RuntimeError, match=r"program: error: --input: no such file"):
            steps._runProgram("bash", ["-c", "echo 'program: error: --input: no such file' >&2; exit 2"], job="wrong input")
        with pytest.raises(RuntimeError, match="job of killed ended before" if per_step else "137"):
            steps._runProgram("bash", ["-c", "exit 137"], job="killed")
    if per_step:
        with pytest.raises(RuntimeError, match=r"ended before its program did \(step 3\)"):
            steps._runProgram("bash", ["-c", "echo step 3 >&2; exit 137"], job="killed")


def test_a_file_that_comes_late_is_waited_for(tmp_path):
    path = tmp_path / "late"
    with subprocess.Popen(["bash", "-c", f"sleep 0.2; touch {path}"]):
        assert appears(str(path), patience=5)
    assert not appears(str(tmp_path / "never"), patience=0)
