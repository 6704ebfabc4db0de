"""What all trials share: small data, a program in a forked process that may be killed or limited, and the table at the end."""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tomo_particles.core import files
from tomo_particles.core.tomograms import write_volume
from tomo_particles.testing.synthetic import SimulatedPicker, simulate_tomogram

RUN = "run_deep_consensus_tomo"
RATE, BOX, EDGES = 10.0, 12, (48, 40, 32)
PICKERS = {
    "one": SimulatedPicker(0.95, 0.5, noise=0.4),
    "two": SimulatedPicker(0.9, 0.5, noise=0.2),
    "three": SimulatedPicker(0.8, 0.7, noise=0.2),
}
NO_LIMIT = resource.RLIM_INFINITY


def preload() -> None:
    """Import what the programs import when they work: forks then start with it. TensorFlow alone cannot be forked."""
    others = (
        "scipy.spatial",
        "pandas",
        "matplotlib.figure",
        "matplotlib.backends.backend_agg",
        "xmippLib",
        "h5py",
        "emtable",
        "dynamotable",
        "imodmodel",
    )
    ours = ("formats.registry", "reports.pictures", "consensus.merging", "consensus.run_verdict")
    programs = (RUN, "convert_coordinates_tomo")
    for name in (*others, *(f"tomo_particles.{one}" for one in ours), *(f"xmipp_scripts.{one}" for one in programs)):
        importlib.import_module(name)


@dataclass
class Table:
    """Of each promise, how many cases were tried and which did not hold."""

    tried: dict[str, int] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)

    def note(self, promise: str, held: bool, case: str) -> None:
        self.tried[promise] = self.tried.get(promise, 0) + 1
        if not held:
            self.broken.setdefault(promise, []).append(case)

    def text(self, most: int = 8) -> str:
        width = max(map(len, self.tried), default=0)
        lines = [f"{'promise':{width}}  cases   held"]
        lines += [f"{name:{width}}  {n:5d}  {n - len(self.broken.get(name, [])):5d}" for name, n in self.tried.items()]
        for name, cases in self.broken.items():
            lines += [f"not held, {name}: {case}" for case in cases[:most]]
        return "\n".join(lines)


def make_scene(folder: Path, tomo_ids: tuple[str, ...] = ("TS_1", "TS_10")) -> tuple[list[Path], list[Path]]:
    """Tomograms, and a CSV of each picker; returns the paths of both."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[str]] = {name: ["tomo_id,x,y,z,score"] for name in PICKERS}
    for tomo_id in tomo_ids:
        simulation = simulate_tomogram(EDGES, {"target": 14}, rng=rng, radius=4.0, noise=0.4, sampling_rate=RATE)
        write_volume(folder / f"{tomo_id}.mrc", simulation.volume, RATE)
        for name, picker in PICKERS.items():
            for (x, y, z), score in zip(*picker.pick(simulation, rng=rng), strict=True):
                rows[name].append(f"{quoted(tomo_id)},{x:.3f},{y:.3f},{z:.3f},{score:.3f}")
    for name, own in rows.items():
        (folder / f"{name}.csv").write_text("\n".join(own) + "\n", encoding="utf-8")
    return [folder / f"{tomo_id}.mrc" for tomo_id in tomo_ids], [folder / f"{name}.csv" for name in PICKERS]


def quoted(cell: str) -> str:
    """A cell of a CSV."""
    return '"' + cell.replace('"', '""') + '"'


@dataclass(frozen=True)
class Done:
    """code: negative where a signal ended the process, as subprocess has it."""

    code: int
    said: str
    errors: str

    @property
    def refused(self) -> bool:
        """Whether it ended with one line of error."""
        return self.code == 2 and len(self.errors.splitlines()) == 1 and ": error: " in self.errors


def forked(
    program: str,
    arguments: list[object],
    *,
    put: int | None = None,
    after: float | None = None,
    number: int = signal.SIGKILL,
    file_size: int = NO_LIMIT,
    limit_s: float = 60.0,
) -> Done:
    """Run a program in a fork of this process; nothing is imported again. put: it kills itself as it is about to give a file its
    final name, for the so-manieth time.  after: it gets the signal `number` after so many seconds.  file_size: bytes."""
    pipes = os.pipe(), os.pipe()  # no files, which would be limited and cut off as well
    child = os.fork()
    if not child:
        _become(program, arguments, [into for _, into in pipes], put, file_size)
    readers = [_Reader(*pipe) for pipe in pipes]
    timers = [threading.Timer(limit_s, os.kill, (child, signal.SIGKILL))]
    timers += [threading.Timer(after, os.kill, (child, number))] if after is not None else []
    for timer in timers:
        timer.start()
    _, status = os.waitpid(child, 0)
    for timer in timers:
        timer.cancel()
    return Done(os.waitstatus_to_exitcode(status), *(reader.text() for reader in readers))


class _Reader(threading.Thread):
    """Reads what a child writes into a pipe."""

    def __init__(self, out: int, into: int) -> None:
        super().__init__(daemon=True)
        os.close(into)
        self._out, self._read = out, b""
        self.start()

    def run(self) -> None:
        with open(self._out, "rb", buffering=0) as pipe:
            while part := pipe.read(1 << 16):
                self._read += part

    def text(self) -> str:
        self.join(5)  # a child of the child may live on
        return self._read.decode(errors="replace")


def _become(program: str, arguments: list[object], into: list[int], put: int | None, file_size: int) -> None:
    """Be the program, in a child."""
    code = 1
    try:
        for number, pipe in enumerate(into, start=1):
            os.dup2(pipe, number)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        if put is not None:
            files.put = _killing(files.put, put)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        sys.argv = [f"xmipp_{program}", *map(str, arguments)]
        code = importlib.import_module(f"xmipp_scripts.{program}").main()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _killing(put: Callable, times: int) -> Callable:
    left = [times]

    def killing(made: object, final: object) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        put(made, final)

    return killing


def contents(folder: Path, *endings: str) -> dict[str, bytes]:
    """Of each visible file below a folder its content."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if not endings or path.suffix in endings}


def vote(tomograms: list[Path], picks: list[Path], odir: Path, *more: object) -> list[object]:
    """The options of a run by votes."""
    return ["--tomograms", *tomograms, "--picks", *picks, "--boxsize", BOX, "--voting", "--noReport", "--odir", odir, *more]


def learn(tomograms: list[Path], picks: list[Path], odir: Path) -> list[object]:
    """The options of a short run with a network."""
    options = ["--boxsize", BOX, "--epochs", 1, "--folds", 2, "--noReport", "--threads", 1, "--odir", odir]
    return ["--tomograms", *tomograms, "--picks", *picks, *options]


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started
