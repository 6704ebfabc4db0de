"""Runs of Scipion's protocol that are killed at random moments, with all that they started, and then resumed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from .trial import BOX, RATE, Table, contents, make_scene

NAMED = "Scipion: nothing half-written under a final name"
AGAIN = "Scipion: the resumed run gives the same files and sets"
TABLES = (".csv", ".xmd", ".mrcs", ".txt")
# Seconds are no result. What became of steps and programs is told in logs, which a killed run leaves as they are.
OTHER = ("training_log", "messages/")


def trial(cases: int, seed: int, folder: Path) -> Table:
    """Every fifth case trains a network, the others vote; every other is killed once more while it is resumed."""
    _set_environment(folder)
    table, rng = Table(), np.random.default_rng(seed)
    tomograms, picks = make_scene(folder)
    _wait(_forked(_make_project, folder, tomograms, picks), 300)
    expected, lasts = {}, {}
    for name in ("votes", "network") if cases > 4 else ("votes",):
        started = time.monotonic()
        _wait(_forked(_launch, folder, name, True), 900)
        lasts[name], expected[name] = time.monotonic() - started, _results(folder, name)
        if not expected[name][1]:
            raise RuntimeError(f"the run that is not killed gives no set: {(folder / 'scipion.log').read_text()[-2000:]}")
    for case in range(cases):
        name = "network" if case % 5 == 4 else "votes"
        for again in range(1 + case % 2):
            after = float(rng.uniform(0.1, 1) * lasts[name])
            _wait(_forked(_launch, folder, name, not again), after)
            left, _ = _results(folder, name)
            wrong = [path for path, content in left.items() if expected[name][0].get(path, content) != content]
            table.note(NAMED, not wrong, f"case {case} ({name}), killed after {after:.1f} s: {wrong[:3]}")
        _wait(_forked(_launch, folder, name, False), 900)
        files, sets = _results(folder, name)
        differ = [path for path, content in expected[name][0].items() if files.get(path) != content]
        table.note(AGAIN, not differ and sets == expected[name][1], f"case {case} ({name}): {differ[:3]}, sets {sets.keys()}")
    return table


def _set_environment(folder: Path) -> None:
    """A Scipion of its own; before it is imported."""
    home = folder / "scipion"
    (home / "data").mkdir(parents=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    os.environ.update(SCIPION_HOME=str(home), SCIPION_USER_DATA=str(home / "data"), SCIPION_NOTIFY="False", SCIPION_DOMAIN="pwem")
    os.environ.update(CUDA_VISIBLE_DEVICES="", MPLBACKEND="Agg", PATH=path)
    command = [sys.executable, "-m", "scipion", "config", "--unattended", "--overwrite"]
    subprocess.run(command, check=True, capture_output=True)


def _forked(work: Callable, folder: Path, *arguments: object) -> int:
    """Do it in a process that leads a group, so that all it starts can be killed with it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setpgid(0, 0)
            log = os.open(folder / "scipion.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            work(folder, *arguments)
            code = 0
        finally:
            os._exit(code)
    return child


def _wait(child: int, limit_s: float) -> None:
    """Until it ends, or is killed with its group."""
    until = time.monotonic() + limit_s
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            time.sleep(0.5)  # the others of the group are not our children
            return
        time.sleep(0.05)


def _project(folder: Path):  # type: ignore[no-untyped-def]  # Scipion has no types
    from pyworkflow.config import Config
    from pyworkflow.project import Project

    return Project(Config.getDomain(), str(folder / "project"))


def _make_project(folder: Path, tomograms: list[Path], picks: list[Path]) -> None:
    (folder / "project").mkdir()
    project = _project(folder)
    project.create()
    from pyworkflow.object import Pointer

    from xmipptomo.protocols import XmippProtDeepConsensusPicking3D
    from xmipptomo.tests.simulated_project import add_coordinates, add_tomograms

    volumes = add_tomograms(project, "tomograms", {path.stem: str(path) for path in tomograms}, RATE)
    pickers = []
    for path in picks:
        rows = pd.read_csv(path)
        positions = {tomo_id: own[["x", "y", "z"]].to_numpy() for tomo_id, own in rows.groupby("tomo_id")}
        pickers.append(add_coordinates(project, path.stem, volumes, positions, BOX))
    for name in ("votes", "network"):
        options = {"doVoting": True} if name == "votes" else {"epochs": 1, "folds": 2}
        protocol = project.newProtocol(XmippProtDeepConsensusPicking3D, objLabel=name, writeReport=False, **options)
        protocol.inputSets.set([Pointer(p.getObjValue(), extended=p.getExtended()) for p in pickers])
        protocol.numberOfThreads.set(1)
        project.saveProtocol(protocol)


def _launch(folder: Path, name: str, restart: bool) -> None:
    """Start a protocol as the button of the form does, and wait for it."""
    from pyworkflow.protocol.constants import MODE_RESTART, MODE_RESUME

    project = _project(folder)
    project.load()
    protocol = next(run for run in project.getRuns(refresh=True) if run.getObjLabel() == name)
    protocol.runMode.set(MODE_RESTART if restart else MODE_RESUME)
    project.launchProtocol(protocol, wait=True)


def _results(folder: Path, name: str) -> tuple[dict[str, bytes], dict[str, list]]:
    """The files of a run, and the rows of its sets."""
    runs = sorted((folder / "project" / "Runs").glob("*DeepConsensus*"))
    root = runs[0 if name == "votes" else -1]
    files = {path: own for path, own in contents(root / "extra", *TABLES).items() if not any(part in path for part in OTHER)}
    return files, {path.name: _rows(path) for path in sorted(root.glob("*oordinates*.sqlite"))}


def _rows(path: Path) -> list[tuple]:
    """The rows of a set, without the time at which each was made."""
    with sqlite3.connect(path) as database:
        try:
            cursor = database.execute("select * from Objects order by id")
        except sqlite3.OperationalError:  # a set that is only begun
            return []
        names = [column[0] for column in cursor.description]
        return [tuple(v for name, v in zip(names, row, strict=True) if name != "creation") for row in cursor]
