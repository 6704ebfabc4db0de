"""Simulated pickers with known faults on small tomograms without a microscope: quick, and every fault is set by hand."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd

from tomo_particles.testing.synthetic import SimulatedPicker, Simulation, simulate_tomogram

SIZE = (256, 256, 64)
COUNTS = {"target": 120, "rod": 40, "small": 60, "bead": 8}
NOISE = 0.3  # standard deviations of a particle's mean density
BOX_SIZE = 24
MATCH_RADIUS = 6.0  # voxels: half the particle's diameter
# A careful picker that misses much, one that also takes gold beads, and one that takes nearly everything.
PICKERS = {
    "careful": SimulatedPicker(recall=0.65, jitter=0.8, others=0.05, noise=0.05),
    "beads": SimulatedPicker(recall=0.75, jitter=1.0, beads=1.0, others=0.2, noise=0.3, twice=0.1),
    "greedy": SimulatedPicker(recall=0.9, jitter=1.5, beads=1.0, others=0.4, noise=1.2, twice=0.2),
}


def write_example(folder: Path, n_tomograms: int, seed: int) -> tuple[list[Simulation], list[str], list[str]]:
    """Write tomograms and pick files; returns the simulations, the tomograms' and the pick files' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    simulations, tomograms = [], []
    picks: dict[str, list[pd.DataFrame]] = {name: [] for name in PICKERS}
    for index in range(n_tomograms):
        simulation = simulate_tomogram(SIZE, COUNTS, rng=rng, noise=NOISE)
        path = folder / f"tomogram_{index + 1}.mrc"
        with mrcfile.new(path, simulation.volume, overwrite=True) as file:
            file.voxel_size = simulation.sampling_rate
        simulations.append(simulation)
        tomograms.append(str(path))
        for name, picker in PICKERS.items():
            positions, score = picker.pick(simulation, rng=rng)
            picks[name].append(pd.DataFrame(positions, columns=["x", "y", "z"]).assign(tomo_id=path.stem, score=score))
    files = []
    for name, tables in picks.items():
        files.append(str(folder / f"{name}.csv"))
        pd.concat(tables)[["tomo_id", "x", "y", "z", "score"]].to_csv(files[-1], index=False, float_format="%.3f")
    return simulations, tomograms, files
