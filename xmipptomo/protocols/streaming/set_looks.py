"""What Scipion's files say of a set that grows and of the run that makes it: looked up by own read-only connections.

Scipion's own readers raise for a set without items, take a locked file for a closed set, and make files that are not there.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tomo_particles.runs.sightings import FAILED, OPEN, OVER, Source

OPEN_STATE = "1"  # Set.STREAM_OPEN
WAIT = 1.0  # seconds for a lock
DONE = ("finished", "interactive")  # states of a run whose outputs stay as they are
BROKEN = ("failed", "aborted")
STATUS = "SELECT value FROM Objects WHERE name = ?"
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
    return _ask(path, _look, SetLook(is_open=True))


def _look(database: sqlite3.Connection) -> SetLook:
    properties = dict(database.execute("SELECT key, value FROM Properties"))
    columns = dict(database.execute("SELECT label_property, column_name FROM Classes"))
    of = next(columns[name] for name in TS_IDS if name in columns)
    mean = f"AVG({columns['_score']})" if "_score" in columns else "NULL"
    sums = [f"TOTAL({columns[name]})" for name in ("_x", "_y", "_z", "_score") if name in columns]
    texts = [f"MAX({columns[name]})" for name in ("_eulerMatrix._matrix", "_filename") if name in columns]
    asked = ", ".join([of, "COUNT(*)", mean, *sums, *texts])
    rows = database.execute(f"SELECT {asked} FROM Objects GROUP BY {of} ORDER BY MIN(id)").fetchall()
    return SetLook(
        properties.get("_streamState") == OPEN_STATE,
        {row[0]: row[1] for row in rows},
        {row[0]: float(row[2]) for row in rows if row[2] is not None},
        {row[0]: hashlib.sha256(repr(row).encode()).hexdigest()[:16] for row in rows},
    )


def look_at_input(path: str) -> Source | None:
    """A set as an input that is followed: a digest of what it has of each tomogram, and whether more may come.

    It is over if it is closed and the run that makes it has finished: a run that is stopped closes its outputs, too.
    """
    look, state = look_at_set(path), state_of_producer(path)
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


def _ask(path: str, question: Callable[[sqlite3.Connection], Any], without_tables: Any) -> Any:
    if not Path(path).is_file():
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro", uri=True, timeout=WAIT)) as database:
            database.execute("BEGIN")
            return question(database)
    except sqlite3.OperationalError as error:
        return without_tables if "no such table" in str(error) else None
    except (sqlite3.Error, StopIteration):
        return None
