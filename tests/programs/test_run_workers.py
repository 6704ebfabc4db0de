"""Tomograms prepared by several processes, of this machine or of Dask: the same bytes as by one, also when they die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from xmipp_scripts._consensus_run import local_processes
from xmipp_scripts._consensus_run.workers import shared

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
        quick = ["--noReport", "--boxsize", 12, "--seed", 3, "--voting", "--diameter", 80]
        quick += [] if "--threads" in options else ["--threads", 1]
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


@pytest.mark.parametrize("options", [("--workers", 2), ("--threads", 3)])
def test_several_processes_give_the_bytes_of_one(job, options):
    said = job.run("by_two", *options)
    lines = [line for line in said.splitlines() if line.startswith(("consensus", "prepared"))]
    assert "other processes" not in said and sorted(line.split()[1].rstrip(":") for line in lines) == ["TS_1"] * 2 + ["TS_10"] * 2
    assert [line.split("(")[1] for line in lines if line.startswith("prepared")] == ["1 of 2 tomograms)", "2 of 2 tomograms)"]
    job.run("by_one")
    job.assert_same("by_two", "by_one")
    assert "consensus TS_1:" not in job.run("by_two", *options)  # it is done already
    assert "consensus TS_1:" not in job.run("by_two")


def test_a_tomogram_that_cannot_be_prepared_gives_the_error_of_one_process(job):
    with mrcfile.open(job.folder / "tomograms" / "TS_1.mrc", "r+") as file:
        file.data[:] = np.nan
    failed = {}
    for odir, number in (("one", 1), ("two", 2)):
        done = subprocess.run(job.command(odir, "--workers", number), cwd=job.folder, **PIPED)
        assert done.returncode == 2
        failed[odir] = done.stderr
        assert "other processes" not in done.stdout  # the error says it
    assert failed["one"] == failed["two"] and "'tomograms/TS_1.mrc' holds no numbers" in failed["one"]


@pytest.mark.parametrize(
    ("threads", "processes", "tomograms", "each"),
    [(2, 2, 5, [1, 1, 1, 1, 2]), (8, 3, 4, [2, 2, 2, 8]), (4, 4, 8, [1] * 8), (4, 1, 2, [4, 4]), (4, 2, 2, [2, 2])],
)
def test_no_thread_is_left_without_work(threads, processes, tomograms, each):
    assert shared(threads, processes, tomograms) == each


def test_fewer_processes_where_the_memory_is_small(monkeypatch):
    for free, number in ((0.5e9, 1), (4e9, 3), (float("inf"), 8)):
        monkeypatch.setattr(local_processes, "free_memory", lambda free=free: free)
        assert local_processes.as_many_as_fit(8) == number  # a fifth of the memory is left to others


def test_no_copies_of_a_process_with_tensorflow(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    with local_processes.local_processes(2) as executor:
        assert executor is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_processes_end_with_the_program_and_leave_nothing(tmp_path, number):
    started = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    at_work = [int(started.stdout.readline()) for _ in range(2)]
    assert len(list(tmp_path.iterdir())) == 2
    started.send_signal(number)
    started.communicate(timeout=20)
    end = time.monotonic() + 10
    while list(tmp_path.iterdir()) or any(Path(f"/proc/{pid}/cwd").exists() for pid in at_work):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_stays_if_the_program_ends_while_they_begin(tmp_path, number):
    """Between its start and the time when it listens to its parent a process must not be lost, nor answer as its parent does."""
    started = subprocess.Popen(
        [sys.executable, "-c", SLOW_START, str(int(number))], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    said, _ = started.communicate(timeout=20)  # a process that stays would hold its output
    pids = list(map(int, said.split()))  # and nothing else is said
    assert 1 <= len(pids) <= 2 and not any(Path(f"/proc/{pid}/cwd").exists() for pid in pids)
    assert started.returncode == (-number if number == signal.SIGKILL else 9)


SLOW_START = """
import os, signal, sys, time
from xmipp_scripts._consensus_run import local_processes

def stop(*_):
    os.write(1, b"stopped\\n" if os.getpid() != parent else b"")
    os._exit(9)

def slowly(parent, begin=local_processes._begin):
    os.write(1, f"{os.getpid()}\\n".encode())
    os.kill(parent, int(sys.argv[1]))
    if int(sys.argv[1]) != signal.SIGKILL:
        os.kill(os.getpid(), int(sys.argv[1]))  # as Ctrl-C of a terminal does
    time.sleep(1)
    begin(parent)

parent = os.getpid()
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
local_processes._begin = slowly
with local_processes.local_processes(2) as executor:
    time.sleep(60)
"""

SLOW = """
import os, signal, time
from tomo_particles.core.files import written_aside
from xmipp_scripts._consensus_run.local_processes import local_processes

def work(name):
    with written_aside(name) as aside:
        aside.write_text("half")
        os.write(1, f"{os.getpid()}\\n".encode())
        time.sleep(60)

signal.signal(signal.SIGINT, lambda *_: os._exit(1))  # as the programs
with local_processes(2) as executor:
    list(executor.map(work, ["a.xmd", "b.xmd"]))
"""


def test_what_a_killed_process_had_is_done_here(job):
    process = subprocess.Popen(job.command("killed", "--workers", 2), cwd=job.folder, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)  # fmt: skip
    wait_until_begun(job.folder / "killed", process)
    one, *_ = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(one), signal.SIGKILL)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "note: other processes could not prepare 'TS_1" in said and "(a process was killed): this one does it" in said
    job.run("by_one")
    job.assert_same("killed", "by_one")


def test_a_worker_that_is_killed_loses_nothing(job, scheduler):
    process = subprocess.Popen(job.command("killed", "--scheduler", scheduler), cwd=job.folder, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)  # fmt: skip
    wait_until_begun(job.folder / "killed", process)
    for pid in working_below(job.folder):
        os.kill(pid, signal.SIGKILL)  # its nanny starts another one
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    job.run("by_one")
    job.assert_same("killed", "by_one")


def wait_until_begun(odir: Path, process: subprocess.Popen) -> None:
    """Until a tomogram is being prepared."""
    picks, end = odir / "picks", time.monotonic() + 120
    while not picks.exists() or not any(picks.iterdir()):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)


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
    command = job.command("out", "--scheduler", "tcp://a:1")
    done = subprocess.run(command, cwd=job.folder, env={**os.environ, "PYTHONPATH": path}, **PIPED)
    assert done.returncode == 2 and "--scheduler: needs Dask, which is not installed; run pip install" in done.stderr
    assert not (job.folder / "out").exists()
