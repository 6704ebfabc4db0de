"""Ctrl-C and SIGTERM: one line, the exit code of shells, no process and nothing half-written left; the same command goes on."""

import os
import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("number", "said"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_run_that_trains_stops_at_once(scene, tmp_path, number, said):
    inputs = ["--tomograms", *scene.tomograms, "--picks", *scene.csv("one", "two")]
    options = ["--boxsize", 12, "--epochs", 50, "--noAutoStop", "--folds", 2, "--odir", tmp_path / "out"]
    program = "xmipp_run_deep_consensus_tomo"
    command = [sys.executable, "-m", "xmipp_scripts.run_deep_consensus_tomo", *map(str, [*inputs, *options])]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    next(line for line in started.stdout if line.startswith("network 1/2 epoch  1"))
    os.kill(started.pid, number)
    _, errors = started.communicate(timeout=30)
    assert started.returncode == 128 + number
    assert errors.splitlines() == [
        f"xmipp_run_deep_consensus_tomo: stopped by {said}; what is finished is kept, start the same command again"
    ]
    with pytest.raises(ProcessLookupError):  # nobody of its session is left
        os.killpg(started.pid, 0)
    assert not [path for path in (tmp_path / "out").rglob(".*") if path.name not in (".lock", f".{program}.json")]
    assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_threads_at_work_are_not_waited_for(scene, tmp_path, number):
    """A picker of blobs that would work for minutes."""
    command = [sys.executable, "-c", SLOW]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert started.stdout.readline() == "at work\n"
    os.kill(started.pid, number)
    _, errors = started.communicate(timeout=10)
    assert started.returncode == 128 + number and not list(tmp_path.iterdir())
    (line,) = errors.splitlines()
    assert line.endswith(
        "; nothing half-written stays; the same command begins anew"
    )  # a comparison was promised that nothing is lost


SLOW = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from tomo_particles.core.files import written_aside
from xmipp_scripts._shared import program

class Slow(program.Program):
    name = "xmipp_slow"
    def defineParams(self):
        self.addParamsLine(" [--x] : nothing")
    def readParams(self):
        pass
    def run(self):
        with written_aside("out.xmd") as aside, ThreadPoolExecutor(2) as pool:
            aside.write_text("half")
            list(pool.map(lambda _: (print("at work", flush=True), time.sleep(60)), range(1)))

sys.argv = ["xmipp_slow", "--x"]
program.run(Slow)
"""
