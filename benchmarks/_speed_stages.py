"""The stages that `speed.py` times, ours and the old loops, on made-up picks of real density; each returns its seconds."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import _baselines
import numpy as np

from tomo_particles.consensus.merging import merge_picks
from tomo_particles.consensus.noise_picks import pick_noise
from tomo_particles.core.picks import Picks
from tomo_particles.formats.xmd import picks_columns, read_picks, write_picks

SIZE, DENSITY = np.array((1024, 1024, 300)), 11_000  # voxels of a tomogram, and picks in it
PARTICLE_BOX, MERGE_RADIUS, NOISE_RADIUS = 32, 0.35 * 32, 0.7 * 32
PICKERS = 3
BOX = 50  # voxels: the thesis' box
SHORT = 1.0  # seconds


@dataclass(frozen=True)
class Measured:
    """What a stage took: seconds by the clock, and its process's peak memory in GB with all it had imported."""

    seconds: float
    memory: float


def isolated(stage: Callable[..., float], *arguments) -> Measured:
    """Run a stage in a process of its own; three times if it is short, for the best, since others use the machine too."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, stage, arguments).result()


def _measured(stage: Callable[..., float], arguments: tuple) -> Measured:
    seconds = stage(*arguments)
    if seconds < SHORT:
        seconds = min(seconds, stage(*arguments), stage(*arguments))
    return Measured(seconds, peak_memory())


def peak_memory() -> float:
    """Peak resident memory of this process, GB; getrusage would tell that of the process which started it, if larger."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def in_own_process(function, *arguments) -> tuple:
    """What a function returns, and the peak memory (GB) of the process that ran it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result(), pool.submit(peak_memory).result()


def size_for(n: int) -> np.ndarray:
    """Size x, y, z, voxels, of a tomogram that n picks fill as SIZE is filled by DENSITY of them."""
    return np.rint(SIZE * np.cbrt(n / DENSITY)).clip(4 * PARTICLE_BOX).astype(int) if n > DENSITY else SIZE


def particles(n: int, size: np.ndarray, seed: int = 0) -> Picks:
    """n picks of three pickers, each 1.5 voxels beside one of n / 3 particles."""
    rng = np.random.default_rng(seed)
    truth = rng.random((-(-n // PICKERS), 3)) * (size - 1)
    picker = np.arange(n) % PICKERS
    positions = (truth[np.arange(n) // PICKERS] + rng.normal(0, 1.5, (n, 3))).clip(0, size - 1)
    return Picks("TS_01", positions, 10.0, picker=picker + 1, score=rng.random(n))


def merge(n: int, tomograms: int = 1) -> float:
    """Clustering n picks in all, those of each tomogram at places of their own."""
    picks = [particles(n // tomograms, size_for(n // tomograms), seed) for seed in range(tomograms)]
    start = time.perf_counter()
    for own in picks:
        merge_picks(own, MERGE_RADIUS)
    return time.perf_counter() - start


def merge_loop(n: int) -> float:
    positions = particles(n, size_for(n)).positions
    start = time.perf_counter()
    _baselines.greedy_clusters(positions, MERGE_RADIUS)
    return time.perf_counter() - start


def merge_files(n: int, tomograms: int) -> float:
    """The consensus program from XMD to XMD, tomogram after tomogram."""
    from xmipp_scripts.coordinates_consensus_tomo import ConsensusConfig, write_consensus

    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / f"{name}.xmd") for name in ("input", "output_pos", "output_doubt", "output_all")}
        write_picks(files["input"], particles(n // tomograms, size_for(n // tomograms)), PARTICLE_BOX, "TS_01.mrc")
        config = ConsensusConfig(**files, box_size=PARTICLE_BOX, sampling_rate=10.0, radius=0.35, number=2)
        start = time.perf_counter()
        for _ in range(tomograms):
            write_consensus(config)
        return time.perf_counter() - start


def noise(n: int, scattered: bool = False) -> float:
    """As many noise picks as there are picks; `scattered`: every pick at a place of its own, a crowded tomogram."""
    *arguments, rng = _noise_arguments(n, scattered)
    start = time.perf_counter()
    pick_noise(*arguments, rng=rng, threads=2)
    return time.perf_counter() - start


def noise_found(n: int, scattered: bool) -> int:
    """How many of n noise picks find room."""
    *arguments, rng = _noise_arguments(n, scattered)
    return len(pick_noise(*arguments, rng=rng, threads=2).positions)


def noise_found_loop(n: int, scattered: bool) -> int:
    return len(_baselines.rejection_noise(*_noise_arguments(n, scattered)))


def noise_loop(n: int, scattered: bool = False) -> float:
    arguments = _noise_arguments(n, scattered)
    start = time.perf_counter()
    _baselines.rejection_noise(*arguments)
    return time.perf_counter() - start


def _noise_arguments(n: int, scattered: bool) -> tuple:
    """avoid, size, box size, radius, count, random numbers."""
    size, rng = size_for(n), np.random.default_rng(1)
    avoid = rng.random((n, 3)) * (size - 1) if scattered else particles(n, size).positions
    return avoid, tuple(size), PARTICLE_BOX, NOISE_RADIUS, n, rng


def table(n: int) -> float:
    """Writing n picks as XMD and reading them again."""
    picks = particles(n, size_for(n))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        write_picks(Path(folder) / "t.xmd", picks, PARTICLE_BOX, "TS_01.mrc")
        read_picks(Path(folder) / "t.xmd")
        return time.perf_counter() - start


def table_cells(n: int) -> float:
    columns = picks_columns(particles(n, size_for(n)), PARTICLE_BOX, "TS_01.mrc")
    columns["fom"] = np.nan_to_num(columns["fom"]).tolist()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        _baselines.table_by_cells(Path(folder) / "t.xmd", columns)
        return time.perf_counter() - start


def _box_positions(n: int, shape: tuple[int, int, int]) -> np.ndarray:
    """(n, 3) x, y, z, voxels, of boxes inside a volume of `shape` z, y, x."""
    return np.random.default_rng(2).random((n, 3)) * (np.array(shape[::-1]) - BOX) + BOX // 2


def extract(folder: Path, shape: tuple[int, int, int], n: int, threads: int, network: str | None = None) -> float:
    """The extraction program: n boxes of folder/tomogram.mrc, or what a network sees of them, into folder/boxes."""
    from xmipp_scripts.tomo_extract_subtomograms import ExtractionConfig, write_sets

    coordinates = folder / "boxes.xmd"
    write_picks(coordinates, Picks("TS_01", _box_positions(n, shape), 10.0), BOX, str(folder / "tomogram.mrc"))
    files = (str(folder / "tomogram.mrc"), str(coordinates), BOX, str(folder / "boxes"))
    config = ExtractionConfig(*files, normalise=True, threads=threads, network=network)
    start = time.perf_counter()
    write_sets([config])
    return time.perf_counter() - start


def extract_loop(folder: Path, shape: tuple[int, int, int], n: int) -> float:
    positions = _box_positions(n, shape)
    with tempfile.TemporaryDirectory(dir=folder) as single:
        start = time.perf_counter()
        _baselines.boxes_to_files(folder / "tomogram.mrc", positions, BOX, Path(single))
        return time.perf_counter() - start


def copy_map(path: Path) -> float:
    """Seconds of numpy for a copy of a file from one memory map to another."""
    source = np.memmap(path, dtype=np.uint8, mode="r")
    target = np.memmap(path.with_suffix(".copy"), dtype=np.uint8, mode="w+", shape=source.shape)
    start = time.perf_counter()
    target[:] = source
    target.flush()
    seconds = time.perf_counter() - start
    path.with_suffix(".copy").unlink()
    return seconds


def copy_memory(n_bytes: int = 2**28) -> float:
    """Seconds of a copy in memory."""
    source, target = np.ones(n_bytes, dtype=np.uint8), np.ones(n_bytes, dtype=np.uint8)
    start = time.perf_counter()
    target[:] = source
    return time.perf_counter() - start
