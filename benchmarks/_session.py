"""A session in a real Scipion project: pickers that release tomograms, and what a run that follows them takes of the machine."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

SHAPE, RATE, BOX = (48, 96, 96), 10.0, 12  # z y x voxels, Å/voxel, voxels
PICKERS = 3
SEEN, FALSE, OFF = 0.85, 0.25, 0.5  # of a picker: share of the particles, false picks for each of them, voxels off


def make_inputs(project, folder: Path, n: int, picks: int, particles: bool) -> tuple[list, dict[str, np.ndarray]]:
    """A set of picks of each picker, and the truth of each tomogram in voxels.

    particles: whether the tomograms show them; without, all are links to one volume of noise.
    """
    from tomo_particles.core.tomograms import write_volume
    from tomo_particles.testing.synthetic import simulate_tomogram
    from xmipptomo.tests.simulated_project import add_coordinates, add_tomograms

    rng, size = np.random.default_rng(0), np.array(SHAPE[::-1])
    names = [f"TS_{number:04d}" for number in range(n)]
    truth = {}
    write_volume(folder / "noise.mrc", rng.normal(size=SHAPE).astype(np.float32), RATE)
    grid = np.stack(np.meshgrid(*(np.arange(8, side - 8, 14) for side in size)), axis=-1).reshape(-1, 3)
    for name in names:
        if particles:
            scene = simulate_tomogram(tuple(size), {"target": picks, "rod": picks // 3}, rng=rng, radius=5.0, sampling_rate=RATE)
            write_volume(folder / f"{name}.mrc", scene.volume, RATE)
            truth[name] = scene.truth
        else:
            (folder / f"{name}.mrc").symlink_to(folder / "noise.mrc")
            truth[name] = rng.permutation(grid)[:picks].astype(float)
    tomograms = add_tomograms(project, "tomograms", {name: str(folder / f"{name}.mrc") for name in names}, RATE)

    def found(own: np.ndarray) -> np.ndarray:
        false = rng.random((round(FALSE * len(own)), 3)) * (size - 1)
        places = np.concatenate([own[rng.random(len(own)) < SEEN] + rng.normal(0, OFF, (1, 3)), false])
        return np.clip(places + rng.normal(0, OFF, places.shape), 0, size - 1)

    picked = [{name: found(own) for name, own in truth.items()} for _ in range(PICKERS)]
    return [add_coordinates(project, f"picker {k}", tomograms, own, BOX, score=0.5) for k, own in enumerate(picked, 1)], truth


@dataclass
class Watched:
    """When each tomogram was first seen in the sets, and what the consensus takes of the machine.

    record: a row every `EVERY` seconds.
    """

    pickers: Sequence[str]
    live: str
    picked: dict[str, float] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    record: list[dict[str, float]] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    EVERY = 10.0

    def look(self, pid: int, monitor: int) -> None:
        now, counts = time.monotonic() - self.begun, [ids_in(path) for path in self.pickers]
        for ts_id in set.intersection(*counts) - set(self.picked):
            self.picked[ts_id] = now
        for ts_id in ids_in(self.live) - set(self.published):
            self.published[ts_id] = now
        if not self.record or now - self.record[-1]["second"] >= self.EVERY:
            own = {"second": now, "picked": len(self.picked), "published": len(self.published), "load": os.getloadavg()[0]}
            self.record.append(own | usage(pid, "") | usage(monitor, "monitor "))

    @property
    def latencies(self) -> pd.Series:
        """Seconds by tomogram, in the order in which they were published."""
        found = {ts_id: max(0.0, at - self.picked[ts_id]) for ts_id, at in self.published.items() if ts_id in self.picked}
        return pd.Series(found, dtype=float)


def usage(pid: int, of: str) -> dict[str, float]:
    """What a process takes: memory (MB), open files, seconds of processor, calls to read since it began; none if it is gone."""
    with suppress(OSError, ValueError, IndexError):
        folder = Path(f"/proc/{pid}")
        rss = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("VmRSS"))
        times = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
        reads = next(line for line in (folder / "io").read_text().splitlines() if line.startswith("syscr"))
        return {
            f"{of}MB": int(rss.split()[1]) / 1024,
            f"{of}files": len(os.listdir(folder / "fd")),
            f"{of}cpu": sum(map(int, times)) / os.sysconf("SC_CLK_TCK"),
            f"{of}reads": int(reads.split()[1]),
        }
    return {}


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


def rows_of(path: str) -> list[tuple]:
    """All items of a set, but for the time of their creation."""
    with closing(sqlite3.connect(path)) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(Objects)") if row[1] != "creation"]
        return database.execute(f"SELECT {', '.join(columns)} FROM Objects ORDER BY id").fetchall()


def quality(coordinates, truth: dict[str, np.ndarray], by: str = "") -> pd.DataFrame:
    """F1 and expected calibration error of accepted picks, for each value of an attribute of theirs (`by`), or of all.

    The recall counts the particles of the tomograms that a group has picks of.
    """
    from tomo.constants import BOTTOM_LEFT_CORNER

    from tomo_particles.evaluation.calibration import expected_calibration_error
    from tomo_particles.testing.agreement import Agreement, agreement, match_picks

    table = pd.DataFrame(
        [
            (getattr(item, by).get() if by else 0, item.getTomoId(), item.getScore(), *item.getPosition(BOTTOM_LEFT_CORNER))
            for item in coordinates.iterCoordinates()
        ],
        columns=["group", "tomogram", "score", "x", "y", "z"],
    )
    rows = []
    for group, own in table.groupby("group"):
        total, scores, hits = Agreement(0, 0, 0), [], []
        for ts_id, picks in own.groupby("tomogram"):
            places = picks[["x", "y", "z"]].to_numpy()
            total += agreement(places, truth[str(ts_id)], BOX / 2)
            hit = np.zeros(len(picks), dtype=bool)
            hit[match_picks(places, truth[str(ts_id)], BOX / 2)[0]] = True
            scores, hits = [*scores, picks["score"].to_numpy()], [*hits, hit]
        error = expected_calibration_error(np.concatenate(scores), np.concatenate(hits))
        rows.append({"group": group, "tomograms": own["tomogram"].nunique(), "F1": total.f1, "ECE": error})
    return pd.DataFrame(rows)
