"""What TensorFlow writes while it starts is kept back, and nothing else."""

import logging
import os

import pytest

from deep_consensus_tomo.network.start_up import LEVEL, notes_kept_back

NOTES = (b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
         b"I0000 00:00:1795267781.594946   13190 port.cc:153] oneDNN custom operations are on.\n")


@pytest.mark.parametrize(("level", "left"), [("3", b"a real trouble\n"), ("0", NOTES + b"a real trouble\n")])
def test_notes_are_kept_back_unless_the_user_wants_them(monkeypatch, capfd, level, left):
    monkeypatch.setenv(LEVEL, level)
    with notes_kept_back():
        os.write(2, NOTES + b"a real trouble\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err.encode() == left + b"after\n"


def test_a_failed_start_says_everything(monkeypatch, capfd):
    monkeypatch.setenv(LEVEL, "3")
    with pytest.raises(ImportError), notes_kept_back():
        os.write(2, NOTES)
        raise ImportError("no such library")
    assert capfd.readouterr().err.encode() == NOTES


def test_other_warnings_of_tensorflow_are_still_given():
    assert logging.getLogger("tensorflow").level <= logging.WARNING
