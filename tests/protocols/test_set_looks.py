"""Looks at a set that grows: as a first look, and without reading again what has not changed."""

import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from xmipptomo.protocols.streaming import set_looks
from xmipptomo.protocols.streaming.set_looks import SetLook, SetLooks, look_at_set

LABELS = {"_tomoId": "c01", "_x": "c02", "_y": "c03", "_z": "c04", "_score": "c05", "_eulerMatrix._matrix": "c06"}
ADD = "INSERT INTO Objects (c01, c02, c03, c04, c05, c06) VALUES (?, ?, ?, ?, ?, ?)"


class GrowingSet:
    """The database of a set of coordinates, as Scipion writes it."""

    def __init__(self, path: Path) -> None:
        self.path, self.random = str(path), random.Random(1)
        self.do(
            "CREATE TABLE Properties (key TEXT, value TEXT)",
            "INSERT INTO Properties VALUES ('_streamState', '1')",
            "CREATE TABLE Classes (label_property TEXT, column_name TEXT)",
            *(f"INSERT INTO Classes VALUES ('{label}', '{column}')" for label, column in LABELS.items()),
            "CREATE TABLE Objects (id INTEGER PRIMARY KEY, c01 TEXT, c02 REAL, c03 REAL, c04 REAL, c05 REAL, c06 TEXT)",
        )

    def do(self, *commands: str) -> None:
        with closing(sqlite3.connect(self.path)) as database:
            for command in commands:
                database.execute(command)
            database.commit()

    def add(self, ts_id: str, n: int = 30, matrix: str | None = "[1, 0]") -> None:
        places = [(ts_id, *(self.random.uniform(0, 900) for _ in range(3)), self.random.random(), matrix) for _ in range(n)]
        with closing(sqlite3.connect(self.path)) as database:
            database.executemany(ADD, places)
            database.commit()


@pytest.fixture
def growing(tmp_path, monkeypatch):
    monkeypatch.setattr(set_looks, "AT_ONCE", 100)
    return GrowingSet(tmp_path / "set.sqlite")


def test_a_look_at_what_was_appended_is_a_first_look(growing):
    looks = SetLooks(growing.path)
    assert looks.look().counts == {}
    for number in range(12):
        growing.add(f"TS_{number // 2}", 17 + number, None if number == 5 else f"[{number}]")  # each comes in two parts
        assert looks.look() == look_at_set(growing.path)
    growing.do("UPDATE Properties SET value = '2'")
    found = looks.look()
    assert found == look_at_set(growing.path) and not found.is_open
    assert found.counts == {f"TS_{k}": 35 + 4 * k for k in range(6)} and list(found.counts) == sorted(found.counts)
    assert all(0.3 < score < 0.7 for score in found.scores.values())


def test_a_set_without_its_first_item_is_open_and_empty(tmp_path):
    path = str(tmp_path / "made.sqlite")
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE Properties (key TEXT, value TEXT)")
        made.execute("CREATE TABLE Classes (label_property TEXT, column_name TEXT)")
    assert look_at_set(path) == SetLook(is_open=True)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE Objects SET c02 = c02 + 0.01 WHERE id = 31",
        "DELETE FROM Objects WHERE id = 31",
        "UPDATE Objects SET c06 = '[2]' WHERE id = 31",
    ],
)
def test_what_changes_in_place_is_seen_after_some_looks_and_at_once_when_the_set_is_closed(growing, change):
    looks = SetLooks(growing.path)
    for number in range(20):
        growing.add(f"TS_{number}")
        before = looks.look()
    growing.do(change)
    for more in range(8):  # parts of at most 100 items: each is read again within so many looks
        growing.add(f"TS_{20 + more}")
        looks.look()
    assert looks.look().digests["TS_1"] != before.digests["TS_1"] and looks.look() == look_at_set(growing.path)
    growing.do("UPDATE Objects SET c03 = 1 WHERE id = 200", "UPDATE Properties SET value = '2'")
    assert looks.look() == look_at_set(growing.path)


def test_a_set_that_is_written_again_is_seen_at_once(growing):
    looks = SetLooks(growing.path)
    growing.add("TS_1")
    assert looks.look().counts == {"TS_1": 30}
    os.remove(growing.path)
    assert looks.look() is None
    other = GrowingSet(Path(growing.path))
    other.random.seed(2)
    other.add("TS_1", 40)
    assert looks.look().counts == {"TS_1": 40} and looks.look() == look_at_set(growing.path)
    other.do("DELETE FROM Objects WHERE id > 10")
    assert looks.look().counts == {"TS_1": 10}


def test_what_a_writer_wrote_half_before_it_was_killed_is_taken_back(growing, tmp_path):
    growing.add("TS_1")
    before = look_at_set(growing.path)
    writer = sqlite3.connect(growing.path, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")  # so that a part of it reaches the file before the commit
    writer.execute("BEGIN")
    writer.executemany(ADD, [("TS_2", 1.0, 1.0, 1.0, 0.5, "[1, 0]")] * 5000)
    killed = tmp_path / "killed.sqlite"
    for ending in ("", "-journal"):
        shutil.copy(growing.path + ending, f"{killed}{ending}")
    assert killed.stat().st_size > 50_000
    writer.execute("ROLLBACK")
    writer.close()
    assert look_at_set(str(killed)) == before == look_at_set(growing.path)


def calls_to_read() -> int:
    """Of this process, since it began."""
    return int(next(line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("syscr")).split()[1])


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="needs Linux")
def test_a_run_that_is_continued_reads_a_long_set_once(growing):
    growing.add("TS_0", 20_000)
    looks, reads = SetLooks(growing.path), []
    for number in range(4):
        growing.add(f"TS_{number + 1}")
        before = calls_to_read()
        found = looks.look()
        reads.append(calls_to_read() - before)
    assert reads[0] > 10 * max(reads[1:]) and found == look_at_set(growing.path)


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="needs Linux")
def test_a_look_reads_as_much_of_a_long_set_as_of_a_short_one(growing):
    looks, reads = SetLooks(growing.path), []
    for number in range(120):
        growing.add(f"TS_{number}")
        before = calls_to_read()
        looks.look()
        reads.append(calls_to_read() - before)
    early, late = max(reads[20:40]), max(reads[-20:])
    assert late <= early + 4  # a level more of the tree
    before = calls_to_read()
    looks.look()  # nobody wrote it
    assert calls_to_read() - before <= 2
    before = calls_to_read()
    look_at_set(growing.path)
    assert calls_to_read() - before > 3 * late  # what each look would read
