"""What the project window says of a run that has not finished, and the commands in its log."""

import logging
import re
import warnings
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tomo_particles.core.picks import Picks
from tomo_particles.formats.xmd import write_picks

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow.protocol import FunctionStep

    import xmipptomo.protocols
    from xmipptomo.files import NOISE, POSITIVE, RunFiles
    from xmipptomo.protocols.deep_consensus.commands import RunTomogram
    from xmipptomo.protocols.deep_consensus.inputs import write_common_grid
    from xmipptomo.protocols.deep_consensus.interim import DOING, so_far, training_detail
    from xmipptomo.protocols.shared.program_steps import CommandLog, file_aside, without_file_aside
    from xmipptomo.protocols.shared.progress import unfinished_lines

START = datetime(2026, 1, 1)


class Run:
    """Of Scipion's protocol what unfinished_lines asks."""

    def __init__(self, status: str, *steps: tuple[str, str, float]) -> None:
        self.status, self.steps = status, [self.step(*step) for step in steps]

    @staticmethod
    def step(function: str, status: str, seconds: float = 0.0) -> FunctionStep:
        step = FunctionStep(funcName=function)
        step.setStatus(status)
        step.initTime.set(START)
        step.endTime.set(START + timedelta(seconds=seconds))
        return step

    def loadSteps(self) -> list[FunctionStep]:
        return self.steps

    def getScipionThreads(self) -> int:
        return 3

    def isActive(self) -> bool:
        return self.status == "running"

    def isFailed(self) -> bool:
        return self.status == "failed"

    def isAborted(self) -> bool:
        return self.status == "aborted"


def of_extraction(status: str, third: str) -> Run:
    done = [("convertInputStep", "finished", 5.0), *[("extractionStep", "finished", 120.0)] * 2]
    return Run(status, *done, ("extractionStep", third, 0.0), *[("extractionStep", "new", 0.0)] * 5, ("trainStep", "new", 0.0))


def test_it_says_what_is_done_and_how_long_that_takes_two_tomograms_at_once():
    lines = unfinished_lines(of_extraction("running", "running"), DOING, so_far=["counts"])
    assert lines == ["*Now*: extracting subtomograms: 2 of 8 tomograms done; about 6 min left for this", "counts"]


@pytest.mark.parametrize("status", ["failed", "aborted"])
def test_a_run_that_ended_early_says_where(status):
    lines = unfinished_lines(of_extraction(status, status), DOING, so_far=["counts"])
    assert lines == ["*Ended during*: extracting subtomograms: 2 of 8 tomograms done", "counts"]


def test_a_step_that_is_done_once_has_its_own_detail():
    run = Run("running", ("trainStep", "running", 0.0), ("scoreStep", "new", 0.0))
    details = {"trainStep": "network 1 of 3"}
    assert unfinished_lines(run, DOING, details=details) == ["*Now*: training the networks: network 1 of 3"]
    between = Run("running", ("trainStep", "finished", 1.0), ("scoreStep", "new", 0.0))
    assert unfinished_lines(between, DOING) == ["*Now*: scoring the picks"]


def test_no_step_of_a_protocol_that_says_what_it_does_is_without_a_word():
    checked = set()
    for path in Path(xmipptomo.protocols.__file__).parent.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "unfinished_lines(self" in source:
            steps = set(re.findall(r"_insertFunctionStep\(self\.(\w+)", source))
            assert {step for step in steps if f'"{step}": "' not in source} - set(DOING) == set(), path
            checked |= steps
    assert {"extractStep", "maskStep", "evaluateStep"} <= checked


def test_a_run_that_was_not_started_or_cannot_be_read_promises_nothing(monkeypatch):
    assert unfinished_lines(Run("saved"), DOING) == ["The results are not ready yet."]
    run = of_extraction("running", "running")
    monkeypatch.setattr(run, "loadSteps", lambda: (_ for _ in ()).throw(OSError("no such table: Classes")))
    assert unfinished_lines(run, DOING) == ["The results are not ready yet."]


@pytest.fixture
def files(tmp_path):
    """A run of two tomograms, of which one is merged."""
    files = RunFiles(str(tmp_path))
    tomograms = [RunTomogram(name, f"{name}.mrc", 10.0, [40, 30, 20], 10.0, 8, 1, False, False, [3, 2], 0) for name in ("a", "b")]
    write_common_grid(files.common_grid, 10.0, 8, ["one", "two"], tomograms)
    for label, count in (("all", 4), (POSITIVE, 1), ("doubtful", 3), (NOISE, 2)):
        write_picks(files.labelled("a", label), Picks("a", [[5.0, 5.0, 5.0]] * count, 10.0), 8, "a.mrc")
    return files


def test_counts_notes_and_failures_are_there_before_the_run_has_finished(files):
    files.noise_note("a").write_text("the tomogram is crowded")
    assert so_far(files, ["b: lost"], lambda rate, box: [f"a box of {box} voxels of {rate:g} Å"]) == [
        "*So far*: 4 merged picks in 1 of 2 tomograms; enough pickers agree on 1 of them; 2 noise picks",
        "- a: 3 + 2 picks, 1 positive, 3 doubtful",
        "a box of 8 voxels of 10 Å",
        "Noise of 'a': the tomogram is crowded",
        "*Tomogram left out* b: lost",
    ]
    assert so_far(RunFiles(str(files.root / "nowhere")), []) == []


def test_the_training_says_its_epoch_and_what_it_takes_at_most(files):
    assert training_detail(files, 3, 12) == ""
    files.training_log.write_text("fold,epoch,seconds\n1,1,20\n1,2,20\n2,1,20\n2,")  # a row is being written
    assert training_detail(files, 3, 12) == ""
    files.training_log.write_text("fold,epoch,seconds\n1,1,15\n2,1,15\n1,2,15\n")
    said = "epochs done: 2 of network 1, 1 of network 2 (of 3, at most 12 each); at most 8 min left for the training"
    assert training_detail(files, 3, 12) == said


def test_commands_in_the_log_are_those_that_a_user_would_type(caplog):
    log = CommandLog(logging.getLogger("protocol"), {})
    with caplog.at_level(logging.INFO):
        for messages in ("Runs/1/messages/noise_a.txt", "my runs/it's.txt"):
            command = "xmipp_x --input 'a b.xmd'" + file_aside(messages)
            log.info(f"\x1b[32m{command}\x1b[0m", extra={"mark": 1})
    assert {record.message for record in caplog.records} == {"\x1b[32mxmipp_x --input 'a b.xmd'\x1b[0m"}
    assert caplog.records[0].mark == 1
    error = f"Command 'xmipp_x{file_aside('a.txt')}' returned non-zero exit status 137."
    assert without_file_aside(error) == "Command 'xmipp_x' returned non-zero exit status 137."
