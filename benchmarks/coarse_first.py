"""Template matching with --coarseFirst beside the search of every voxel, and this on a coarser grid: time, F1, the same peaks.

One tomogram of the accuracy bench each. The coarser grid has 2.2 instead of 3 voxels within one resolution. It tells how many
peaks stay where they are although every rotation is compared at every voxel of a grid that still holds the resolution.
"""

from __future__ import annotations

import argparse
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import _accuracy_data as data
import pandas as pd
from _accuracy_methods import replaced
from _report import as_markdown, finish
from scipy.spatial import cKDTree

from tomo_particles.core.tomograms import open_tomogram
from tomo_particles.evaluation.matching import matches_of, pairs_within
from tomo_particles.fourier.ctf import CTF
from tomo_particles.pickers import template_matching
from tomo_particles.pickers.template_kernels import NYQUIST
from tomo_particles.pickers.template_search import SearchSettings, Template, search

RATE, RESOLUTION, STEP = 10.0, 45.0, 12.0  # Å/voxel, Å, degrees
SETTINGS = SearchSettings(ctf=CTF(defocus=3.0, envelope=None), lowpass=RESOLUTION, angular_step=STEP)
CASES = (("4v4r", 0.1, 11), ("4v4r", 0.05, 11), ("4cr2", 0.1, 12), ("4v94", 0.05, 11))  # species, signal to noise, seed
WAYS = {
    "every voxel": (SETTINGS, nullcontext),
    "coarse first": (replace(SETTINGS, coarse_first=True), nullcontext),
    "every voxel of a coarser grid": (SETTINGS, lambda: replaced(template_matching, "SAMPLING", NYQUIST)),
}
SAME = 2.0  # voxels


def rows_of(folder: Path, maps: Path, species: str, snr: float, seed: int) -> list[dict]:
    """A row for each way."""
    simulated = data.simulate(folder, maps, snr, seed, species)
    volume = simulated / "tomo_1.mrc"
    truth = data.truth_of(simulated, species)
    particles = truth.loc[truth["tomo_id"] == volume.stem, ["x", "y", "z"]].to_numpy()
    path = maps / f"{species}.mrc"
    with open_tomogram(path) as opened:
        density, rate = opened.data.astype("float32"), opened.sampling_rate
    diameter = float(data.SPECIES[species][0])
    template = Template(species, path, density, rate, diameter)
    rows, exhaustive = [], None
    for name, (settings, way) in WAYS.items():
        with open_tomogram(volume, RATE) as tomogram, way():
            start = time.process_time()
            picks = search(tomogram, [template], settings)
            seconds = time.process_time() - start
        exhaustive = picks.positions if exhaustive is None else exhaustive
        right = int(matches_of(pairs_within(picks.positions, particles, diameter / 2 / RATE)).counts.sum())
        rows.append(
            {
                "species": species,
                "snr": snr,
                "search": name,
                "processor s": seconds,
                "picks": len(picks),
                "precision": right / max(1, len(picks)),
                "recall": right / len(particles),
                "F1": 2 * right / max(1, len(picks) + len(particles)),
                "same peaks": float((cKDTree(picks.positions).query(exhaustive)[0] <= SAME).mean()),
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path("../shared/data/maps_10A"), help="densities of the complexes")
    parser.add_argument(
        "--folder", type=Path, default=Path("/tmp/coarse_first"), help="of the tomograms; that of the accuracy bench"
    )
    parser.add_argument("--write", action="store_true", help="keep the table in results/")
    options = parser.parse_args()
    table = pd.DataFrame([row for case in CASES for row in rows_of(options.folder, options.maps, *case)])
    text = (
        f"Low-pass {RESOLUTION:g} Å, steps of {STEP:g} degrees, one thread, the automatic threshold. A pick is right within half "
        "the diameter of a particle. Same peaks: share of the picks of the first search that have one within "
        f"{SAME:g} voxels.\n\n"
        f"{as_markdown(table)}"
    )
    finish("coarse_first", text, options.write)


if __name__ == "__main__":
    main()
