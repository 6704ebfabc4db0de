"""What Scipion's files say of a set that grows and of the run that makes it: looked up by own read-only connections.

Scipion's own readers raise for a set without items, take a locked file for a closed set, and make files that are not there.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from tomo_particles.runs.sightings import FAILED, OPEN, OVER, Source

OPEN_STATE = "1"  # Set.STREAM_OPEN
WAIT = 1.0  # seconds for a lock
DONE = ("finished", "interactive")  # states of a run whose outputs stay as they are
BROKEN = ("failed", "aborted")
STATUS = "SELECT value FROM Objects WHERE name = ?"
AT_ONCE = 10_000  # items in a part of a set
STEPS, LARGEST = 1_000_000, 10**12  # places and scores are compared by their sixth decimal; no sum of them overflows
_READINGS = count()
TS_IDS = ("_tomoId", "_tsId")  # attributes that hold the id of the tomogram: of coordinates, of tomograms


@dataclass(frozen=True)
class SetLook:
    """By tsId: counts, the number of items; scores, their mean score, if they have one; digests, which differ where places,
    scores or files of items do."""

    is_open: bool
    counts: dict[str, int] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


def look_at_set(path: str) -> SetLook | None:
    """State and counts of a set in one transaction; None if it cannot be read now, or is not there.

    A set that has no item yet has no tables: it is open and empty.
    """
    return SetLooks(path).look()


class SetLooks:
    """Looks at one set, again and again. What a look reads does not grow with the set: items that were appended, and a part of
    the others. Where that part is not as before, and where the set is closed, all is read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: tuple = ()  # as it was at the last look
        self._last: SetLook | None = None
        self._of: tuple = ()  # the question and the first item that the parts are of
        self._parts: list[_Part] = []
        self._lock = Lock()

    def look(self) -> SetLook | None:
        """As `look_at_set`."""
        with self._lock:
            file = _state_of(self.path)
            if self._last is None or file != self._file:
                self._last = _ask(self.path, self._look, SetLook(is_open=True))
                self._file = file
            return self._last

    def _look(self, database: sqlite3.Connection) -> SetLook:
        is_open = dict(database.execute("SELECT key, value FROM Properties")).get("_streamState") == OPEN_STATE
        columns = dict(database.execute("SELECT label_property, column_name FROM Classes"))
        if not columns:  # the writer has not written its first item, or was killed before
            return SetLook(is_open=True)
        of = next(columns[name] for name in TS_IDS if name in columns)
        asked = _question(of, columns)
        now = asked, database.execute("SELECT * FROM Objects ORDER BY id LIMIT 1").fetchone()
        end = database.execute("SELECT MAX(id) FROM Objects").fetchone()[0] or 0
        if not (is_open and now == self._of and end >= self._end and self._is_as_before(database, asked)):
            self._of, self._parts = now, []
        while end > (after := self._end):
            last = database.execute("SELECT id FROM Objects WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?", (after, AT_ONCE - 1))
            self._parts.append(_read(database, asked, after, (last.fetchone() or (end,))[0]))
            if len(self._parts) > 1 and sum(part.size for part in self._parts[-2:]) <= AT_ONCE:
                self._parts[-2:] = [self._parts[-2].with_next(self._parts[-1])]
        return self._seen(is_open, "_score" in columns)

    @property
    def _end(self) -> int:
        return self._parts[-1].end if self._parts else 0

    def _is_as_before(self, database: sqlite3.Connection, asked: str) -> bool:
        """Whether the part that was read longest ago is; it is the next to be read again."""
        if not self._parts:
            return False
        oldest = min(self._parts, key=lambda part: part.read_at)
        again = _read(database, asked, oldest.after, oldest.end)
        self._parts[self._parts.index(oldest)] = again
        return again.sums == oldest.sums

    def _seen(self, is_open: bool, scored: bool) -> SetLook:
        total: dict[str, tuple] = {}
        for part in self._parts:
            for ts_id, sums in part.sums.items():
                total[ts_id] = _added(total[ts_id], sums) if ts_id in total else sums
        return SetLook(
            is_open,
            {ts_id: sums[0] for ts_id, sums in total.items()},
            {ts_id: sums[2] / sums[1] / STEPS for ts_id, sums in total.items() if sums[1]} if scored else {},
            {ts_id: hashlib.sha256(repr((ts_id, sums)).encode()).hexdigest()[:16] for ts_id, sums in total.items()},
        )


