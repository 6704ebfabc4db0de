"""xmipp_run_deep_consensus_tomo --workers and --scheduler: the same bytes as by one process, also when workers die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

NAME = "run_deep_consensus_tomo"
PICKERS = ("one", "two", "three")
# They hold seconds, dates, times of files, and the command itself
TIMED = {"summary.json", "steps.json", ".lock", ".xmipp_run_deep_consensus_tomo.json"}
PIPED = {"capture_output": True, "text": True, "check": False}


class Job:
    """Tomograms and picks in a folder, and runs of them."""

    def __init__(self, scene, folder: Path) -> None:
        self.folder = folder
        (folder / "tomograms").mkdir()
        for picker in PICKERS:
            (folder / picker).mkdir()
        for tomo_id in ("TS_1", "TS_10"):
            (folder / "tomograms" / f"{tomo_id}.mrc").write_bytes(scene.tomogram(tomo_id).read_bytes())
            for picker in PICKERS:
                (folder / picker / f"{tomo_id}.csv").write_text(scene.text({tomo_id: scene.picks[picker][tomo_id]}))

    def command(self, odir: str, *options: object) -> list[str]:
        given = ["--tomograms", "tomograms/TS_1.mrc", "tomograms/TS_10.mrc", "--picks", *PICKERS, "--odir", odir]
        quick = ["--noReport", "--boxsize", 12, "--seed", 3, "--threads", 1, "--voting", "--diameter", 80]
        return [sys.executable, "-m", f"xmipp_scripts.{NAME}", *map(str, [*given, *quick, *options])]

    def run(self, odir: str, *options: object) -> str:
        done = subprocess.run(self.command(odir, *options), cwd=self.folder, **PIPED)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def contents(self, odir: str) -> dict[str, bytes]:
        root = self.folder / odir
        files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file() and path.name not in TIMED}
        return {name: path.read_bytes().replace(odir.encode(), b"ODIR") for name, path in files.items()}

    def assert_same(self, odir: str, other: str) -> None:
        one, two = self.contents(odir), self.contents(other)
        assert set(one) == set(two) and len(two) > 20
        assert [name for name in two if one[name] != two[name]] == []
        steps = [json.loads((self.folder / name / "steps.json").read_text()) for name in (odir, other)]
        assert set(steps[0]) == set(steps[1])


@pytest.fixture
def job(scene, tmp_path) -> Job:
    return Job(scene, tmp_path)


@pytest.fixture
def scheduler(tmp_path) -> Iterator[str]:
    """A scheduler with one worker, whose process is known."""
    address, processes = tmp_path / "scheduler.json", []
    for words in (["scheduler", "--port", "0", "--no-dashboard"], ["worker", "--nworkers", "1", "--nthreads", "1"]):
        command = [sys.executable, "-m", "dask", *words, "--scheduler-file", str(address)]
        with open(tmp_path / f"{words[0]}.log", "w") as log:
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path))
        end = time.monotonic() + 60
        while not address.exists():
            assert time.monotonic() < end
            time.sleep(0.1)
    yield json.loads(address.read_text())["address"]
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


def test_two_workers_give_the_bytes_of_one_process(job):
    said = job.run("by_two", "--workers", 2)
    assert "consensus TS_1:" in said and "consensus TS_10:" in said and "is done here" not in said
    job.run("by_one")
    job.assert_same("by_two", "by_one")
    assert "consensus TS_1:" not in job.run("by_two", "--workers", 2)  # it is done already
    assert "consensus TS_1:" not in job.run("by_two")


def test_a_worker_that_is_killed_loses_nothing(job, scheduler):
    process = subprocess.Popen(job.command("killed", "--scheduler", scheduler), cwd=job.folder, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)  # fmt: skip
    begun = job.folder / "killed" / "picks"
    end = time.monotonic() + 120
    while not begun.exists() or not any(begun.iterdir()):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    for pid in working_below(job.folder):
        os.kill(pid, signal.SIGKILL)  # its nanny starts another one
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    job.run("by_one")
    job.assert_same("killed", "by_one")


def working_below(folder: Path) -> list[int]:
    """The processes that do the work of a worker: those started by a process that was started in this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().decode().split("\0")
            if os.readlink(path / "cwd") == str(folder) and "multiprocessing.spawn" in " ".join(command):
                found.append(int(path.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workers", 0], ["--workers: must be positive"]),
        (["--workers", 2, "--scheduler", "tcp://a:1"], ["--workers: has no meaning with --scheduler"]),
        (["--scheduler", "nowhere"], ["--scheduler: no scheduler answers at 'nowhere'", "start one with dask scheduler"]),
    ],
)
def test_wrong_options_are_refused(refused, job, options, words):
    refused(NAME, *job.command("out", *options)[3:], words=words, folder=job.folder / "tomograms", cwd=job.folder)


def test_without_dask_a_line_says_what_to_install(refused, job, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'distributed' else find(name, package)\n"
    )
    path = os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(job.command("out", "--workers", 2), cwd=job.folder, env={**os.environ, "PYTHONPATH": path}, **PIPED)
    assert done.returncode == 2 and "--workers: needs Dask, which is not installed; run pip install" in done.stderr
    assert not (job.folder / "out").exists()
