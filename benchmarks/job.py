"""The whole job at the thesis' size: 24 000 picks of three pickers in 7 tomograms of 960 x 928 x 300 voxels, boxes of 50.

The baseline of training and scoring is the thesis' network on this machine, from its seconds a subtomogram: all picks scored
once, and OLD_VIEWS subtomograms trained on. Limits: the tomograms read once, the voxels of all boxes copied in memory, and the
operations of the networks at the speed of a matrix product. results/job.json keeps the last result of each processor.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _measure import Memory
from _report import RESULTS, as_markdown, commit, finish, machine

from tomo_particles.core.tomograms import write_volume
from tomo_particles.learning.configuration import TrainingConfig
from tomo_particles.learning.network_input import SMALL_INPUT_EDGE
from tomo_particles.testing.agreement import match_picks
from tomo_particles.testing.synthetic import SimulatedPicker, Simulation, simulate_tomogram

OLD_VIEWS = 35_800  # what is left of the 105 minutes that the old schedule took at 0.151 s a subtomogram trained on
BASELINE_BOXES = 96
BOX, RADIUS, RATE = 50, 14.0, 8.68  # voxels, voxels, Å/voxel
TILE = np.array((480, 464, 300))  # x, y, z: a tomogram is 2 x 2 of them, each turned its own way
IN_TILE = {"target": 250, "rod": 80, "bead": 6}
# The stage that a line of the program ends, by its first word; some say the share that is done
STAGES = {"scoring": "scored", "scored": "scored", "training": "network", "network": "network"}
START_UP = "start-up"
STAGES |= dict.fromkeys(["consensus", "noise", "extract", "prepared", "preparing"], "consensus, noise and boxes")
PICKERS = {
    "a": SimulatedPicker(recall=0.85, jitter=2.0, beads=0.9, others=0.2, noise=0.1, twice=0.05),
    "b": SimulatedPicker(recall=0.75, jitter=2.5, beads=0.9, others=0.1, noise=0.25, twice=0.05),
    "c": SimulatedPicker(recall=0.7, jitter=3.0, beads=0.5, others=0.4, noise=0.3, twice=0.05),
}


def make_tomogram(tiles: list[Simulation], rng: np.random.Generator) -> Simulation:
    """Four tiles, each mirrored along random axes (what the missing wedge allows), and fresh noise over all."""
    volume = np.empty((TILE[2], 2 * TILE[1], 2 * TILE[0]), dtype=np.float32)
    positions: dict[str, list[np.ndarray]] = {name: [] for name in IN_TILE}
    for number, tile in enumerate(tiles):
        start = TILE * (number % 2, number // 2, 0)
        mirrored = rng.random(3) < 0.5
        flipped = np.flip(tile.volume, [2 - axis for axis in np.flatnonzero(mirrored)])
        volume[:, start[1] : start[1] + TILE[1], start[0] : start[0] + TILE[0]] = flipped
        for name, places in tile.positions.items():
            positions[name].append(start + np.where(mirrored, TILE - 1 - places, places))
    noise = 0.2 * tiles[0].volume[:4].std()
    for section in volume:
        section += noise * rng.standard_normal(section.shape, dtype=np.float32)
    return Simulation(volume, {name: np.concatenate(parts) for name, parts in positions.items()}, RATE)


def make_job(folder: Path, tomograms: int, picks: int, seed: int) -> None:
    """Tomograms, a pick file a picker with `picks` in all, and the truth; what is there already is kept."""
    rng = np.random.default_rng(seed)
    tiles = [simulate_tomogram(tuple(TILE), IN_TILE, rng=rng, radius=RADIUS, noise=1.0, sampling_rate=RATE) for _ in range(4)]
    rows: dict[str, list[pd.DataFrame]] = {name: [] for name in (*PICKERS, "truth")}
    for number in range(tomograms):
        name = f"TS_{number + 1:02d}"
        simulation = make_tomogram(tiles, rng)
        write_volume(folder / f"{name}.mrc", simulation.volume, RATE)
        found = {picker: faults.pick(simulation, rng=rng) for picker, faults in PICKERS.items()}
        for picker, (positions, score) in found.items():
            rows[picker].append(_table(name, positions, score))
        rows["truth"].append(_table(name, simulation.truth, np.ones(len(simulation.truth))))
    share = picks / sum(len(table) for picker in PICKERS for table in rows[picker])
    for name, tables in rows.items():
        table = pd.concat(tables)
        if name != "truth":
            table = table.sample(frac=min(1.0, share), random_state=seed).sort_index(kind="stable")
        table.to_csv(folder / f"{name}.csv", index=False)


def repeat_job(folder: Path, copies: int, target: Path) -> None:
    """The job `copies` times over, every tomogram under more names (links), for time and memory alone."""
    target.mkdir(exist_ok=True)
    for path in sorted(folder.glob("TS_*.mrc")):
        for copy in range(copies):
            (target / f"{path.stem}_{copy:02d}.mrc").symlink_to(path.resolve())
    for name in (*PICKERS, "truth"):
        table = pd.read_csv(folder / f"{name}.csv")
        parts = [table.assign(tomo_id=table.tomo_id + f"_{copy:02d}") for copy in range(copies)]
        pd.concat(parts).to_csv(target / f"{name}.csv", index=False)


def _table(name: str, positions: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"tomo_id": name, **dict(zip("xyz", positions.T, strict=True)), "score": score})


def run_job(folder: Path, odir: Path, threads: int, gpus: str = "") -> tuple[float, float, float, list[tuple[float, str]]]:
    """Seconds, seconds of processor, most memory (GB, without mapped files), and the lines of the program with their seconds."""
    command = [sys.executable, "-m", "xmipp_scripts.run_deep_consensus_tomo", "--boxsize", str(BOX), "--odir", str(odir)]
    command += ["--threads", str(threads), "--tomograms", *map(str, sorted(folder.glob("TS_*.mrc")))]
    command += ["--picks", *(str(folder / f"{name}.csv") for name in PICKERS)]
    if gpus:
        command += ["--gpus", gpus]
    start, begun, before = time.perf_counter(), time.time(), _processor_seconds()
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        memory = Memory(process.pid)
        memory.start()
        for line in process.stdout:
            lines.append((time.perf_counter() - start, line.rstrip()))
            print(f"{lines[-1][0]:7.1f} {lines[-1][1]}", flush=True)
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}")
    lines.append(((odir / ".lock").stat().st_mtime - begun, START_UP))  # it is made after TensorFlow is loaded
    lines.sort()
    return time.perf_counter() - start, _processor_seconds() - before, memory.most, lines


def _processor_seconds() -> float:
    """Of all children that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stages_of(lines: list[tuple[float, str]]) -> pd.DataFrame:
    """Seconds of each kind of step, from the lines that end it."""
    kinds: dict[str, float] = {}
    before = 0.0
    for second, line in lines:
        kind = START_UP if line == START_UP else STAGES.get(line.split()[0].rstrip(":"), "rest")
        kinds[kind] = kinds.get(kind, 0.0) + second - before
        before = second
    return pd.DataFrame({"stage": kinds.keys(), "s": kinds.values()})