@dataclass(frozen=True)
class _Part:
    """Items with ids above `after`, up to `end`. sums: by tsId, in the order of the items.  read_at: number of the reading."""

    after: int
    end: int
    sums: dict[str, tuple]
    read_at: int

    @property
    def size(self) -> int:
        return sum(own[0] for own in self.sums.values())

    def with_next(self, other: _Part) -> _Part:
        """This part and the one after it."""
        sums = dict(self.sums)
        for ts_id, own in other.sums.items():
            sums[ts_id] = _added(sums[ts_id], own) if ts_id in sums else own
        return _Part(self.after, other.end, sums, self.read_at)


def _question(of: str, columns: Mapping[str, str]) -> str:
    """What is asked of the items of each tomogram: integers, whose sums do not depend on the order, and largest texts."""

    def total(name: str) -> str:
        return f"SUM(COALESCE(CAST(ROUND({columns[name]} * {STEPS}) AS INTEGER) % {LARGEST}, 0))" if name in columns else "0"

    scored = f"COUNT({columns['_score']})" if "_score" in columns else "0"
    texts = [f"COALESCE(MAX({columns[name]}), '')" for name in ("_eulerMatrix._matrix", "_filename") if name in columns]
    asked = ", ".join([of, "COUNT(*)", scored, *map(total, ("_score", "_x", "_y", "_z")), *texts])
    return f"SELECT {asked} FROM Objects WHERE id > ? AND id <= ? GROUP BY {of} ORDER BY MIN(id)"


def _read(database: sqlite3.Connection, asked: str, after: int, end: int) -> _Part:
    return _Part(after, end, {row[0]: row[1:] for row in database.execute(asked, (after, end))}, next(_READINGS))


def _added(one: tuple, other: tuple) -> tuple:
    """Counts and sums add up; of two texts the larger one stays."""
    numbers = tuple(a + b for a, b in zip(one[:6], other[:6], strict=True))
    return numbers + tuple(max(a, b) for a, b in zip(one[6:], other[6:], strict=True))


def _state_of(path: str) -> tuple:
    """The same as long as nobody writes a database."""
    found = []
    for name in (path, f"{path}-wal"):
        with suppress(OSError):
            info = os.stat(name)
            found.append((info.st_ino, info.st_size, info.st_mtime_ns))
    return tuple(found)


def look_at_input(looks: SetLooks) -> Source | None:
    """A set as an input that is followed: a digest of what it has of each tomogram, and whether more may come.

    It is over if it is closed and the run that makes it has finished: a run that is stopped closes its outputs, too.
    """
    look, state = looks.look(), state_of_producer(looks.path)
    if look is None or state is None:
        return None
    items = look.digests
    if state in BROKEN:
        return Source(items, FAILED)
    over = (state in DONE and not (look.is_open and items)) or (not state and not look.is_open)
    return Source(items, OVER if over else OPEN)


def state_of_producer(path: str) -> str | None:
    """The state of the run whose folder a set lies in, as its database says it; empty for a set of no run, None if unknown."""
    folder = Path(path).absolute().parent  # of a run it is called by its number, as 000123_XmippProtTrigger3D
    number, database = folder.name.partition("_")[0], folder / "logs" / "run.db"
    if not (number.isdecimal() and database.is_file()):
        return ""
    name = f"{int(number)}.status"  # the database also has the runs before it
    found = _ask(str(database), lambda asked: asked.execute(STATUS, (name,)).fetchone(), None)
    return str(found[0]) if found else None


def _ask(path: str, question: Callable[[sqlite3.Connection], Any], without_tables: Any, mode: str = "ro") -> Any:
    if not Path(path).is_file():
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode={mode}", uri=True, timeout=WAIT)) as database:
            database.execute("BEGIN")
            return question(database)
    except sqlite3.OperationalError as error:
        if mode == "ro" and "readonly" in str(error):  # its writer was killed in a commit: SQLite takes back what is half-written
            return _ask(path, question, without_tables, "rw")
        return without_tables if "no such table" in str(error) else None
    except (sqlite3.Error, StopIteration):
        return None
