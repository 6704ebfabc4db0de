"""A SLURM cluster of one node on this machine, for tests: it needs the Debian package slurm-wlm, and root.

Its files and ports are its own. A munge that runs already is used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("sbatch", "squeue", "scancel", "slurmctld", "slurmd", "munged")
SOCKET = Path("/run/munge/munge.socket.2")
CONFIGURATION = """ClusterName=one
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""
HOSTS = """[localhost]
PARALLEL_COMMAND = mpirun -np %_(JOB_NODES)d %_(COMMAND)s
NAME = SLURM
MANDATORY = 0
SUBMIT_COMMAND = sbatch %_(JOB_SCRIPT)s
CANCEL_COMMAND = scancel %_(JOB_ID)s
CHECK_COMMAND = squeue -h -j %_(JOB_ID)s
SUBMIT_TEMPLATE = #!/bin/bash
    ##SBATCH --job-name=scipion%_(JOB_NAME)s
    ##SBATCH --partition=%_(JOB_QUEUE)s
    ##SBATCH --ntasks=1
    ##SBATCH --cpus-per-task=%_(JOB_THREADS)d
    ##SBATCH --mem=%_(JOB_MEMORY)s
    ##SBATCH --time=%_(JOB_TIME)s:00:00
    ##SBATCH --output=%_(JOB_LOGS)s.out
    ##SBATCH --error=%_(JOB_LOGS)s.err
    %_(JOB_COMMAND)s
QUEUES = { "main": [["JOB_MEMORY", "1000", "MB"], ["JOB_TIME", "2", "Hours"], ["QUEUE_FOR_JOBS", "N", "A job for each step"]] }
"""
QUEUE = ["main", {"JOB_MEMORY": "1000", "JOB_TIME": "2", "QUEUE_FOR_JOBS": "Y"}]  # what a user chooses in the form


def why_none() -> str:
    """Why there can be no cluster here; empty if there can."""
    missing = [name for name in PROGRAMS if _found(name) is None]
    if missing:
        return f"needs {', '.join(missing)} (apt-get install slurm-wlm)"
    return "" if os.geteuid() == 0 else "slurmd needs root"


def _found(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@contextmanager
def slurm_cluster(folder: Path, cpus: int = 4, port: int = 16827) -> Iterator[Path]:
    """A cluster whose configuration is in the environment of this process; gives the log of its scheduler."""
    (folder / "state").mkdir(parents=True)
    (folder / "spool").mkdir()
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, cpus=cpus, port=port, node_port=port + 1))
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    started = [] if SOCKET.exists() else [_munge(folder)]
    try:
        for command in (["slurmctld", "-D", "-c"], ["slurmd", "-D", "-N", "localhost"]):
            with (folder / f"{command[0]}.said").open("w") as said:
                started.append(subprocess.Popen([_found(command[0]), *command[1:]], stdout=said, stderr=said))
            _until(lambda: subprocess.run(["squeue"], capture_output=True, check=False).returncode == 0)
        _until(lambda: "idle" in subprocess.run(["sinfo", "-h"], capture_output=True, text=True, check=False).stdout)
        yield folder / "slurmctld.log"
    finally:
        subprocess.run(["scancel", "-u", "root"], capture_output=True, check=False)
        for process in reversed(started):
            process.terminate()
            process.wait(30)
        if before is None:
            del os.environ["SLURM_CONF"]
        else:
            os.environ["SLURM_CONF"] = before


def _munge(folder: Path) -> subprocess.Popen:
    SOCKET.parent.mkdir(exist_ok=True)
    shutil.chown(SOCKET.parent, "munge")
    with (folder / "munged.said").open("w") as said:
        process = subprocess.Popen([_found("munged"), "--foreground", "--force"], user="munge", stdout=said, stderr=said)
    _until(SOCKET.exists)
    return process


def _until(holds) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "SLURM does not start"
        time.sleep(0.5)
