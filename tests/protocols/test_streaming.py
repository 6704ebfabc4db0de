"""Protocols that follow growing inputs: what their looks at Scipion's files say, and their runs by Scipion's own tests."""

import errno
import html
import shutil
import sqlite3
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from mail_server import Kept, free_port

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from tomo_particles.core.errors import InputError
    from tomo_particles.runs.ledger import LedgerFiles
    from tomo_particles.runs.sightings import FAILED, OPEN, OVER, Look, Source
    from tomo_particles.runs.watching import VOTE, End, Prepare, Publish, Rules
    from xmipptomo.protocols import XmippProtMonitor3D, XmippProtPickingConsensus3D, XmippProtStreamingConsensus3D
    from xmipptomo.protocols.shared.queue_jobs import JobLost
    from xmipptomo.protocols.streaming.following_pickers import FollowsPickers
    from xmipptomo.protocols.streaming.set_looks import SetLook, SetLooks, look_at_input, look_at_set
    from xmipptomo.tests import test_protocol_streaming_consensus3d as consensus_tests
    from xmipptomo.tests import test_protocols_streaming as scipion_tests
    from xmipptomo.tests.test_protocol_streaming_consensus3d import QUICK, SOON

PICKS = {"TS_2": [[1, 2, 3]], "TS_1": [[1, 2, 3], [4, 5, 6]]}


@pytest.fixture
def coordinates(sets):
    tomograms = sets.tomograms({"TS_1": (20, 20, 20), "TS_2": (20, 20, 20)}, 10.0)
    return sets.coordinates(tomograms, PICKS, score=0.5)


def in_run(folder, given, state: str) -> str:
    """Copy a set into the folder of a run in this state; gives its path there."""
    run = folder / "000012_XmippProtPickBlobs3D"
    (run / "logs").mkdir(parents=True)
    with sqlite3.connect(run / "logs" / "run.db") as database:
        database.execute("CREATE TABLE Objects (id INTEGER, name TEXT, value TEXT)")
        rows = [(1, "2.status", "finished"), (2, "12.status", state)]  # the first is of a run before it
        database.executemany("INSERT INTO Objects VALUES (?, ?, ?)", rows)
    database.close()
    return shutil.copy(given.getFileName(), run)


def test_a_set_is_looked_at_without_scipion(coordinates, sets, tmp_path):
    path = coordinates.getFileName()
    look = look_at_set(path)
    assert (look.is_open, look.counts, look.scores) == (False, {"TS_1": 2, "TS_2": 1}, {"TS_1": 0.5, "TS_2": 0.5})
    other = sets.coordinates(coordinates.getPrecedents(), PICKS | {"TS_1": [[1, 2, 3], [4, 5, 7]]}, score=0.5)
    again = look_at_set(other.getFileName())
    assert again.digests["TS_2"] == look.digests["TS_2"] and again.digests["TS_1"] != look.digests["TS_1"]
    coordinates.setStreamState(coordinates.STREAM_OPEN)
    coordinates.write()
    assert look_at_set(path).is_open
    empty = sets.empty_coordinates(coordinates.getPrecedents())
    empty.write()
    assert look_at_set(empty.getFileName()) == SetLook(True)
    assert look_at_set(str(tmp_path / "none.sqlite")) is None and not (tmp_path / "none.sqlite").exists()
    (tmp_path / "text.sqlite").write_text("no database" * 100)
    assert look_at_set(str(tmp_path / "text.sqlite")) is None