def baseline_seconds(folder: Path, picks: int, threads: int) -> float:
    """Training and scoring the whole job with the thesis' network, from its seconds a subtomogram."""
    from _speed_network import network_seconds
    from _speed_stages import in_own_process

    from xmipp_scripts.tomo_extract_subtomograms import ExtractionConfig, write_sets

    with tempfile.TemporaryDirectory() as boxes:
        tomogram = min(folder.glob("TS_*.mrc"))
        positives = folder / "run" / "pos" / f"{tomogram.stem}.xmd"
        write_sets([ExtractionConfig(str(tomogram), str(positives), BOX, boxes, normalise=True, threads=threads)])
        stack = Path(boxes) / f"{tomogram.stem}.mrcs"
        found = in_own_process(network_seconds, stack, BOX, RATE, "reference", BASELINE_BOXES, threads)[0]
    return OLD_VIEWS * found["training"] + picks * found["scoring"]


def limits(folder: Path, threads: int) -> pd.DataFrame:
    """What this machine cannot do faster, for the run in `folder`."""
    from _speed_network import flops_of, matrix_flops
    from _speed_stages import copy_memory, in_own_process

    start = time.perf_counter()
    for path in sorted(folder.glob("TS_*.mrc")):
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 24):
                pass
    reading = time.perf_counter() - start
    stacks = (folder / "run" / "boxes").rglob("*.mrcs")
    boxes = sum(path.stat().st_size for path in stacks) // (4 * SMALL_INPUT_EDGE**3)
    copied = (n_bytes := 1 << 28) / copy_memory(n_bytes)
    operations, speed = (in_own_process(*call)[0] for call in ((flops_of, BOX, RATE), (matrix_flops, threads)))
    views = len(pd.read_csv(folder / "run" / "network" / "training_log.csv")) * TrainingConfig().views[1]
    rows = [
        ("tomograms read once", reading, "disk, or what the system has of it in memory"),
        (f"{boxes} boxes", boxes * 4 * BOX**3 / copied, f"copied in memory, {copied / 1e9:.1f} GB/s"),
        (f"at most {views} examples trained on", 3 * views * operations / speed, f"matrix product, {speed / 1e9:.0f} GFLOP/s"),
        (f"{boxes} boxes scored", boxes * operations / speed, "matrix product"),
    ]
    return pd.DataFrame(rows, columns=["limit", "s", "of"])


