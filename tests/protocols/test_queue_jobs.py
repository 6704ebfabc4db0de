"""Jobs of a queue as a run sends, awaits and adopts them; the queue is pretended, by processes of this machine."""

import threading
import time
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pretended_queue import PretendedQueue

    from tomo_particles.runs import queued_jobs
    from tomo_particles.runs.queued_jobs import JobFiles
    from xmipptomo.protocols.shared import queue_jobs
    from xmipptomo.protocols.shared.queue_jobs import JobLost, Queue, run_in_queue


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A queue that is asked often."""
    monkeypatch.chdir(tmp_path)
    for name, seconds in (("LOOK", 0.02), ("ASK", 0.05), ("AGAIN", 0.1)):
        monkeypatch.setattr(queue_jobs, name, seconds)
    monkeypatch.setattr(queued_jobs, "APART", 0.2)
    return PretendedQueue(tmp_path / "queue")


def queue_of(engine: PretendedQueue) -> Queue:
    return Queue(engine.host, {"JOB_SCRIPT": str(Path("12.job").absolute()), "JOB_NAME": "12"}, None)


def started(engine: PretendedQueue, commands: list[str], key: str = "key", results: tuple[str, ...] = ("result",), **told):
    """Run it in a thread; gives the thread and the list that gets what it returns or raises."""
    found: list = []

    def work() -> None:
        try:
            found.append(run_in_queue(queue_of(engine), JobFiles("step.job"), key, "step", commands, results, **told))
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, found


def until(holds) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_job_is_sent_once_and_its_exit_code_comes_back(engine):
    told: list = []
    names = {"job_begins": lambda job: told.append(job), "job_ends": lambda job: told.append(-job)}
    thread, found = started(engine, ["touch result", "(exit 5)"], **names)
    thread.join(20)
    assert (found, engine.jobs, told) == ([5], [1], [1, -1])


def test_a_job_that_is_killed_is_sent_three_times_and_is_then_lost(engine):
    thread, found = started(engine, ["sleep 60"])
    for job in (1, 2, 3):
        until(lambda job=job: JobFiles("step.job").sent() and JobFiles("step.job").sent().has_begun and engine.jobs[-1] == job)
        engine.kill(job)
    thread.join(20)
    assert isinstance(found[0], JobLost) and "3 times" in str(found[0]) and engine.jobs == [1, 2, 3]


def test_a_queue_that_does_not_answer_loses_no_job(engine):
    engine.breaks(True)
    thread, found = started(engine, ["sleep 1", "touch result"])
    time.sleep(0.3)
    assert engine.jobs == []
    engine.breaks(False)
    until(lambda: engine.jobs == [1])
    engine.breaks(True)
    thread.join(20)
    assert (found, engine.jobs) == ([0], [1])


def test_a_run_that_goes_on_adopts_the_job_that_waits_runs_or_has_ended(engine):
    first, _ = started(engine, ["sleep 1", "echo line >> result"])
    until(lambda: engine.jobs == [1])
    second, found = started(engine, ["sleep 1", "echo line >> result"])  # the first thread stands for a run that was killed
    second.join(20)
    first.join(20)
    third, again = started(engine, ["sleep 1", "echo line >> result"])  # killed before it noted the end
    third.join(20)
    assert (found, again, engine.jobs) == ([0], [0], [1])
    assert Path("result").read_text() == "line\n"


@pytest.mark.parametrize(("key", "results"), [("other picks", ("result",)), ("key", ())])
def test_a_job_of_other_inputs_is_cancelled_and_sent_anew(engine, key, results):
    sending = JobFiles("step.job").new("key", ["sleep 60", "echo old >> result"], Path.cwd())
    queue_of(engine).send(sending, "step")  # by a run that was killed
    until(lambda: sending.has_begun)
    thread, found = started(engine, ["echo new >> result"], key, results)
    thread.join(20)
    assert (found, engine.jobs, Path("result").read_text()) == ([0], [1, 2], "new\n")


def test_a_job_that_ended_is_not_believed_without_its_files(engine):
    for _ in range(2):
        thread, found = started(engine, ["echo line >> result"])
        thread.join(20)
        assert found == [0]
        Path("result").rename("away")
    assert engine.jobs == [1, 2]
