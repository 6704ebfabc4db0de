"""More workers, and a queue: what they gain and what they cost.

Part *workers*: the 24 000-pick job (`job.py`) with 1, 2 and 4 processes of one thread (`--workers`), from the time when
TensorFlow is loaded until the training begins: merging, noise and boxes are what workers share. Efficiency: seconds of one
worker, divided by those of n and by n. The memory is that of all processes together, without the pages of mapped tomograms.

Part *slurm*: many small tomograms, one job for each, sent by Scipion to a SLURM of one node: jobs that were sent, seconds of the
run, and whether the result is that of a run without a queue. It needs slurm-wlm, and root.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from _measure import Memory
from _report import as_markdown, finish
from _session import make_inputs, rows_of
from job import BOX, PICKERS, make_job

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests")]  # for what the tests have


def seconds_of_preparation(folder: Path, odir: Path, workers: int) -> tuple[float, float]:
    """Seconds from the start of the preparation to that of the training; the memory (GB)."""
    command = [sys.executable, "-m", "xmipp_scripts.run_deep_consensus_tomo", "--boxsize", str(BOX), "--odir", str(odir)]
    command += ["--threads", "1", "--workers", str(workers), "--tomograms", *map(str, sorted(folder.glob("TS_*.mrc")))]
    command += ["--picks", *(str(folder / f"{name}.csv") for name in PICKERS)]
    tomograms = len(list(folder.glob("TS_*.mrc")))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        memory = Memory(process.pid)
        memory.start()
        for line in process.stdout:
            if line.startswith("prepared ") and f"({tomograms} of {tomograms} " in line:
                break
        else:
            raise SystemExit("the tomograms were not prepared")
        end = time.time()
        process.terminate()
    return end - (odir / ".lock").stat().st_mtime, memory.most  # it is made after TensorFlow is loaded


def by_workers(folder: Path, numbers: list[int]) -> pd.DataFrame:
    """A row for each number of workers."""
    rows: list[dict[str, float]] = []
    for number in numbers:
        with tempfile.TemporaryDirectory(dir=folder) as odir:
            seconds, memory = seconds_of_preparation(folder, Path(odir), number)
        one = rows[0]["seconds"] * rows[0]["workers"] if rows else seconds * number
        load = os.getloadavg()[0]
        rows.append({"workers": number, "seconds": seconds,
                     "efficiency": one / (seconds * number), "memory (GB)": memory, "load": load})  # fmt: skip
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def by_slurm(folder: Path, tomograms: int, at_once: int, cpus: int) -> pd.DataFrame:
    """The numbers of a run by votes whose tomograms are jobs of SLURM."""
    from pyworkflow.config import Config
    from pyworkflow.object import Pointer
    from pyworkflow.project import Project
    from slurm_cluster import HOSTS, QUEUE, slurm_cluster

    from xmipptomo.protocols import XmippProtDeepConsensusPicking3D

    (folder / "project").mkdir()
    (folder / "data").mkdir()
    project = Project(Config.getDomain(), str(folder / "project"))
    project.create()
    os.chdir(folder / "project")
    given, _ = make_inputs(project, folder / "data", tomograms, 30, particles=False)

    def launched(in_queue: bool):
        form = project.newProtocol(XmippProtDeepConsensusPicking3D, doVoting=True, writeReport=False, binThreads=1)
        form.inputSets.set([Pointer(one.getObjValue(), extended=one.getExtended()) for one in given])
        form.numberOfThreads.set(at_once + 1)
        if in_queue:
            form._useQueue.set(True)
            form.setQueueParams(QUEUE)
        project.launchProtocol(form, wait=True)
        return form

    with slurm_cluster(folder / "cluster", cpus=cpus, port=16847):
        Path(project.getLocalConfigHosts()).write_text(HOSTS)
        project._loadHosts(None)
        begun = time.monotonic()
        queued = launched(in_queue=True)
        seconds = time.monotonic() - begun
        scheduled = (folder / "cluster" / "slurmctld.log").read_text()
    begun = time.monotonic()
    here = launched(in_queue=False)
    seconds_here = time.monotonic() - begun
    sent = [re.sub(r"\.[0-9a-f]{8}$", "", path.stem) for path in Path(queued._getLogsPath()).glob("*.job")]
    names = ("coordinates.sqlite", "coordinatesScored.sqlite")
    values = {
        "tomograms": tomograms,
        "jobs at a time, at most": min(at_once, cpus),
        "jobs sent": len(sent),
        "tomograms with a job": len(set(sent)),
        "jobs that SLURM took": len(re.findall(r"_slurm_rpc_submit_batch_job: JobId=\d+", scheduled)),
        "seconds": seconds,
        "seconds without a queue": seconds_here,
        "same sets": all(rows_of(queued._getPath(name)) == rows_of(here._getPath(name)) for name in names),
        "load": os.getloadavg()[0],
    }
    return pd.DataFrame([{"what": what, "value": value} for what, value in values.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=("workers", "slurm"), default=["workers", "slurm"])
    parser.add_argument("--folder", type=Path, help="where the tomograms of the job are kept; default: a temporary folder (9 GB)")
    parser.add_argument("--tomograms", type=int, default=7, help="of the job")
    parser.add_argument("--picks", type=int, default=24_000, help="of the job")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--small", type=int, default=70, help="tomograms of the part slurm")
    parser.add_argument("--at-once", type=int, default=8, help="jobs that wait or run, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    here, texts = os.getcwd(), [(__doc__ or "").strip()]
    with tempfile.TemporaryDirectory() as temporary:
        if "workers" in options.parts:
            folder = (options.folder or Path(temporary) / "job").absolute()
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / "truth.csv").exists():
                make_job(folder, options.tomograms, options.picks, options.seed)
            table = by_workers(folder, options.workers)
            texts += [
                f"Workers: {options.picks} picks in {options.tomograms} tomograms, seed {options.seed}.",
                as_markdown(table),
            ]
        if "slurm" in options.parts:
            from tests.faults.scipion import _set_environment

            _set_environment(Path(temporary))
            texts += ["SLURM:", as_markdown(by_slurm(Path(temporary), options.small, options.at_once, os.cpu_count() or 1))]
            os.chdir(here)
    finish("scale", "\n\n".join(texts), options.write)


if __name__ == "__main__":
    main()
