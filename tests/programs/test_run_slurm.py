"""xmipp_run_deep_consensus_tomo --scheduler with workers that dask-jobqueue starts in a real SLURM of one node."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_cluster import slurm_cluster, why_none
from test_run_workers import Job

# As in docs/scaling.md
WORKERS = """from dask_jobqueue import SLURMCluster

cluster = SLURMCluster(queue="main", cores=1, memory="1GB", walltime="00:30:00")
cluster.scale(jobs=2)
print(cluster.scheduler_address, flush=True)
input()
"""


def jobs() -> list[str]:
    """The numbers of the jobs that run."""
    asked = ["squeue", "-h", "-t", "running", "-o", "%i"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture
def address(tmp_path) -> Iterator[str]:
    """Of a scheduler with two workers, each a job of SLURM."""
    pytest.importorskip("dask_jobqueue")
    with slurm_cluster(tmp_path / "cluster", cpus=2, port=16837):
        folder = tmp_path / "workers"
        folder.mkdir()
        with (folder / "said").open("w") as said:
            process = subprocess.Popen([sys.executable, "-c", WORKERS], cwd=folder, text=True, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=said, env=os.environ)  # fmt: skip
        try:
            yield process.stdout.readline().strip()
        finally:
            process.communicate("\n", timeout=60)


@pytest.mark.slow
@pytest.mark.skipif(bool(why_none()), reason=why_none() or "there is one")
def test_workers_in_jobs_of_slurm_give_the_same_bytes_also_when_one_is_killed(scene, tmp_path: Path, address):
    job = Job(scene, tmp_path)
    job.run("here")
    end = time.monotonic() + 180
    while len(jobs()) < 2:
        assert time.monotonic() < end, "no job runs"
        time.sleep(1)
    running = subprocess.Popen(job.command("there", "--scheduler", address), cwd=job.folder, stdout=subprocess.PIPE, text=True)
    time.sleep(5)
    subprocess.run(["scancel", "-s", "KILL", jobs()[0]], check=True)
    said, _ = running.communicate(timeout=600)
    assert running.returncode == 0 and "other processes" not in said
    job.assert_same("there", "here")
