"""TensorFlow is started with oneDNN; what it writes meanwhile is kept back, and nothing else."""

import logging
import os
import subprocess
import sys

import pytest

from tomo_particles.network import start_up
from tomo_particles.network.start_up import LEVEL, ONE_DNN, RETRACING, notes_kept_back

NOTES = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795267781.594946   13190 port.cc:153] oneDNN custom operations are on.\n"
)


@pytest.mark.parametrize(("level", "left"), [("3", b"a real trouble\n"), ("0", NOTES + b"a real trouble\n")])
def test_notes_are_kept_back_unless_the_user_wants_them(monkeypatch, capfd, level, left):
    monkeypatch.setenv(LEVEL, level)
    with notes_kept_back():
        os.write(2, NOTES + b"a real trouble\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err.encode() == left + b"after\n"


def test_a_start_that_ends_the_process_says_why():
    code = (
        "import os, runpy, sys\nstart_up = runpy.run_path(sys.argv[1])\n"  # the module alone, without TensorFlow
        "with start_up['notes_kept_back']():\n    os.write(2, b'F0000 no AVX on this processor\\n')\n    os.abort()"
    )
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


# Runs what follows as users do; tells the variable at the moment that TensorFlow is imported, and what TensorFlow makes of it.
WATCHED = f"""
import os, runpy, sys
seen = []
def watch(event, arguments):
    if event == "import" and arguments[0] == "tensorflow":
        seen.append(os.environ.get("{ONE_DNN}"))
sys.addaudithook(watch)
sys.argv = sys.argv[1:]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
except SystemExit:
    pass
from tensorflow.python.util import _pywrap_util_port
print("STARTED", seen[0], _pywrap_util_port.IsMklEnabled())
"""
WAYS_IN = {
    "the package": ["tomo_particles.network.start_up"],
    "the program": ["xmipp_scripts.deep_picking_consensus_tomo", "--mode", "devices"],  # wrong input is refused before TensorFlow
}


def started(way: str, value: str | None) -> list[str]:
    """The variable when TensorFlow was imported, and whether TensorFlow uses oneDNN; `value` is what the user's shell has."""
    environment = {name: text for name, text in os.environ.items() if name != ONE_DNN} | ({ONE_DNN: value} if value else {})
    command = [sys.executable, "-c", WATCHED, *WAYS_IN[way]]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return run.stdout.rpartition("STARTED ")[2].split()


@pytest.mark.parametrize("way", WAYS_IN)
def test_tensorflow_uses_onednn_in_an_environment_that_does_not_say_so(way):
    assert started(way, None) == ["1", "True"]


def test_a_user_who_switched_onednn_off_keeps_it_off():
    assert started("the program", "0") == ["0", "False"]
