"""The training of a small job alone, and beside twice as many busy processes as there are cores: is it only slower?

With twice as many others, a process that is treated fairly gets a third of the machine: a ratio of about 3 is in proportion.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from _report import finish

# A process of its own: what TensorFlow starts with is measured elsewhere. Prints the seconds of a training step.
TRAINING = """
import sys, time
import numpy as np
from tomo_particles.network import NetworkConfig, select_devices
from tomo_particles.network.architecture import build_network
threads, steps = map(int, sys.argv[1:])
select_devices("", threads)
network = build_network(NetworkConfig(box_size=32, sampling_rate=10.0, architecture="small", folds=1))
network.compile("adam", "binary_crossentropy")
boxes = np.random.default_rng(0).normal(size=(32, *network.input_shape[1:])).astype("float32")
labels = np.arange(32)[:, None] % 2
for _ in range(3):  # compiles
    network.train_on_batch(boxes, labels)
start = time.perf_counter()
for _ in range(steps):
    network.train_on_batch(boxes, labels)
print((time.perf_counter() - start) / steps)
"""


def step_seconds(threads: int, steps: int) -> float:
    """Seconds of a training step of 32 boxes."""
    command = [sys.executable, "-c", TRAINING, str(threads), str(steps)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return float(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def spin() -> None:
    """Keep one core busy until this process is ended."""
    while True:
        pass


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that compute all the time."""
    others = [multiprocessing.Process(target=spin, daemon=True) for _ in range(processes)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.terminate()


def main() -> int:
    """Measure alone and beside the load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200, help="training steps of 32 boxes")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="keep the result in results/")
    options = parser.parse_args()
    others = 2 * (os.cpu_count() or 1)
    alone = step_seconds(options.threads, options.steps)
    with load(others):
        beside = step_seconds(options.threads, options.steps)
    text = f"Seconds of a training step: {alone:.4f} alone, {beside:.4f} beside {others} busy others; ratio {beside / alone:.1f}."
    finish("busy", text, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
