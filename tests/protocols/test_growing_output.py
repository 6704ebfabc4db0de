"""A set that grows: each tomogram once and whole, whatever fails, also for the process that continues the run."""

import os
import random
import signal
import sqlite3
import time
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow.object import Set
    from pyworkflow.protocol import Protocol, StepExecutor
    from tomo.objects import SetOfCoordinates3D

    from xmipptomo.protocols import (
        XmippProtMonitor3D,
        XmippProtPickBlobs3D,
        XmippProtPickingConsensus3D,
        XmippProtRelease3D,
        XmippProtStreamingConsensus3D,
        XmippProtTrigger3D,
        XmippProtWatchPicks3D,
        XmippProtWatchTomograms,
    )
    from xmipptomo.protocols.shared.checked_form import CheckedForm
    from xmipptomo.protocols.streaming.growing_output import GrowingOutput, new_ones
    from xmipptomo.protocols.streaming.set_items import items_of, prepare_alike
    from xmipptomo.protocols.streaming.set_looks import look_at_set

NAME = "released"


class Run:
    """What an output needs of a protocol. known: whether its database has heard of the output."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fails = folder, False

    def _getPath(self, name: str) -> str:
        return str(self.folder / name)

    def hasAttribute(self, name: str) -> bool:
        return hasattr(self, name)

    def _updateOutputSet(self, name: str, output: Set, state: int) -> None:
        if self.fails:
            raise BlockingIOError("database is locked")
        setattr(self, name, output)
        output.close()


@pytest.fixture
def given(sets):
    tomograms = sets.tomograms({"TS_1": (20, 20, 20), "TS_2": (20, 20, 20)}, 10.0)
    return sets.coordinates(tomograms, {"TS_1": [[1, 2, 3], [4, 5, 6]], "TS_2": [[7, 8, 9]]})


def output_of(run: Run, given: Set) -> GrowingOutput:
    return GrowingOutput(run, NAME, SetOfCoordinates3D, lambda made: prepare_alike(made, given))


def counts(run: Run) -> dict[str, int]:
    return look_at_set(run._getPath(f"{NAME}.sqlite")).counts


def failing(given: Set, ts_id: str):
    yield items_of(given, ts_id)[0]
    raise sqlite3.OperationalError("disk is full")


def test_what_fails_half_way_leaves_the_set_as_it_was(given, tmp_path):
    run = Run(tmp_path)
    output = output_of(run, given)
    with pytest.raises(sqlite3.OperationalError):  # in the first tomogram
        output.append("TS_1", failing(given, "TS_1"))
    assert output.ts_ids == [] and not hasattr(run, NAME)
    output.append("TS_1", items_of(given, "TS_1"))
    with pytest.raises(sqlite3.OperationalError):
        output.append("TS_2", failing(given, "TS_2"))
    assert counts(run) == {"TS_1": 2} and output.ts_ids == ["TS_1"]
    output.append("TS_2", items_of(given, "TS_2"))
    assert counts(run) == {"TS_1": 2, "TS_2": 1}
    assert look_at_set(run._getPath(f"{NAME}.sqlite")).is_open
    output.close()
    assert not look_at_set(run._getPath(f"{NAME}.sqlite")).is_open and run.released.getBoxSize() == 20


def test_what_is_written_but_not_known_to_the_run_is_not_written_again(given, tmp_path):
    killed = Run(tmp_path)
    killed.fails = True  # after the commit of the set, before the database of the run knows of it
    output = output_of(killed, given)
    with pytest.raises(BlockingIOError):
        output.append("TS_1", items_of(given, "TS_1"))
    assert output.ts_ids == ["TS_1"] and counts(killed) == {"TS_1": 2}
    again = Run(tmp_path)
    continued = output_of(again, given)
    continued.adopt()
    assert continued.ts_ids == ["TS_1"] and again.released.getSize() == 2 and again.released.getSamplingRate() == 10.0
    continued.append("TS_2", items_of(given, "TS_2"))
    assert counts(again) == {"TS_1": 2, "TS_2": 1}


def test_an_output_that_was_closed_by_a_stop_is_open_again(given, tmp_path):
    run = Run(tmp_path)
    output = output_of(run, given)
    output.append("TS_1", items_of(given, "TS_1"))
    output.close()
    again = Run(tmp_path)
    output_of(again, given).adopt()
    assert look_at_set(again._getPath(f"{NAME}.sqlite")).is_open


def test_a_file_without_items_is_what_a_kill_left(given, tmp_path):
    run = Run(tmp_path)
    SetOfCoordinates3D(filename=run._getPath(f"{NAME}.sqlite")).close()
    output = output_of(run, given)
    output.adopt()
    output.append("TS_1", items_of(given, "TS_1"))
    assert counts(run) == {"TS_1": 2}


def test_a_process_that_is_killed_at_any_moment_leaves_whole_tomograms_and_the_next_one_goes_on(sets, tmp_path):
    """SIGKILL before, in and after commits, between tomograms, and while the set is closed."""
    names = [f"TS_{number:02d}" for number in range(24)]
    tomograms = sets.tomograms(dict.fromkeys(names, (20, 20, 20)), 10.0)
    given = sets.coordinates(tomograms, {name: [[1, 2, k % 18] for k in range(40)] for name in names})
    items, waits, whole = {name: items_of(given, name) for name in names}, random.Random(3), 0
    for wait in (*(waits.uniform(0.01, 0.25) for _ in range(12)), None):
        child = os.fork()
        if not child:
            code = 1
            try:
                output = output_of(Run(tmp_path), given)
                output.adopt()
                for name in new_ones(names, output):
                    for item in items[name]:
                        item.setObjId(None)
                    output.append(name, items[name])
                output.close()
                code = 0
            finally:
                os._exit(code)
        if wait is not None:
            time.sleep(wait)
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, -signal.SIGKILL)
        path = Path(tmp_path, f"{NAME}.sqlite")
        look = look_at_set(str(path))  # it also brings a transaction to its end that was cut off; None before there is a table
        there = look.counts if look else {}
        assert set(there.values()) <= {40} and list(there) == names[: len(there)] and len(there) >= whole
        whole = len(there)
    look = look_at_set(str(path))
    assert code == 0 and list(look.counts) == names and not look.is_open


class Stepped(CheckedForm, Protocol):
    """A protocol whose steps lie in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder, self._stepsExecutor = folder, StepExecutor(None)

    def getStepsFile(self) -> str:
        return str(self._folder / "steps.sqlite")

    def validate(self) -> list[str]:
        return []

    def _insertAllSteps(self) -> None:
        self._insertFunctionStep(self.onlyStep, needsGPU=False)

    def onlyStep(self) -> None:
        """Nothing."""

    def _runSteps(self, doneSteps: int) -> None:
        self._stepsSet.close()


@pytest.mark.parametrize("table", ["Classes", "Objects", None])
def test_a_run_that_was_killed_while_it_wrote_its_steps_goes_on(tmp_path, table):
    Stepped(tmp_path)._run()
    assert [step.funcName.get() for step in Stepped(tmp_path).loadSteps()] == ["onlyStep"]
    path = tmp_path / "steps.sqlite"
    if table:
        with sqlite3.connect(path) as database:
            database.execute(f"DROP TABLE {table}")
        database.close()
    else:
        path.write_bytes(b"half of a page")
    assert Stepped(tmp_path).loadSteps() == []
    Stepped(tmp_path)._run()
    assert [step.funcName.get() for step in Stepped(tmp_path).loadSteps()] == ["onlyStep"]


@pytest.mark.parametrize(
    "kind",
    [
        XmippProtMonitor3D,
        XmippProtPickBlobs3D,
        XmippProtPickingConsensus3D,
        XmippProtRelease3D,
        XmippProtStreamingConsensus3D,
        XmippProtTrigger3D,
        XmippProtWatchPicks3D,
        XmippProtWatchTomograms,
    ],
)
def test_scipion_starts_them_while_their_inputs_grow(kind):
    assert kind.worksInStreaming()
