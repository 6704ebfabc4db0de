"""Speed and memory of every stage: ours, the old loops, their ratio, the machine's limit, and the growth with the picks."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _speed_network
import _speed_stages as stages
import numpy as np
import pandas as pd
from _report import RESULTS, as_markdown, finish
from _speed_stages import BOX, isolated

from tomo_particles.core.tomograms import write_volume

LADDER = (1_000, 3_000, 10_000, 100_000, 1_000_000)
AFFORDABLE = 15.0  # seconds that a baseline may take; beyond, it is extrapolated from its last two points, as n^2 at most
NETWORKS = ("small", "reference")


def growth(stage, loop, ladder: tuple[int, ...]) -> pd.DataFrame:
    """Seconds and memory of a stage and seconds of its baseline for rising numbers of picks, the baseline's longest guessed."""
    rows: list[dict] = []
    for n in ladder:
        ours = isolated(stage, n)
        row = {"picks": n, "ours s": ours.seconds, "GB": ours.memory}
        guess = _extrapolated(rows, n)
        if guess <= AFFORDABLE:
            row |= {"baseline s": isolated(loop, n).seconds, "measured": True}
        else:
            row |= {"baseline s": guess, "measured": False}
        rows.append(row)
    table = pd.DataFrame(rows)
    table["ratio"] = table["baseline s"] / table["ours s"]
    steps = np.diff(np.log(table["ours s"])) / np.diff(np.log(table["picks"]))
    table["exponent"] = [np.nan, *steps]
    return table


def _extrapolated(rows: list[dict], n: int) -> float:
    if not rows:
        return 0.0
    a, b = rows[max(0, len(rows) - 2)], rows[-1]
    steeper = np.log(b["baseline s"] / a["baseline s"]) / np.log(b["picks"] / a["picks"]) if len(rows) > 1 else 2.0
    return b["baseline s"] * (n / b["picks"]) ** float(np.clip(steeper, 1.0, 2.0))


def row_of(stage: str, ours: stages.Measured, baseline: float = np.nan, limit: float = np.nan, of: str = "") -> dict:
    """A row of the table of stages; seconds."""
    return {
        "stage": stage,
        "ours s": ours.seconds,
        "baseline s": baseline,
        "ratio": baseline / ours.seconds,
        "limit s": limit,
        "limit is": of,
        "GB": ours.memory,
    }


