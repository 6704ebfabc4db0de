"""Prints a table of promise, cases, held of one trial; exit code 1 if any did not hold."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from . import disk, fuzz, kill, names, scipion
from .trial import preload

TRIALS = {"kill": kill.trial, "scipion": scipion.trial, "disk": disk.trial, "fuzz": fuzz.trial, "names": names.trial}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Trials of what lies on disk.")
    parser.add_argument("trial", choices=TRIALS)
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    preload()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults_") as folder:
        table = TRIALS[options.trial](options.cases, options.seed, Path(folder))
    print(f"{options.trial}, seed {options.seed}, {time.monotonic() - started:.0f} s")
    print(table.text())
    return 1 if table.broken else 0


if __name__ == "__main__":
    sys.exit(main())
