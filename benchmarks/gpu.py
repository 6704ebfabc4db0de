"""Training and scoring on a GPU and on the CPU of the same machine: seconds, GPU memory, F1 and differences of the scores.

Needs a GPU that `xmipp_deep_picking_consensus_tomo --mode devices --gpus 0` accepts. The boxes are simulated, so that their
labels are known.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _report import as_markdown, finish

BOX_SIZE, SAMPLING_RATE = 24, 10.0  # voxels, Å/voxel
TOMOGRAMS = 6
SIGNAL = 5.0  # norm of the particle's densities, in standard deviations of the noise of a voxel
AT_ONCE = 1000  # boxes simulated together


def simulate(path: Path, architecture: str, count: int, *, rng: np.random.Generator) -> None:
    """Write `count` network inputs as an MRC stack: at even places a particle in noise, at odd places noise with a ball."""
    import mrcfile

    from tomo_particles.learning.examples import FLIPS, flip
    from tomo_particles.learning.network_input import input_edge, input_sampling_rate

    edge = input_edge(architecture, BOX_SIZE)
    places = np.mgrid[:edge, :edge, :edge] - (edge - 1) / 2
    centres = rng.normal(scale=edge / 8, size=(6, 3))
    lobes = np.exp(-0.5 * ((places[None] - centres[..., None, None, None]) ** 2).sum(axis=1) / (edge / 12) ** 2).sum(axis=0)
    ball = ((places**2).sum(axis=0) < (edge / 5) ** 2).astype(float)
    lobes, ball = (SIGNAL * density / np.linalg.norm(density) for density in (lobes, ball))
    with mrcfile.new_mmap(path, (count, edge, edge, edge), mrc_mode=2) as stack:
        for start in range(0, count, AT_ONCE):
            boxes = rng.normal(size=(min(AT_ONCE, count - start), edge, edge, edge))
            for box in boxes[::2]:
                box += flip(lobes, FLIPS[rng.integers(len(FLIPS))])
            boxes[1::2] += ball * rng.uniform(size=(len(boxes[1::2]), 1, 1, 1))
            boxes -= boxes.mean(axis=(1, 2, 3), keepdims=True)
            stack.data[start : start + len(boxes)] = boxes / boxes.std(axis=(1, 2, 3), keepdims=True)
        stack.voxel_size = input_sampling_rate(architecture, BOX_SIZE, SAMPLING_RATE)


def on_device(gpus: str, **order: Any) -> dict[str, Any]:
    """What `_gpu_device.py` measured, in a process of its own: TensorFlow chooses its devices once."""
    command = [sys.executable, str(Path(__file__).with_name("_gpu_device.py")), json.dumps({"gpus": gpus, **order})]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ})
    if process.returncode:
        sys.exit(f"failed on {'GPU ' + gpus if gpus else 'the CPU'}; its messages are above")
    return json.loads(process.stdout.splitlines()[-1])


def f1(scores: np.ndarray) -> float:
    """Of the boxes with a score of at least 0.5, against the places of the particles."""
    found, true = scores >= 0.5, np.arange(len(scores)) % 2 == 0
    return 2 * (found & true).sum() / (found.sum() + true.sum())


def compare(folder: Path, options: argparse.Namespace, count: int) -> tuple[list[dict[str, Any]], str]:
    """Two rows of the table, and in one line how much the scores differ."""
    stack, scores = folder / f"{count}.mrcs", {}
    simulate(stack, options.network, count, rng=np.random.default_rng(1))
    rows = []
    settings = {name: getattr(options, name) for name in ("network", "epochs", "threads")}
    order = {**settings, "stack": str(stack), "count": count, "folder": str(folder), "repeat": count == min(options.boxes)}
    for name, gpus in (("CPU", ""), (f"GPU {options.gpus}", options.gpus)):
        found = on_device(gpus, **order)
        scores[name] = np.load(folder / ("gpu.npy" if gpus else "cpu.npy"))
        rows.append({"boxes": count, "device": name, **found["seconds"], "F1": f1(scores[name]), "GPU MB": found["memory"] / 1e6})
    same = np.load(folder / "same.npy")
    line = (
        f"{count} boxes, {found['device']}: the model of the CPU, scored on both: {_apart(scores['CPU'], same)}. "
        f"The model of each, scored there: {_apart(scores['CPU'], scores[name])}."
    )
    if found["repeated"] is not None:
        line += f" Trained on the GPU again: largest difference of a weight {found['repeated']:.2g}."
    return rows, line


def _apart(one: np.ndarray, two: np.ndarray) -> str:
    """How much scores differ."""
    apart, crossed = np.abs(one - two), ((one >= 0.5) != (two >= 0.5)).sum()
    return f"differences of {apart.max():.2g} at most and {apart.mean():.2g} on average, {crossed} on the other side of 0.5"


def main() -> int:
    """Measure every number of boxes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpus", default="0", help="as the programs take them (default: 0)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the CPU (default: all)")
    parser.add_argument("--network", default="small", help="small or reference")
    parser.add_argument("--boxes", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--write", action="store_true", help="keep the result in results/")
    options = parser.parse_args()
    rows, lines = [], []
    with tempfile.TemporaryDirectory() as folder:
        for count in options.boxes:
            more, line = compare(Path(folder), options, count)
            rows += more
            lines.append(line)
    finish("gpu_times", as_markdown(pd.DataFrame(rows)) + "\n\n" + "\n\n".join(lines), options.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