def pick_rows(memory_speed: float, tomograms: int) -> list[dict]:
    """Clustering, noise and tables at the issue's sizes."""
    n, few = stages.DENSITY, 3300  # the old noise takes minutes for all of them
    limit_of = "picks read once at memory speed"
    once, few_once = (5 * 8 * count / memory_speed for count in (n, few))  # x y z, picker, score
    many, tenth = 10_000 * tomograms, max(1, tomograms // 10)
    return [
        row_of(f"clustering, {n} picks", isolated(stages.merge, n), isolated(stages.merge_loop, n).seconds, once, limit_of),
        row_of(f"clustering, {many} picks in {tomograms} tomograms", isolated(stages.merge, many, tomograms)),
        row_of(f"consensus program, files to files, {10_000 * tenth} picks", isolated(stages.merge_files, 10_000 * tenth, tenth)),
        row_of(f"noise, {few} picks", isolated(stages.noise, few), isolated(stages.noise_loop, few).seconds, few_once, limit_of),
        row_of(f"noise, {n} picks", isolated(stages.noise, n), limit=once, of=limit_of),
        row_of(f"noise, {n} scattered picks: crowded", isolated(stages.noise, n, True), limit=once, of=limit_of),
        row_of(f"table of {n} picks, written and read", isolated(stages.table, n), isolated(stages.table_cells, n).seconds),
    ]


def box_rows(folder: Path, shape: tuple[int, int, int], n: int, threads: int, memory_speed: float) -> tuple[list[dict], str]:
    """Extraction of n boxes, beside copies of as many bytes, and MB/s; leaves the boxes for the networks to read."""
    rng = np.random.default_rng(0)
    write_volume(folder / "tomogram.mrc", rng.standard_normal(shape, dtype=np.float32), 10.0)
    size = (folder / "tomogram.mrc").stat().st_size
    of_boxes = n * BOX**3 * 4
    limit = (2 * of_boxes / memory_speed, "boxes read and written at memory speed")
    small = isolated(stages.extract, folder, shape, n, threads, "small")
    ours = isolated(stages.extract, folder, shape, n, threads)
    loop = isolated(stages.extract_loop, folder, shape, n).seconds
    copy = isolated(stages.copy_map, folder / "tomogram.mrc")
    rates = ", ".join(f"{name} {of_boxes / s / 1e6:.0f}" for name, s in (("ours", ours.seconds), ("one file a box", loop)))
    speeds = f"Boxes written, MB/s: {rates}, numpy's memory-mapped copy {size / copy.seconds / 1e6:.0f}."
    copied = stages.Measured(copy.seconds * of_boxes / size, copy.memory)
    return [
        row_of(f"extraction, {n} boxes of {BOX}^3", ours, loop, *limit),
        row_of(f"extraction, what the small network sees of {n} boxes", small, loop),
        row_of("numpy's memory-mapped copy of as many bytes", copied),
    ], speeds


def network_rows(folder: Path, n: int, threads: int) -> list[dict]:
    """Seconds of training and of scoring a thousand subtomograms."""
    speed = stages.in_own_process(_speed_network.matrix_flops, threads)[0]
    stack = folder / "boxes" / "boxes.mrcs"
    seconds = {}
    for name, count in zip(NETWORKS, (n, max(64, n // 8)), strict=True):
        found, memory = stages.in_own_process(_speed_network.network_seconds, stack, BOX, 10.0, name, count, threads)
        seconds[name] = found | {"memory": memory}
    ours, reference = (seconds[name] for name in NETWORKS)
    rows = []
    for what, passes in (("scoring", 1), ("training", 3)):  # a training step: forward, and two products back
        limit = 1000 * passes * ours["GFLOP"] * 1e9 / speed
        rows.append(
            row_of(
                f"{what}, 1000 subtomograms of {BOX}^3" + (", read" if what == "scoring" else ", one pass"),
                stages.Measured(1000 * ours[what], ours["memory"]),
                1000 * reference[what],
                limit,
                f"{passes * ours['GFLOP']:.3f} GFLOP each at {speed / 1e9:.0f} GFLOP/s",
            )
        )
    return rows


def start_up() -> pd.DataFrame:
    """Seconds of --help of every program by the clock, the better of two, and of the processor."""
    rows = []
    for path in sorted(Path("xmipp_scripts").glob("[!_]*.py")):
        if path.stem != "demo":
            seconds = []
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            before = used.ru_utime + used.ru_stime
            for _ in range(2):
                start = time.perf_counter()
                subprocess.run([sys.executable, "-m", f"xmipp_scripts.{path.stem}", "--help"], check=True, capture_output=True)
                seconds.append(time.perf_counter() - start)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            processor = (used.ru_utime + used.ru_stime - before) / len(seconds)
            rows.append({"program": f"xmipp_{path.stem}", "seconds": min(seconds), "processor s": processor})
    return pd.DataFrame(rows)


def draw(tables: dict[str, pd.DataFrame], path: Path) -> None:
    """Seconds over picks, both on logarithmic axes, ours full and the baseline broken, where extrapolated without a mark."""
    import matplotlib

    matplotlib.use("Agg")  # no display
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(tables), figsize=(4 * len(tables), 3.6), layout="constrained", squeeze=False)
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        n, ours, measured = table["picks"].to_numpy(), table["ours s"].to_numpy(), table["measured"].to_numpy(dtype=bool)
        axis.loglog(n, ours, "o-", label="ours")
        axis.loglog(n, table["baseline s"], "--", color="tab:red", label="old loop, extrapolated")
        axis.loglog(n[measured], table["baseline s"][measured], "s-", color="tab:red", label="old loop, measured")
        guide = n * np.log(n)
        axis.loglog(n, guide * ours[1] / guide[1], ":", color="grey", label="n log n")
        axis.set(title=name, xlabel="picks", ylabel="seconds")
    axes[0][0].legend()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=3400, help="boxes extracted and scored (24 000 from 7 tomograms: 3400 each)")
    parser.add_argument("--shape", type=int, nargs=3, default=(300, 928, 960), help="z y x of the tomogram, voxels")
    parser.add_argument("--largest", type=int, default=LADDER[-1], help="most picks of the growth")
    parser.add_argument("--tomograms", type=int, default=100, help="of 10 000 picks each")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--no-network", action="store_true", help="leave training and scoring out")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    memory_speed = 2**28 / stages.copy_memory()
    rows = pick_rows(memory_speed, options.tomograms)
    with tempfile.TemporaryDirectory() as folder:
        of_boxes, speeds = box_rows(Path(folder), tuple(options.shape), options.boxes, options.threads, memory_speed)
        rows += of_boxes
        if not options.no_network:
            rows += network_rows(Path(folder), min(options.boxes, 1024), options.threads)
    ladder = tuple(n for n in LADDER if n <= options.largest)
    grown = {
        "clustering": growth(stages.merge, stages.merge_loop, ladder),
        "noise": growth(stages.noise, stages.noise_loop, ladder),
        "tables": growth(stages.table, stages.table_cells, ladder),
    }
    load = os.getloadavg()[1]
    found = {n: stages.noise_found(n, True) for n in (3300, stages.DENSITY)}
    text = "\n\n".join(
        [
            f"{options.threads} threads; load of the machine {load:.1f} at the end, 1 to {options.threads} of it ours; memory "
            f"{memory_speed / 1e9:.1f} GB/s. Ours and baseline ran one after the other, each in a process of its own; GB is the "
            "peak of that process with its imports.",
            as_markdown(pd.DataFrame(rows)),
            f"{speeds} Beside scattered picks {found[3300]} of 3300 noise picks find room (old loop: "
            f"{stages.noise_found_loop(3300, True)}), and {found[stages.DENSITY]} of {stages.DENSITY}: it is full then. "
            f"Beside particles {stages.noise_found(stages.DENSITY, False)} do. Stages of less than a second: the best of three.",
            "Growth at a constant density of picks: the tomogram grows with them beyond 11 000 picks. exponent: of the growth "
            "since the row before, 1 is linear. Baselines that are not `measured` are extrapolated from their last two points, "
            "as n^2 at most.",
            *(f"## {name}\n\n{as_markdown(table)}" for name, table in grown.items()),
            "## --help\n\n" + as_markdown(start_up()),
        ]
    )
    if options.write:
        draw(grown, RESULTS / "speed.png")
        text += "\n\n![growth](speed.png)"
    finish("speed", text, options.write)


if __name__ == "__main__":
    main()
