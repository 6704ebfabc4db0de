"""Real command lines on small simulated tomograms: every program runs as its users run it."""

import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from program_server import HEAVY, ProgramServer, leave_servers

from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import write_picks
from tomo_particles.testing.synthetic import SimulatedPicker, Simulation, simulate_tomogram
from xmipp_scripts._shared.program import Program

RATE = 10.0  # Å/voxel
WITH_TENSORFLOW = ("deep_pick_tomo", "deep_picking_consensus_tomo", "run_deep_consensus_tomo", "train_picker_tomo")
BOX = 12
PICKERS = {
    "one": SimulatedPicker(0.95, 0.5, noise=0.4),
    "two": SimulatedPicker(0.9, 0.5, beads=1.0, noise=0.2),
    "three": SimulatedPicker(0.8, 0.7, noise=0.2),
}
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z]\w*")  # as a message names one


@cache
def program_of(name: str) -> Program:
    """A program of xmipp_scripts with its options defined."""
    module = importlib.import_module(f"xmipp_scripts.{name}")
    found = next(value for value in vars(module).values() if getattr(value, "name", "") == f"xmipp_{name}")()
    found.define()
    return found


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], ProgramServer]]:
    """The server that runs a program, started when it is first needed."""
    started: dict[bool, ProgramServer] = {}

    def server_of(name: str) -> ProgramServer:
        heavy = name in WITH_TENSORFLOW
        if heavy not in started:
            started[heavy] = ProgramServer(*(HEAVY if heavy else ()))
        return started[heavy]

    yield server_of
    for server in started.values():
        server.close()


