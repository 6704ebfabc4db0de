"""Tomograms of a folder that grows: complete by size and rest, left out with a reason, taken once they are whole."""

import gzip
import os

import numpy as np
import pytest

from tomo_particles.core.tomograms import write_volume
from tomo_particles.runs.growing_tomograms import GrowingTomograms

RNG = np.random.default_rng(0)


@pytest.fixture
def whole(tmp_path) -> bytes:
    write_volume(tmp_path / "made.mrc", RNG.normal(size=(16, 24, 32)), 10.0)
    content = (tmp_path / "made.mrc").read_bytes()
    (tmp_path / "made.mrc").unlink()
    return content


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_a_tomogram_counts_when_all_its_bytes_are_there_and_rest(folder, whole):
    tomograms = GrowingTomograms(str(folder))
    (folder / "TS_1.mrc").write_bytes(whole[:5000])
    tomograms.look(0)
    assert tomograms.waiting and not tomograms.arrived
    (folder / "TS_1.mrc").write_bytes(whole)
    for now, n in ((10, 0), (39, 0), (40, 1)):
        tomograms.look(now)
        assert len(tomograms.arrived) == n, now
    own = tomograms.arrived["TS_1"]
    assert (own.size, own.sampling_rate) == ((32, 24, 16), 10.0) and not tomograms.waiting


def test_the_clock_of_the_file_server_does_not_matter(folder, whole):
    (folder / "TS_1.mrc").write_bytes(whole)
    os.utime(folder / "TS_1.mrc", (4e9, 4e9))
    tomograms = GrowingTomograms(str(folder), settle=5)
    tomograms.look(0)
    tomograms.look(5)
    assert set(tomograms.arrived) == {"TS_1"}


def test_reserved_space_waits_twice_as_long(folder, whole):
    (folder / "TS_1.mrc").write_bytes(whole[:-8000] + bytes(8000))
    tomograms = GrowingTomograms(str(folder))
    for now, n in ((0, 0), (30, 0), (60, 1)):
        tomograms.look(now)
        assert len(tomograms.arrived) == n, now


def test_what_cannot_be_used_has_a_reason(folder, whole):
    (folder / "short.mrc").write_bytes(whole[:5000])
    (folder / "text.mrc").write_bytes(b"no tomogram" * 200)
    (folder / "twice.mrc").write_bytes(whole)
    (folder / "twice.rec").write_bytes(whole)
    (folder / "notes.txt").write_text("no tomogram either")
    tomograms = GrowingTomograms(str(folder))
    tomograms.look(0)
    assert set(tomograms.faults) == {"twice"} and "rename" in tomograms.faults["twice"]
    assert tomograms.unfinished(9) == {"short": "it holds 5000 of 50176 bytes", "text": "it cannot be read"}
    tomograms.look(1800)
    assert tomograms.unfinished(1800) == {}
    assert set(tomograms.faults) == {"twice", "short", "text"} and not tomograms.arrived
    assert "it holds 5000 of 50176 bytes" in tomograms.faults["short"] and tomograms.faults["text"] == "it cannot be read"
    (folder / "short.mrc").write_bytes(whole)
    tomograms.look(1810)
    assert tomograms.unfinished(1815) == {"short": "its file still changed 5 s ago"}
    tomograms.look(1840)
    assert set(tomograms.arrived) == {"short"}


def test_compressed_tomograms_and_patterns(folder, whole):
    (folder / "TS_1.mrc.gz").write_bytes(gzip.compress(whole))
    (folder / "TS_2_even.mrc").write_bytes(whole)
    for source, expected in ((folder, {"TS_1", "TS_2_even"}), (folder / "*.gz", {"TS_1"})):
        tomograms = GrowingTomograms(str(source))
        tomograms.look(0)
        tomograms.look(60)
        assert set(tomograms.arrived) == expected


def test_errors_are_said_with_the_options_of_the_program(folder, whole):
    header = bytearray(whole)
    header[40:52] = bytes(12)  # the size of the volume in Å: without it no sampling rate is known
    (folder / "TS_1.mrc").write_bytes(bytes(header))
    for said, words in ((str, "tomogram sampling rate"), (lambda error: error.said(lambda name: "--rate"), "--rate")):
        tomograms = GrowingTomograms(str(folder), settle=0, said=said)
        tomograms.look(0)
        tomograms.look(60)
        assert words in tomograms.faults["TS_1"] and "\0" not in tomograms.faults["TS_1"]
