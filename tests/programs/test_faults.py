"""The tool that repeats the trials runs, and what it tries holds (`make faults` tries more)."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("trial", "cases"),
    [
        ("fuzz", 50),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in (("kill", 8), ("scipion", 2), ("disk", 7), ("names", 12))),
    ],
)
def test_promises_hold(trial, cases):
    command = [sys.executable, "-m", "tests.faults", trial, "--cases", str(cases), "--seed", "5"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "promise" in done.stdout and "not held" not in done.stdout
