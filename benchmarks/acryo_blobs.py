"""Our blob picking beside acryo's (PyPI): the same tomogram, filter width and number of picks; F1, seconds, memory.

acryo cannot live in one environment with Scipion (it asks for numpy 2): give the Python of one that has it with --acryo.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
from _measure import run_program
from _report import as_markdown, finish

from tomo_particles.pickers.blobs import DOG_RATIO, SPHERE_SCALE
from tomo_particles.testing.agreement import agreement

THEIRS = r"""
import json, resource, sys, time
start = time.perf_counter()
import numpy as np
from acryo.pick import DoGPicker, LoGPicker
image, sigmas, output = -np.load(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
picker = LoGPicker(*sigmas) if len(sigmas) == 1 else DoGPicker(*sigmas)
found = picker.pick_molecules(image, 1.0)  # one length unit a voxel
score = found.features["score"].to_numpy() if "score" in found.features.columns else np.zeros(len(found.pos))
np.save(output, np.column_stack([found.pos[:, ::-1], score]))
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"seconds": time.perf_counter() - start, "memory": memory}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tomogram", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True, help="ground_truth.csv of the simulation; every class counts")
    parser.add_argument("--diameter", type=float, default=120.0, help="Å")
    parser.add_argument("--radius", type=float, default=6.0, help="voxels within which a pick hits")
    parser.add_argument("--acryo", required=True, help="Python in whose environment acryo is installed")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with mrcfile.open(options.tomogram) as file:
        volume, rate = np.array(file.data), float(file.voxel_size.x)
    truth = pd.read_csv(options.truth)
    particles = truth.loc[truth["tomo_id"] == options.tomogram.stem, ["x", "y", "z"]].to_numpy()
    sigma = options.diameter / rate / 2 * SPHERE_SCALE
    widths = {"log": [sigma], "dog": [sigma / np.sqrt(DOG_RATIO), sigma * np.sqrt(DOG_RATIO)]}
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        image, theirs, ours = (Path(scratch) / name for name in ("image.npy", "theirs.npy", "ours.csv"))
        np.save(image, volume)
        for method, sigmas in widths.items():
            cost = run_program(
                "pick_blobs_tomo",
                "--tomograms",
                options.tomogram,
                "--diameter",
                options.diameter,
                "--method",
                method,
                "--number",
                len(particles),
                "-o",
                ours,
                quiet=True,
            )
            picks = pd.read_csv(ours)[["x", "y", "z"]].to_numpy()
            rows.append(row(f"{method}, ours", picks, particles, options.radius, cost.seconds, cost.memory))
            command = [options.acryo, "-c", THEIRS, str(image), json.dumps(sigmas), str(theirs)]
            said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            found = np.load(theirs)
            inside = ((found[:, :3] >= 0) & (found[:, :3] < volume.shape[::-1])).all(axis=1)
            for name, table in ((f"{method}, acryo", found), (f"{method}, acryo, those inside the volume", found[inside])):
                best = table[np.argsort(-table[:, 3], kind="stable")][: len(particles), :3]
                rows.append(row(name, best, particles, options.radius, said["seconds"], said["memory"]))
    text = f"{len(particles)} particles, as many picks asked for; start-up included. acryo also returns picks beyond the border."
    finish("acryo_blobs", f"{text}\n\n{as_markdown(pd.DataFrame(rows))}", options.write)


def row(name: str, picks: np.ndarray, particles: np.ndarray, radius: float, seconds: float, memory: float) -> dict:
    """One line of the table."""
    found = agreement(picks, particles, radius)
    return {"picker": name, "picks": len(picks), "F1": found.f1, "seconds": seconds, "peak memory (GB)": memory}


if __name__ == "__main__":
    main()
