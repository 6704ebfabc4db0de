"""The demonstration of `make demo`: simulate tomograms and three faulty pickers, run the consensus, compare with the truth."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd

from deep_consensus_tomo.evaluation import Agreement, agreement
from deep_consensus_tomo.synthetic import SimulatedPicker, Simulation, simulate_tomogram

from ._pipeline import Pipeline
from ._run_config import PipelineConfig

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


def compare(simulations: list[Simulation], tomograms: list[str], files: list[str], odir: Path) -> pd.DataFrame:
    """Precision, recall and F1 of every picker, of the votes and of the deep consensus."""
    scored, accepted = pd.read_csv(odir / "scored.csv"), pd.read_csv(odir / "accepted.csv")
    rows: dict[str, pd.DataFrame] = {f"picker {Path(file).stem}": pd.read_csv(file) for file in files}
    rows |= {f"votes >= {n}": scored[scored["support"] >= n] for n in range(1, len(files) + 1)}
    rows["deep consensus"] = accepted
    truths = dict(zip((Path(path).stem for path in tomograms), (s.truth for s in simulations), strict=True))
    result = {
        name: sum(
            (
                agreement(picks.loc[picks["tomo_id"] == tomo_id, ["x", "y", "z"]].to_numpy(), truth, MATCH_RADIUS)
                for tomo_id, truth in truths.items()
            ),
            Agreement(0, 0, 0),
        )
        for name, picks in rows.items()
    }
    return pd.DataFrame(
        {name: {"picks": a.reported, "precision": a.precision, "recall": a.recall, "F1": a.f1} for name, a in result.items()}
    ).T.astype({"picks": int})


def main(arguments: list[str] | None = None, progress: Callable[[str], None] = print) -> int:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--odir", type=Path, default=Path("demo_output"))
    parser.add_argument("--tomograms", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    start = time.time()
    simulations, tomograms, files = write_example(options.odir / "input", options.tomograms, options.seed)
    progress(f"simulated {len(tomograms)} tomograms and {len(files)} pickers in {options.odir / 'input'}")
    config = PipelineConfig(
        tomograms=tuple(tomograms), picks=tuple(files), box_size=BOX_SIZE, odir=str(options.odir / "consensus"), seed=options.seed
    )
    Pipeline(config, progress).run()
    table = compare(simulations, tomograms, files, Path(config.odir))
    progress("\n" + table.to_string(float_format="{:.3f}".format, formatters={"picks": "{:.0f}".format}) + "\n")
    progress(f"results: {config.odir}   picture: {config.odir}/picks.png   ({time.time() - start:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