@pytest.fixture(scope="session")
def program(servers) -> Callable[..., subprocess.CompletedProcess]:
    """Run a program: program("pick_noise_tomo", "--input", path..., cwd=folder)."""

    def run(name: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess:
        module, texts = f"xmipp_scripts.{name}", [*map(str, arguments)]
        if (server := servers(name)).fits:
            return server.run(module, texts, str(cwd or Path.cwd()))
        return subprocess.run([sys.executable, "-m", module, *texts], cwd=cwd, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def done(program) -> Callable[..., str]:
    """Run a program that must succeed; gives what it printed."""

    def run(name: str, *arguments: object, cwd: Path | None = None) -> str:
        finished = program(name, *arguments, cwd=cwd)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    return run


@pytest.fixture
def own_process(monkeypatch) -> None:
    """Programs start in processes of their own, with hash seeds of their own: for tests of what is the same in every run."""
    leave_servers(monkeypatch)


@pytest.fixture(scope="session")
def defined() -> Callable[[str], Program]:
    """A program of `xmipp_scripts` with its options."""
    return program_of


def imported_by(name: str, *arguments: object, cwd: Path | None = None) -> tuple[subprocess.CompletedProcess, set[str]]:
    """A finished program without Python's lines on imports in its stderr, and the modules that it had imported by its end."""
    command = [sys.executable, "-X", "importtime", "-m", f"xmipp_scripts.{name}", *map(str, arguments)]
    finished = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    modules = set(re.findall(r"^import time:.*\|\s*(\S+)$", finished.stderr, re.MULTILINE))
    finished.stderr = re.sub(r"^import time:.*\n", "", finished.stderr, flags=re.MULTILINE)
    return finished, modules


@pytest.fixture(scope="session")
def imported() -> Callable[..., tuple[subprocess.CompletedProcess, set[str]]]:
    """Run a program: it, finished, and the modules that it imported."""
    return imported_by


@pytest.fixture(scope="session")
def loading(servers) -> Callable[..., tuple[subprocess.CompletedProcess, set[str]]]:
    """Run a program in a process without TensorFlow: it, finished, and its modules, to see whether it loaded TensorFlow."""

    def run(name: str, *arguments: object, cwd: Path | None = None) -> tuple[subprocess.CompletedProcess, set[str]]:
        if not (server := servers("")).fits:
            return imported_by(name, *arguments, cwd=cwd)
        finished = server.run(f"xmipp_scripts.{name}", [*map(str, arguments)], str(cwd or Path.cwd()))
        assert finished.modules
        return finished, finished.modules

    return run


@pytest.fixture(scope="session")
def refused(loading) -> Callable[..., str]:
    """Run a program that must refuse: exit code 2, one line on stderr with all of `words`, and no file changed or written.

    The line names no option that the program does not have. A mistake is said before TensorFlow starts, which takes seconds,
    unless TensorFlow is what says it.  late: it shows in the midst of a run, whose GPUs were tried at its start.
    """

    def run(
        name: str, *arguments: object, words: Sequence[object], folder: Path, cwd: Path | None = None, late: bool = False
    ) -> str:
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
        finished, modules = loading(name, *arguments, cwd=cwd)
        after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
        assert ("tensorflow" in modules) == (late or any("TensorFlow" in str(word) for word in words))
        lines = finished.stderr.strip().splitlines()
        assert finished.returncode == 2, finished.stdout + finished.stderr
        assert len(lines) == 1 and lines[0].startswith(f"xmipp_{name}: error: "), finished.stderr
        for word in words:
            assert str(word) in lines[0], lines[0]
        named = {word for word in OPTION.findall(lines[0]) if word not in map(str, arguments)}
        assert named <= {*program_of(name)._values, "--help"}, lines[0]
        assert after == before, set(after) ^ set(before)
        return lines[0]

    return run


class Scene:
    """Two tomograms with like names and what three pickers saw of them; every file lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rng = np.random.default_rng(0)
        self.simulations: dict[str, Simulation] = {}
        self.picks: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {name: {} for name in PICKERS}
        for tomo_id in ("TS_1", "TS_10"):
            simulation = simulate_tomogram(
                (64, 56, 40), {"target": 25, "bead": 2}, rng=rng, radius=4.0, noise=0.4, sampling_rate=RATE
            )
            self.simulations[tomo_id] = simulation
            write_volume(self.tomogram(tomo_id), simulation.volume, RATE)
            for name, picker in PICKERS.items():
                self.picks[name][tomo_id] = picker.pick(simulation, rng=rng)
        for name, of_tomogram in self.picks.items():
            self.write_csv(f"{name}.csv", of_tomogram)

    def tomogram(self, tomo_id: str) -> Path:
        return self.folder / f"{tomo_id}.mrc"

    @property
    def tomograms(self) -> list[Path]:
        return [self.tomogram(tomo_id) for tomo_id in self.simulations]

    def csv(self, *names: str) -> list[Path]:
        return [self.folder / f"{name}.csv" for name in names]

    @staticmethod
    def text(of_tomogram: dict[str, tuple[np.ndarray, np.ndarray]], header: str = "tomo_id,x,y,z,score", tail: str = "") -> str:
        rows = [
            f"{tomo_id},{x:.4f},{y:.4f},{z:.4f},{score:.3f}{tail}"
            for tomo_id, (positions, scores) in of_tomogram.items()
            for (x, y, z), score in zip(positions, scores, strict=True)
        ]
        return "\n".join([header, *rows]) + "\n"

    def write_csv(self, name: str, of_tomogram: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
        (self.folder / name).write_text(self.text(of_tomogram))
        return self.folder / name


@pytest.fixture(scope="session")
def scene(tmp_path_factory) -> Scene:
    """Read only: tests write elsewhere."""
    return Scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture
def picks_xmd(tmp_path) -> Callable[..., Path]:
    """Write picks given as positions and pickers into an XMD of this test."""

    def write(name: str, positions: Sequence, picker: Sequence[int] | None = None, rate: float = RATE, **columns) -> Path:
        positions = np.array(positions, dtype=float).reshape(-1, 3)
        write_picks(tmp_path / name, Picks("TS_1", positions, rate, picker=picker, **columns), BOX, "TS_1.mrc")
        return tmp_path / name

    return write
