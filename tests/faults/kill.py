"""Runs that are killed: at chosen moments (before each file gets its name), at random ones, and by signals."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import numpy as np

from .trial import RUN, Table, contents, forked, learn, make_scene, seconds, vote

TABLES = (".csv", ".xmd", ".mrcs")
NAMED = "nothing half-written under a final name"
AGAIN = "the same command then gives the same bytes"
STOPPED = "Ctrl-C and SIGTERM: one line, 130 or 143"
OTHER = "a run of other options that was killed changes nothing"


def trial(cases: int, seed: int, folder: Path) -> Table:
    """Every fifth case trains a network, of the others every fourth is a run of other options; every seventh gets a signal."""
    table, rng = Table(), np.random.default_rng(seed)
    tomograms, picks = make_scene(folder)
    odir, whole = folder / "out", folder / "whole"
    truth = [*picks[:2]], ["--truth", picks[2]]
    options = {
        "votes": vote(tomograms, picks, odir),
        "network": learn(tomograms, picks, odir),
        "other": vote(tomograms, truth[0], odir, *truth[1]),
    }
    expected, lasts = {}, {}
    for name, own in options.items():
        lasts[name] = seconds(lambda own=own: forked(RUN, own, limit_s=600))
        odir.rename(whole / name) if whole.is_dir() else (whole.mkdir(), odir.rename(whole / name))
        expected[name] = contents(whole / name, *TABLES)
    for case in range(cases):
        name = "network" if case % 5 == 4 else "votes"
        killed = "other" if case % 4 == 3 and name == "votes" else name
        what = f"case {case} ({killed})"
        if case % 7 == 6:
            number = (signal.SIGINT, signal.SIGTERM)[int(rng.integers(2))]
            done = forked(RUN, options[killed], after=float(rng.uniform(0.2, 0.9) * lasts[killed]), number=number)
            if done.code:
                table.note(STOPPED, done.code == 128 + number and len(done.errors.splitlines()) == 1, f"{what}: {done}")
        elif case % 2:
            forked(RUN, options[killed], after=float(rng.uniform(0.05, 1) * lasts[killed]))
        else:
            forked(RUN, options[killed], put=int(rng.integers(1, len(expected[killed]) + 12)))
        left = contents(odir, *TABLES) if odir.is_dir() else {}
        left.pop("network/training_log.csv", None)  # it grows with every epoch
        known = [{path: of[path] for path in of} for of in expected.values()]
        wrong = [path for path, content in left.items() if all(of.get(path, content) != content for of in known)]
        table.note(NAMED, not wrong, f"{what}: {wrong[:3]}")
        if case % 3 or killed == "other" or case == cases - 1:
            done = forked(RUN, options[name], limit_s=600)
            differ = (
                [
                    path
                    for path, content in expected[name].items()
                    if "training_log" not in path and (odir / path).read_bytes() != content
                ]
                if not done.code
                else [done.errors]
            )
            table.note(OTHER if killed == "other" else AGAIN, not differ, f"{what}: {differ[:3]}")
            if rng.random() < 0.5:
                shutil.rmtree(odir, ignore_errors=True)
    return table
