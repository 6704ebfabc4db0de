"""A Scipion project in which sets grow while other runs follow them."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from pyworkflow.object import Pointer
from pyworkflow.protocol import MODE_RESUME

from ..files import RunFiles
from ..protocols import XmippProtRelease3D
from ..protocols.streaming.set_looks import state_of_producer
from .consensus_project import ConsensusProject

TIMED = {".json", ".txt", ".done", ".html", ".csv"}  # endings of files that hold times or paths


class StreamingProject(ConsensusProject):
    """What the tests of growing sets share."""

    def released(self, given: Pointer, **parameters) -> XmippProtRelease3D:
        """A run that releases a set; it has its first tomogram."""
        protocol = self.newProtocol(XmippProtRelease3D, **{"interval": 3.0, **parameters})
        protocol.inputSet.set(given.getObjValue())
        protocol.inputSet.setExtended(given.getExtended())
        self.proj.launchProtocol(protocol)
        self.until(lambda: self.updated(protocol).hasAttribute("released"))
        return protocol

    def finished_without(self, given: Pointer) -> Pointer:
        """A set without coordinates, of a run that has finished: that of a picker which found nothing."""
        run = given.getObjValue()
        run.setFinished()
        database = Path(run._getPath("logs", "run.db"))
        database.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(database)) as asked, asked:
            asked.execute("CREATE TABLE Objects (id INTEGER, name TEXT, value TEXT)")
            asked.execute("INSERT INTO Objects VALUES (1, ?, 'finished')", (f"{run.getObjId()}.status",))
        return given

    def updated(self, protocol):
        """A run as its own database has it now."""
        self.proj._updateProtocol(protocol)
        return protocol

    def until(self, holds, seconds: float = 300.0) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), end, "it takes too long")
            time.sleep(0.5)

    def ended(self, protocol, seconds: float = 600.0):
        """Wait until a run has ended, by its own database: one that ends while Scipion looks at it passes for failed."""
        self.until(lambda: state_of_producer(protocol._getPath("any")) in ("finished", "failed", "aborted"), seconds)
        protocol.lastUpdateTimeStamp.set(None)
        return self.updated(protocol)

    def assert_finished(self, protocol) -> None:
        """It ended well."""
        self.assertEqual(state_of_producer(protocol._getPath("any")), "finished", protocol.getErrorMessage())

    def form(self, kind: type, pickers, **parameters):
        """A form of a consensus of the outputs of runs."""
        form = self.newProtocol(kind, **parameters)
        form.inputSets.set([Pointer(picker, extended="released") for picker in pickers])
        return form

    def killed(self, protocol) -> None:
        """Kill a run with all its processes, as a machine that loses its power."""
        self.updated(protocol)
        own = protocol.getPid()
        children = {int(path.parent.name): int(path.read_text().rpartition(")")[2].split()[1])
                    for path in Path("/proc").glob("[0-9]*/stat") if path.exists()}
        family = {own}
        while grown := {pid for pid, parent in children.items() if parent in family} - family:
            family |= grown
        for pid in family:
            os.kill(pid, signal.SIGKILL)

    def continued(self, protocol):
        """Continue a run."""
        protocol.setAborted()
        protocol.runMode.set(MODE_RESUME)
        self.proj.launchProtocol(protocol, force=True)
        self.until(lambda: state_of_producer(protocol._getPath("any")) != "aborted")
        return protocol

    def rows(self, protocol, name: str) -> list[tuple]:
        """All items of an output, with all columns but the time of their creation."""
        with closing(sqlite3.connect(protocol._getPath(f"{name}.sqlite"))) as database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(Objects)") if row[1] != "creation"]
            return database.execute(f"SELECT {', '.join(columns)} FROM Objects ORDER BY id").fetchall()

    def properties(self, protocol, name: str) -> dict[str, str]:
        """What an output says of itself, without paths."""
        with closing(sqlite3.connect(protocol._getPath(f"{name}.sqlite"))) as database:
            found = dict(database.execute("SELECT key, value FROM Properties"))
        return {key: value for key, value in found.items() if key not in ("_mapperPath",)}

    def contents(self, protocol) -> dict[str, bytes]:
        """The files of the final result that hold neither times nor paths, by name."""
        root = Path(RunFiles(protocol._getExtraPath()).root)
        own = protocol._getPath().encode()
        files = [path for path in root.rglob("*") if path.is_file() and path.suffix not in TIMED]
        return {str(path.relative_to(root)): path.read_bytes().replace(own, b"RUN") for path in files}

    def assert_same_end(self, live, batch) -> None:
        """Tables, boxes, weights and both outputs are those of the batch run."""
        one, other = self.contents(live), self.contents(batch)
        self.assertEqual(set(one), set(other))
        self.assertGreater(len(other), 8)
        self.assertEqual([name for name in other if one[name] != other[name]], [])
        for name in ("coordinates", "scoredCoordinates"):
            file = getattr(batch, name).getFileName().rpartition("/")[2].removesuffix(".sqlite")
            self.assertEqual(self.rows(live, file), self.rows(batch, file))
            self.assertEqual(self.properties(live, file), self.properties(batch, file))
            self.assertEqual(getattr(live, name).getSize(), getattr(batch, name).getSize())

    def assert_published_once(self, protocol, ts_ids) -> None:
        """Each tomogram is in the live output once: as many rows as the ledger says, without a place twice."""
        rows = self.rows(protocol, "liveCoordinates")
        self.assertEqual(len({row[1:] for row in rows}), len(rows))
        self.assertFalse(protocol.liveCoordinates.isStreamOpen())
        counts = Counter(item.getTomoId() for item in protocol.liveCoordinates.iterItems())
        self.assertEqual(sorted(counts), sorted(ts_ids))
