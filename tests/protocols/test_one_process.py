"""A run that Scipion starts twice has one process: the last one, with which Scipion's database agrees."""

import subprocess
import sys
import time

import psutil
import pytest

WAIT = """import subprocess, sys, time
sys.path.insert(0, {shared!r})
import one_process
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
one_process.end_older_processes()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path, pytestconfig):
    """Start a process as Scipion starts one of a run."""
    shared = pytestconfig.rootpath / "xmipptomo" / "protocols" / "shared"
    program = tmp_path / "pw_protocol_run.py"
    program.write_text(WAIT.format(shared=str(shared)))
    started = []

    def begin(run: str) -> tuple[subprocess.Popen, int]:
        command = [sys.executable, str(program), "project", f"Runs/{run}/logs/run.db", run.lstrip("0")]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1], int(started[-1].stdout.readline())

    yield begin
    for process in started:
        for one in psutil.Process(process.pid).children() if process.poll() is None else []:
            one.kill()
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_second_process_of_a_run_ends_the_first_and_all_that_it_started(start):
    first, child = start("000012")
    other, others_child = start("000013")
    second, _ = start("000012")
    assert first.wait(timeout=10) != 0
    end = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert second.poll() is None and other.poll() is None and psutil.pid_exists(others_child)
