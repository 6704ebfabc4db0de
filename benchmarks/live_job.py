"""Tomograms of real size while they come: those of `job.py`, 3 400 picks each, one after the other, to `--watch`.

A trained network scores them. Measured: the seconds from the last file of a tomogram until its accepted picks are in the live
table (--settle of them are the time in which a file must rest), and the most memory of all processes. The network
is trained on the whole job first, if none is given.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _measure import Memory
from _report import as_markdown, finish
from job import BOX, PICKERS, make_job, run_job

SETTLE = 2.0  # seconds
LONGEST = 600.0  # seconds: then the benchmark gives up


def published(table: Path) -> set[str]:
    """The tomograms of the live table."""
    if not table.exists():
        return set()
    with open(table, newline="") as file:
        return {row["tomo_id"] for row in csv.DictReader(file)}


def seconds_of_each(folder: Path, session: Path, model: Path, threads: int) -> tuple[pd.DataFrame, float, float]:
    """A row for each tomogram; the seconds of processor, and the most memory (GB), of all processes."""
    for name in ("tomograms", *PICKERS):
        (session / name).mkdir()
    command = [sys.executable, "-m", "xmipp_scripts.run_deep_consensus_tomo", "--boxsize", str(BOX), "--odir", "out", "--watch"]
    command += ["--tomograms", "tomograms", "--picks", *PICKERS, "--threads", str(threads), "--settle", str(SETTLE)]
    command += ["--skipTraining", "--inputModel", str(model), "--noFinal"]
    picks = {name: pd.read_csv(folder / f"{name}.csv") for name in PICKERS}
    rows, before = [], processor_seconds()
    with subprocess.Popen(command, cwd=session, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        memory = Memory(process.pid)
        memory.start()
        for path in sorted(folder.glob("TS_*.mrc")):
            os.link(path, session / "tomograms" / path.name)
            n = 0
            for name, table in picks.items():
                own = table[table.tomo_id == path.stem]
                own.to_csv(session / name / f"{path.stem}.csv", index=False)
                n += len(own)
            came = time.monotonic()
            while path.stem not in published(session / "out" / "live" / "picks.csv"):
                if process.poll() is not None or time.monotonic() - came > LONGEST:
                    raise SystemExit(f"{path.stem} is not published")
                time.sleep(0.2)
            rows.append({"tomogram": path.stem, "picks": n, "seconds": time.monotonic() - came, "load": os.getloadavg()[0]})
            print(rows[-1], flush=True)
        (session / "out" / "finish").touch()
        process.wait()
    return pd.DataFrame(rows), processor_seconds() - before, memory.most


def processor_seconds() -> float:
    """Of all processes that this one waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the tomograms of the job are kept; default: a temporary folder (9 GB)")
    parser.add_argument("--model", type=Path, help="a network that was trained on the job; default: it is trained")
    parser.add_argument("--tomograms", type=int, default=7, help="of the job")
    parser.add_argument("--picks", type=int, default=24_000, help="of the job")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary) / "job").absolute()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "truth.csv").exists():
            make_job(folder, options.tomograms, options.picks, options.seed)
        model = options.model and options.model.absolute()
        if model is None:
            run_job(folder, folder / "run", options.threads)
            model = folder / "run" / "network" / "model.h5"
        with tempfile.TemporaryDirectory(dir=folder) as session:
            table, processor, memory = seconds_of_each(folder, Path(session), model, options.threads)
    seconds = table["seconds"]
    words = f"A tomogram: median {np.median(seconds):.1f} s, most {seconds.max():.1f} s ({SETTLE:g} s of them its files rest), "
    words += f"{processor / len(table):.1f} s of processor; memory at most {memory:.2f} GB without mapped files. "
    words += f"{options.threads} threads, seed {options.seed}."
    finish("live_job", "\n\n".join([(__doc__ or "").strip(), words, as_markdown(table)]), options.write)


if __name__ == "__main__":
    main()
