"""A queue of processes of this machine, as Scipion's hosts.conf describes one."""

import os
import signal
from pathlib import Path

from pyworkflow.protocol import HostConfig

HOSTS = """[localhost]
PARALLEL_COMMAND = mpirun -np %_(JOB_NODES)d %_(COMMAND)s
NAME = PRETENDED
MANDATORY = 0
SUBMIT_COMMAND = bash {folder}/send %_(JOB_SCRIPT)s
CANCEL_COMMAND = bash {folder}/cancel %_(JOB_ID)s
CHECK_COMMAND = bash {folder}/check %_(JOB_ID)s
SUBMIT_TEMPLATE = #!/bin/bash
    ## %_(JOB_NAME)s
    %_(JOB_COMMAND)s
QUEUES = {{ "main": [["QUEUE_FOR_JOBS", "Y", "A job for each step (Y/N)"]] }}
"""
SEND = """set -m
[ -e {folder}/broken ] && echo 'Unable to contact the controller' >&2 && exit 1
id=$(( $(ls {folder} | grep -c '^[0-9]') + 1 ))
JOB_ID=$id bash $1 > /dev/null 2>&1 < /dev/null &
echo $! > {folder}/$id
echo "Submitted batch job $id"
"""
CANCEL = "kill -9 -- -$(cat {folder}/$1)\n"
CHECK = """[ -e {folder}/broken ] && echo 'Unable to contact the controller' >&2 && exit 1
pid=$(cat {folder}/$1)
if grep -qs '^State:\\s[RSD]' /proc/$pid/status; then echo "$1 R"; fi
"""


class PretendedQueue:
    """folder: of its files. A file `broken` in it: it answers nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name, text in (("send", SEND), ("check", CHECK), ("cancel", CANCEL), ("hosts.conf", HOSTS)):
            (folder / name).write_text(text.format(folder=folder))
        self.host = HostConfig.load(str(folder / "hosts.conf"))["localhost"]

    @property
    def jobs(self) -> list[int]:
        """The numbers of the jobs that were sent."""
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdecimal())

    def kill(self, job: int) -> None:
        """Kill a job, as a queue at its time limit."""
        os.killpg(int((self.folder / str(job)).read_text()), signal.SIGKILL)

    def breaks(self, broken: bool) -> None:
        """Whether it answers nothing."""
        if broken:
            (self.folder / "broken").touch()
        else:
            (self.folder / "broken").unlink()
