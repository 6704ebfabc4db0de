"""Folders in which tomograms and the files of pickers appear one by one, and runs of --watch that follow them."""

from __future__ import annotations

import csv
import html
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

NAME = "run_deep_consensus_tomo"
TIMED = {
    ".xmipp_run_deep_consensus_tomo.json",
    "summary.json",
    "report.html",
    "training_log.csv",
    "steps.json",
    ".lock",
}  # they hold seconds, dates, times of files


SETTLE = ("--settle", 0.6)
QUICK = ("--noReport", "--seed", 3, "--threads", 1)


class Stage:
    """A folder in which tomograms and the files of pickers appear one by one, and the runs that follow them.

    scene: its files of tomograms, and its picks by picker and tomogram.  silent: pickers besides, which find nothing.
    """

    def __init__(self, scene, folder: Path, box_size: int = 12, silent: tuple[str, ...] = ()) -> None:
        self.scene, self.folder, self.box_size, self.pickers = scene, folder, box_size, (*scene.picks, *silent)
        self.started: list[subprocess.Popen] = []
        for name in ("tomograms", *self.pickers):
            (folder / name).mkdir(parents=True)

    def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            process.kill()
            process.wait()
            process.stdout.close()

    def tomogram(self, tomo_id: str) -> None:
        """Copy a tomogram in two parts, as a program writes it."""
        content, path = self.scene.tomogram(tomo_id).read_bytes(), self.folder / "tomograms" / f"{tomo_id}.mrc"
        path.write_bytes(content[: len(content) // 2])
        time.sleep(0.1)
        path.write_bytes(content)

    def picks(self, picker: str, tomo_id: str, drop: int = 0) -> None:
        """Write the picks of a picker; drop: so many are missing at first."""
        positions, scores = self.scene.picks[picker][tomo_id]
        own = {tomo_id: (positions[drop:], scores[drop:])}
        (self.folder / picker / f"{tomo_id}.csv").write_text(self.scene.text(own))

    def command(self, odir: str, *options: object, tomograms: object = "tomograms") -> list[str]:
        """The words of a run."""
        given = ["--tomograms", *(tomograms if isinstance(tomograms, list) else [tomograms]), "--picks", *self.pickers]
        given += ["--odir", odir, "--boxsize", self.box_size]
        return [sys.executable, "-m", f"xmipp_scripts.{NAME}", *map(str, (*given, *QUICK, *options))]

    def watch(self, *options: object, odir: str = "live_run") -> subprocess.Popen:
        """Start a run that follows what comes."""
        command = self.command(odir, "--watch", *SETTLE, *options)
        process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.started.append(process)
        return process

    def batch(self, *options: object) -> None:
        """Run it with all that is there."""
        tomograms = sorted(str(path.relative_to(self.folder)) for path in (self.folder / "tomograms").iterdir())
        command = self.command("batch_run", *options, tomograms=tomograms)
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def contents(self, odir: str) -> dict[str, bytes]:
        """The files of a run that hold neither times nor paths, without those of the live part."""
        root = self.folder / odir
        files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file() and path.name not in TIMED}
        own = odir.encode()
        return {name: path.read_bytes().replace(own, b"ODIR") for name, path in files.items() if not name.startswith("live/")}

    def published(self) -> Counter:
        """Number of published picks of each tomogram."""
        with open(self.folder / "live_run" / "live" / "picks.csv", newline="") as file:
            return Counter(row["tomo_id"] for row in csv.DictReader(file))

    def page(self) -> str:
        """What the page of the session says."""
        return html.unescape((self.folder / "live_run" / "live" / "monitor.html").read_text(encoding="utf-8"))

    def wait_for(self, name: str, seconds: float = 300.0, odir: str = "live_run") -> Path:
        """Wait for a file of the live part."""
        path = self.folder / odir / "live" / name
        end = time.monotonic() + seconds
        while not path.exists():
            assert time.monotonic() < end, f"{path} does not come"
            time.sleep(0.05)
        return path


def finished(process: subprocess.Popen, seconds: float = 600.0) -> str:
    """Wait until a run has ended well; what it said."""
    said, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, said
    return said


def same_as_batch(stage: Stage, *options: object) -> None:
    """All files of the live run but those of its live part are those of the batch run, byte for byte."""
    stage.batch(*options)
    same_files(stage)


def same_files(stage: Stage) -> None:
    """The two runs end alike."""
    live, batch = stage.contents("live_run"), stage.contents("batch_run")
    assert set(live) == set(batch) and len(batch) > 8
    assert [name for name in batch if live[name] != batch[name]] == []
    one, other = (json.loads((stage.folder / odir / "summary.json").read_text()) for odir in ("live_run", "batch_run"))
    for summary in (one, other):
        summary.pop("seconds")
        summary["parameters"].pop("odir")
        summary["parameters"].pop("tomograms")
        summary["settings"].pop("--tomograms")
        summary["model"] = summary["model"] and Path(summary["model"]).name
    assert json.loads(json.dumps(one).replace("live_run", "batch_run")) == other