def compared(seconds: float, stages: pd.DataFrame, name: str, write: bool) -> str:
    """The last kept result of this processor, beside which these seconds are to be seen; these are kept from now on."""
    kept = RESULTS / "job.json"
    every = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    key = f"{name}; {machine()}"
    last = every.get(key)
    if write:
        every[key] = {"commit": commit(), "seconds": round(seconds, 1), **stages.set_index("stage")["s"].round(1).to_dict()}
        kept.write_text(json.dumps(every, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if last is None:
        return "No earlier result of this processor is kept."
    return "The last kept result of this processor: " + ", ".join(f"{what} {value}" for what, value in last.items()) + "."


def f1(picks: pd.DataFrame, truth: pd.DataFrame) -> float:
    """F1 of picks within a particle's radius, over all tomograms."""
    hits = sum(
        len(match_picks(picks.loc[picks.tomo_id == name, list("xyz")].to_numpy(), own[list("xyz")].to_numpy(), RADIUS)[0])
        for name, own in truth.groupby("tomo_id")
    )
    return 2 * hits / (len(picks) + len(truth))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where tomograms and results are kept; default: a temporary folder (9 GB)")
    parser.add_argument("--tomograms", type=int, default=7)
    parser.add_argument("--picks", type=int, default=24_000)
    parser.add_argument("--copies", type=int, default=1, help="the whole job so many times over, for its growth")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--gpus", default="", help="as the program takes them (default: none)")
    parser.add_argument("--repeats", type=int, default=1, help="runs, of which the medians are given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "truth.csv").exists():
            make_job(folder, options.tomograms, options.picks, options.seed)
        if options.copies > 1:
            folder, job = folder / f"times_{options.copies}", folder
            if not folder.exists():
                repeat_job(job, options.copies, folder)
        runs = []
        for _ in range(options.repeats):
            shutil.rmtree(folder / "run", ignore_errors=True)
            runs.append(run_job(folder, folder / "run", options.threads, options.gpus))
        seconds, processor, memory = np.median([run[:3] for run in runs], axis=0)
        every = pd.concat([stages_of(run[3]) for run in runs])
        stages = every.groupby("stage", sort=False)["s"].median().reset_index()
        truth = pd.read_csv(folder / "truth.csv")
        scores = {name: f1(pd.read_csv(folder / f"{name}.csv"), truth) for name in PICKERS}
        scores["consensus"] = f1(pd.read_csv(folder / "run" / "accepted.csv"), truth)
        n = sum(len(pd.read_csv(folder / f"{name}.csv")) for name in PICKERS)
        baseline = baseline_seconds(folder, n, options.threads)
        least = limits(folder, options.threads)
        size = sum(path.stat().st_size for path in (folder / "run").rglob("*") if path.is_file()) / 1e9
    name = "job" if options.copies == 1 else f"job_times_{options.copies}"
    name += "_gpu" if options.gpus else ""
    spread = ", ".join(f"{run[0]:.0f}" for run in runs)
    learning = stages.loc[stages.stage.isin(["network", "scored"]), "s"].sum()
    text = "\n\n".join(
        [
            f"{n} picks in {truth.tomo_id.nunique()} tomograms: {seconds:.0f} s ({processor:.0f} s of processor), "
            f"at most {memory:.2f} GB of memory (mapped tomograms apart), output folder {size:.2f} GB. Medians of {len(runs)} "
            f"run(s), which took {spread} s.",
            as_markdown(stages),
            as_markdown(least),
            compared(seconds, stages, name, options.write),
            f"Training and scoring: {learning:.0f} s; the thesis' network with the old schedule {baseline:.0f} s "
            f"(estimated from its seconds for {BASELINE_BOXES} subtomograms), "
            f"{baseline / learning:.0f} times as long. Load of the machine at the end: {os.getloadavg()[1]:.1f}.",
            "F1: " + ", ".join(f"{name} {score:.3f}" for name, score in scores.items()) + ".",
        ]
    )
    finish(name, text, options.write)


if __name__ == "__main__":
    main()
