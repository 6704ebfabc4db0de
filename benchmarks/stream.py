"""A session under load: sets that grow, the streaming consensus and its monitor in a real Scipion project.

Three pickers release a tomogram in every interval. Measured: the time from the last picker's commit of a tomogram to the commit
of its live coordinates, the memory and the open files of the consensus, and whether the end is that of the batch run. By votes:
the network adds the time of a training and of a start of TensorFlow, both beside the tomograms.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
from _report import as_markdown, finish

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the environment that the tests of faults have

SHAPE, RATE, BOX = (48, 96, 96), 10.0, 12  # z y x voxels, Å/voxel, voxels
PICKERS = 3


class Watched:
    """When each tomogram was first seen in the sets, and what the consensus takes of the machine."""

    def __init__(self, pickers: list[str], live: str) -> None:
        self.pickers, self.live = pickers, live
        self.picked: dict[str, float] = {}
        self.published: dict[str, float] = {}
        self.memory: list[tuple[int, float]] = []  # tomograms published, MB
        self.files = 0

    def look(self, pid: int) -> None:
        now, counts = time.monotonic(), [ids_in(path) for path in self.pickers]
        for ts_id in set.intersection(*counts) - set(self.picked):
            self.picked[ts_id] = now
        for ts_id in ids_in(self.live) - set(self.published):
            self.published[ts_id] = now
        status = Path(f"/proc/{pid}/status")
        if pid and status.exists():
            rss = next((line for line in status.read_text().splitlines() if line.startswith("VmRSS")), "VmRSS: 0")
            self.memory.append((len(self.published), int(rss.split()[1]) / 1024))
            self.files = max(self.files, len(os.listdir(f"/proc/{pid}/fd")))

    @property
    def latencies(self) -> np.ndarray:
        return np.array([max(0.0, at - self.picked[ts_id]) for ts_id, at in self.published.items() if ts_id in self.picked])


def ids_in(path: str) -> set[str]:
    """The tomograms of a set, by an own connection that is closed at once."""
    if not os.path.exists(path):
        return set()
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as database:
            column = database.execute("SELECT column_name FROM Classes WHERE label_property = '_tomoId'").fetchone()[0]
            return {row[0] for row in database.execute(f"SELECT DISTINCT {column} FROM Objects")}
    except (sqlite3.Error, TypeError):
        return set()


def make_inputs(project, folder: Path, n: int, picks: int):
    """Tomograms of noise, three pickers that see most of the same places, and a set of each."""
    from tomo_particles.core.tomograms import write_volume
    from xmipptomo.tests.simulated_project import add_coordinates, add_tomograms

    rng = np.random.default_rng(0)
    write_volume(folder / "noise.mrc", rng.normal(size=SHAPE).astype(np.float32), RATE)
    names = [f"TS_{number:04d}" for number in range(n)]
    for name in names:
        (folder / f"{name}.mrc").symlink_to(folder / "noise.mrc")
    tomograms = add_tomograms(project, "tomograms", {name: str(folder / f"{name}.mrc") for name in names}, RATE)
    size = np.array(SHAPE[::-1])
    grid = np.stack(np.meshgrid(*(np.arange(8, side - 8, 14) for side in size)), axis=-1).reshape(-1, 3)
    truth = {name: rng.permutation(grid)[:picks] for name in names}
    found = [{name: own + rng.normal(0, 0.4, own.shape) for name, own in truth.items()} for _ in range(PICKERS)]
    return [add_coordinates(project, f"picker {number}", tomograms, own, BOX, score=0.5) for number, own in enumerate(found, 1)]


def rows_of(path: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(Objects)") if row[1] != "creation"]
        return database.execute(f"SELECT {', '.join(columns)} FROM Objects ORDER BY id").fetchall()


def session(folder: Path, n: int, picks: int, interval: float) -> tuple[dict[str, object], list[str]]:
    """Run it; the numbers of the page, and the lines of the logs that speak of locked databases."""
    from pyworkflow.config import Config
    from pyworkflow.object import Pointer
    from pyworkflow.project import Project

    from xmipptomo.protocols import (
        XmippProtDeepConsensusPicking3D,
        XmippProtMonitor3D,
        XmippProtRelease3D,
        XmippProtStreamingConsensus3D,
    )

    (folder / "project").mkdir()
    (folder / "data").mkdir()
    project = Project(Config.getDomain(), str(folder / "project"))
    project.create()
    os.chdir(folder / "project")
    releases = []
    for number, given in enumerate(make_inputs(project, folder / "data", n, picks)):
        release = project.newProtocol(XmippProtRelease3D, interval=interval, jitter=0.5, seed=number, delay=5)
        release.inputSet.set(given.getObjValue())
        release.inputSet.setExtended(given.getExtended())
        releases.append(release)
    for release in releases:
        project.launchProtocol(release)
    while not all(release.hasAttribute("released") for release in releases):
        time.sleep(1)
        for release in releases:
            project._updateProtocol(release)

    def consensus(kind: type, **parameters: object):
        form = project.newProtocol(kind, doVoting=True, writeReport=False, binThreads=1, **parameters)
        form.inputSets.set([Pointer(release, extended="released") for release in releases])
        form.numberOfThreads.set(3)
        return form

    live = consensus(XmippProtStreamingConsensus3D, settle=5)
    project.launchProtocol(live)
    monitor = project.newProtocol(XmippProtMonitor3D, every=10)
    monitor.inputRun.set(live)
    project.launchProtocol(monitor)
    watched = Watched([release.released.getFileName() for release in releases], live._getPath("liveCoordinates.sqlite"))
    begun = time.monotonic()
    while live.isActive():
        watched.look(live.getPid() or 0)
        time.sleep(0.5)
        project._updateProtocol(live)
    lasted = time.monotonic() - begun
    batch = consensus(XmippProtDeepConsensusPicking3D)
    project.launchProtocol(batch, wait=True)
    outputs = [
        [run._getPath("coordinates.sqlite") for run in (live, batch)],
        [run._getPath("coordinatesScored.sqlite") for run in (live, batch)],
    ]
    equal = all(Path(one).exists() and rows_of(one) == rows_of(other) for one, other in outputs)
    latencies, memory = watched.latencies, dict(watched.memory)
    early = next((mb for k, mb in memory.items() if k >= min(100, n // 3)), 0.0)
    logs = [line for path in Path("Runs").glob("*/logs/run.std*") for line in path.read_text(errors="replace").splitlines()]
    return {
        "tomograms": n,
        "picks of a picker in each": picks,
        "a tomogram in every (s)": interval,
        "published": len(watched.published),
        "latency, median (s)": float(np.median(latencies)),
        "latency, 95 % (s)": float(np.percentile(latencies, 95)),
        "latency, most (s)": float(latencies.max()),
        "memory of the consensus, most (MB)": max(memory.values(), default=0.0),
        "more memory after the first third (MB)": max(memory.values(), default=0.0) - early,
        "open files, most": watched.files,
        "whole session with the final pass (s)": lasted,
        "end as the batch run": equal,
    }, [line for line in logs if "locked" in line]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tomograms", type=int, default=30)
    parser.add_argument("--picks", type=int, default=30, help="of each picker in each tomogram")
    parser.add_argument("--interval", type=float, default=12.0, help="seconds")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    from tests.faults.scipion import _set_environment

    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        _set_environment(Path(folder))
        numbers, locked = session(Path(folder), options.tomograms, options.picks, options.interval)
        os.chdir(here)
    load = os.getloadavg()[1]
    table = pd.DataFrame([{"what": what, "value": value} for what, value in numbers.items()])
    text = (
        f"{(__doc__ or '').strip()}\n\nLoad of the machine at the end: {load:.1f} on {os.cpu_count()} cores, "
        f"with nice -n 10.\n\n{as_markdown(table)}\n\nLines in the logs about locked databases: {len(locked)}."
    )
    finish("stream", text, options.write)


if __name__ == "__main__":
    main()
