"""Disks that are full: every file may have so many bytes only, from none to all that a run needs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np

from .trial import RUN, Done, Table, contents, forked, learn, make_scene, vote

SAID = "one line that names the file and the space"
WHOLE = "nothing half-written, exit code not 0"
AGAIN = "with space, the same command gives the same bytes"
LINE = re.compile(r"'[^']+' cannot be written: .* it needs about [\d.]+ MB; free some space")
TARGETS = ("o.xmd", "o.csv", "r5.star", "r3.star", "o.tbl", "{tomo}.mod", "{tomo}.json")


def trial(cases: int, seed: int, folder: Path) -> Table:
    """Conversions to every format; every third case is a run: two of three vote, one trains a network."""
    table, rng = Table(), np.random.default_rng(seed)
    tomograms, picks = make_scene(folder)
    runs = {"votes": vote(tomograms, picks, folder / "votes"), "network": learn(tomograms, picks, folder / "network")}
    expected, largest = {}, {}
    for name, options in runs.items():
        forked(RUN, options, limit_s=600)
        expected[name] = _tables(folder / name)
        largest[name] = max(map(len, contents(folder / name).values()))  # of a network its model
        shutil.rmtree(folder / name)
    for case in range(cases):
        if case % 3:
            target = TARGETS[case % len(TARGETS)]
            into = folder / "converted"
            options = ["-i", picks[0], "--tomograms", *tomograms, "-o", into / target]
            options += ["--to", {"r5": "relion5", "r3": "relion3"}[target[:2]]] if target.endswith(".star") else []
            limit = int(rng.integers(0, 900))
            done = forked("convert_coordinates_tomo", options, file_size=limit)
            _note(table, done, f"{target} of {limit} bytes")
            table.note(WHOLE, done.code != 0 and not contents(into), f"{target} of {limit} bytes: {done}")
            shutil.rmtree(into, ignore_errors=True)
            continue
        name = "network" if case % 9 == 0 else "votes"
        odir = folder / name
        limit = int(rng.integers(0, largest[name]))
        done = forked(RUN, runs[name], file_size=limit, limit_s=600)
        _note(table, done, f"{name} with {limit} bytes")
        left = _tables(odir)
        wrong = [path for path, own in left.items() if expected[name].get(path) != own]
        table.note(WHOLE, done.code != 0 and not wrong, f"{name} with {limit} bytes: {wrong[:3]} {done.code}")
        done = forked(RUN, runs[name], limit_s=600)
        now = contents(odir)
        table.note(AGAIN, not done.code and all(now.get(path) == own for path, own in expected[name].items()), f"{name}: {done}")
        shutil.rmtree(odir)
    return table


def _tables(folder: Path) -> dict[str, bytes]:
    return {path: own for path, own in contents(folder, ".csv", ".xmd", ".mrcs").items() if "_log" not in path}


def _note(table: Table, done: Done, what: str) -> None:
    table.note(SAID, done.refused and bool(LINE.search(done.errors)), f"{what}: {done}")