def test_a_locked_set_is_unknown_and_not_closed(coordinates):
    writer = sqlite3.connect(coordinates.getFileName(), isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert look_at_set(coordinates.getFileName()) is None and look_at_input(SetLooks(coordinates.getFileName())) is None
    writer.execute("ROLLBACK")
    writer.close()
    found = look_at_input(SetLooks(coordinates.getFileName()))
    assert set(found.items) == {"TS_1", "TS_2"} and found.state == OVER


@pytest.mark.parametrize(
    ("state", "is_open", "expected"),
    [
        ("finished", False, OVER),
        ("interactive", False, OVER),
        ("running", False, OPEN),  # closed too early, as by a step that raised
        ("running", True, OPEN),
        ("aborted", False, FAILED),
        ("failed", True, FAILED),
        ("finished", True, OPEN),
    ],
)
def test_a_set_is_over_only_if_its_run_has_finished_too(coordinates, tmp_path, state, is_open, expected):
    coordinates.setStreamState(coordinates.STREAM_OPEN if is_open else coordinates.STREAM_CLOSED)
    coordinates.write()
    assert look_at_input(SetLooks(in_run(tmp_path, coordinates, state))).state == expected


def test_a_finished_run_without_a_single_item_is_over(coordinates, sets, tmp_path):
    empty = sets.empty_coordinates(coordinates.getPrecedents())
    empty.write()
    assert look_at_input(SetLooks(in_run(tmp_path, empty, "finished"))) == Source({}, OVER)


@pytest.mark.slow
class TestStreaming(scipion_tests.TestStreaming):
    """Launches of Scipion."""

    pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

    @pytest.fixture(scope="class", autouse=True)
    def folder_kept(self):
        """Scipion's tests change into their project: come back."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(".")
            yield


def full_disk() -> InputError:
    error = InputError("'picks.xmd': the disk is full; free some space")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (sqlite3.OperationalError("database is locked"), True),
        (OSError(errno.EIO, "Input/output error"), True),
        (full_disk(), True),
        (InputError("tomogram 'TS_1': the file TS_1.mrc does not exist"), False),
        (JobLost("the job of preparation_TS_1 was gone before its end, 3 times"), False),
    ],
)
def test_a_tomogram_is_left_out_for_its_own_faults_only(error, passes):
    def broken():
        raise error

    noted, held = [], []
    run = SimpleNamespace(
        _files=lambda: None,
        _frame=lambda: (10.0, 20),
        _sets=broken,
        _note=lambda ts_id, **changes: noted.append((ts_id, changes["left_out"], changes["revision"])),
        _hold=lambda ts_id, error: held.append((ts_id, error)),
        error=lambda text: None,
    )
    XmippProtPickingConsensus3D._merge(run, Prepare("TS_1", 1, "t", {1: "p", 2: "q"}))
    assert held == ([("TS_1", error)] if passes else [])  # it is tried again
    assert noted == ([] if passes else [("TS_1", str(error), 0)])


class Followed(FollowsPickers):
    """A protocol whose disk is full when it first publishes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._lock, self.settle = folder, threading.RLock(), SimpleNamespace(get=lambda: 0.03)
        self.published: list[str] = []
        self.tries, self.said = 0, list[str]()

    def _getExtraPath(self, *parts: str) -> str:
        return str(self.folder.joinpath(*parts))

    _getPath = _getExtraPath

    def warning(self, text: str) -> None:
        self.said.append(text)

    def _rules(self) -> Rules:
        return Rules(("a", "b"), VOTE, settle=0.03, final=False)

    def _begin(self) -> None:
        """Nothing is there before."""

    def _look(self) -> Look:
        return Look(Source({"TS_1": "t"}, OVER), (Source({"TS_1": "p"}, OVER), Source({"TS_1": "q"}, OVER)))

    def _do(self, action) -> bool:
        match action:
            case Prepare():
                self._note("TS_1", revision=1, tomogram="t", digests=action.digests)
            case Publish():
                self.tries += 1
                if self.tries < 3:
                    raise full_disk()
                self.published += action.tomo_ids
                self._note("TS_1", published=True)
            case End():
                return True
        return False


def test_a_run_as_one_job_of_a_queue_is_warned_of():
    queue = SimpleNamespace(useQueueForProtocol=lambda: True)
    assert "A job for each step: N" in FollowsPickers._warnings(queue)[0]
    assert FollowsPickers._warnings(SimpleNamespace(useQueueForProtocol=lambda: False)) == []


def test_a_full_disk_is_waited_for_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr("xmipptomo.protocols.streaming.following_pickers.AGAIN", 0.1)
    run = Followed(tmp_path)
    run.followStep("")
    assert (run.tries, run.published) == (3, ["TS_1"])
    said = "Publish: 'picks.xmd': the disk is full; free some space; it is tried again"
    assert [text for text in run.said if "disk is full" in text] == [said]
    assert run._keptLines() == [] and LedgerFiles(tmp_path / "ledger").read()["TS_1"].published


@pytest.mark.slow
class TestStreamingConsensus3D(consensus_tests.TestStreamingConsensus3D):
    """Launches of Scipion."""

    pytestmark = pytest.mark.filterwarnings("ignore")

    @pytest.fixture(scope="class", autouse=True)
    def folder_kept(self):
        """Scipion's tests change into their project: come back."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(".")
            yield

    def test_a_monitor_writes_a_page_and_mails_while_the_run_goes_on(self):
        kept, port = Kept(), free_port()
        server = Controller(kept, hostname="127.0.0.1", port=port)
        server.start()
        try:
            sources = [self.released(self.pickers[0], interval=2.0), self.released(self.pickers[1], interval=2.0, lacking=3)]
            live = self.form(XmippProtStreamingConsensus3D, sources, doVoting=True, **QUICK, **SOON)
            mail = {"mailServer": "127.0.0.1", "mailPort": port, "mailSecurity": 0, "mailFrom": "a@example.org"}
            monitor = self.newProtocol(XmippProtMonitor3D, every=1.0, behind=1, mailTo="b@example.org c@example.org", **mail)
            self.proj.saveProtocol(live)
            monitor.inputRun.set(live)
            self.proj.launchProtocol(monitor)  # before the run that it shows
            self.proj.launchProtocol(live)
            page = Path(monitor._getExtraPath("monitor.html"))
            self.until(page.exists)
            self.killed(monitor)
            self.continued(monitor)
            self.ended(live)
            self.ended(monitor)
        finally:
            server.stop()
        self.assert_finished(monitor)
        text = html.unescape(page.read_text(encoding="utf-8"))
        self.assertIn("4 of 4 tomograms", text)
        self.assertIn("Nothing is wrong" if not monitor._keptLines() else monitor._keptLines()[0], text)
        self.assertEqual(kept.mails[0][0], ["b@example.org", "c@example.org"])
        self.assertIn("lacks 3 tomograms that another one has", kept.mails[0][1].replace("=\r\n", ""))
        self.assertEqual(len(kept.mails), 1)  # not one in each look, and no second one within ten minutes
