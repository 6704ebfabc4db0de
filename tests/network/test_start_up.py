"""What TensorFlow writes while it starts is kept back, and nothing else."""

import logging
import os
import subprocess
import sys

import pytest

from deep_consensus_tomo.network import start_up
from deep_consensus_tomo.network.start_up import LEVEL, RETRACING, notes_kept_back

NOTES = (b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
         b"I0000 00:00:1795267781.594946   13190 port.cc:153] oneDNN custom operations are on.\n")


@pytest.mark.parametrize(("level", "left"), [("3", b"a real trouble\n"), ("0", NOTES + b"a real trouble\n")])
def test_notes_are_kept_back_unless_the_user_wants_them(monkeypatch, capfd, level, left):
    monkeypatch.setenv(LEVEL, level)
    with notes_kept_back():
        os.write(2, NOTES + b"a real trouble\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err.encode() == left + b"after\n"


def test_a_start_that_ends_the_process_says_why():
    code = ("import os, runpy, sys\nstart_up = runpy.run_path(sys.argv[1])\n"  # the module alone, without TensorFlow
            "with start_up['notes_kept_back']():\n    os.write(2, b'F0000 no AVX on this processor\\n')\n    os.abort()")
    command = [sys.executable, "-c", code, start_up.__file__]
    run = subprocess.run(command, capture_output=True, check=False, env={**os.environ, LEVEL: "3"})
    assert run.returncode < 0 and run.stderr == b"F0000 no AVX on this processor\n"


def test_other_warnings_of_tensorflow_are_still_given(monkeypatch):
    logger, seen = logging.getLogger("tensorflow"), []
    monkeypatch.setattr(logger, "handlers", [handler := logging.Handler()])
    handler.emit = lambda record: seen.append(record.getMessage())
    logger.warning("5 out of the last 5 calls %s", RETRACING)
    logger.warning("a real trouble")
    assert seen == ["a real trouble"]
