"""Which version of the tomograms the network should see: raw, low-passed or denoised; the same picks and seeds for each.

The pickers always work on the raw tomograms. A case that was measured stays in the folder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path

import _accuracy_data as data
import numpy as np
import pandas as pd
from _measure import run_program
from _report import as_markdown, finish
from second_look import compare
from skimage.restoration import denoise_tv_chambolle

from tomo_particles.consensus.merged_picks import MergedPicks
from tomo_particles.core.tomograms import open_tomogram, write_volume
from tomo_particles.evaluation.calibration import precision_recall
from tomo_particles.formats.xmd import read_table
from tomo_particles.fourier.filters import filtered, low_pass
from tomo_particles.runs.layout import ProgramLayout
from tomo_particles.testing.agreement import match_picks

SEEDS, SNRS, SPECIES = (21, 22), (0.05,), ("1bxn", "4v4r")
RATE = 10.0
LOWPASS = 60.0  # Å
TV_WEIGHT = 0.5  # of total variation, for grey values of deviation 1: the background becomes plain, particles stay
PICKERS = data.GOOD[3]


def denoised(volume: np.ndarray) -> np.ndarray:
    return denoise_tv_chambolle((volume - volume.mean()) / volume.std(), weight=TV_WEIGHT)


VERSIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "raw": lambda volume: volume,
    f"low-passed to {LOWPASS:g} Å": lambda volume: filtered(volume, low_pass(volume.shape, RATE, LOWPASS)),
    "denoised (total variation)": denoised,
}


def version_of(simulated: Path, number: int) -> list[Path]:
    """The tomograms of one version, under the names of the raw ones, made unless they are there."""
    folder = simulated / f"version_{number}"
    folder.mkdir(exist_ok=True)
    paths = [folder / path.name for path in data.tomograms_of(simulated)]
    for raw, path in zip(data.tomograms_of(simulated), paths, strict=True):
        if not path.exists():
            with open_tomogram(raw) as opened:
                write_volume(path, list(VERSIONS.values())[number](np.array(opened.data, dtype=np.float32)), RATE)
    return paths


def kept_at(folder: Path, seed: int, snr: float, species: str) -> Path:
    return folder / f"{species}_snr_{snr}_seed_{seed}.json"


def measured(options: argparse.Namespace, seed: int, snr: float, species: str) -> list[dict]:
    """A row for each version, from an earlier run of the bench or now."""
    kept = kept_at(options.folder, seed, snr, species)
    if not kept.exists():
        simulated = data.simulate(options.folder, options.maps, snr, seed)
        files = data.pick(simulated, species, seed)
        rows = [measure(simulated, files, seed, species, number) for number in range(len(VERSIONS))]
        kept.write_text(json.dumps([row | {"SNR": snr} for row in rows], indent=1), encoding="utf-8")
        print(kept.stem, *(f"{row['version']}: F1 {row['F1']:.3f}" for row in rows), sep="; ", flush=True)
    return list(json.loads(kept.read_text(encoding="utf-8")))


def measure(simulated: Path, files: dict[str, Path], seed: int, species: str, number: int) -> dict:
    """One run of the product."""
    diameter, box_size = data.SPECIES[species]
    with tempfile.TemporaryDirectory() as odir:
        picks = [files[name] for name in PICKERS]
        options = ["--tomograms", *version_of(simulated, number), "--picks", *picks, "--boxsize", box_size, "--odir", odir]
        cost = run_program("run_deep_consensus_tomo", *options, "--seed", seed, "--noReport", quiet=True)
        layout = ProgramLayout(odir)
        merged = MergedPicks.from_columns(read_table(layout.scored))
        verdict = json.loads(layout.verdict.read_text(encoding="utf-8"))
    truth = {str(name): rows[["x", "y", "z"]].to_numpy() for name, rows in data.truth_of(simulated, species).groupby("tomo_id")}
    found = compare(merged, truth, diameter / 2, len(PICKERS), 0.5)
    curve = precision_recall(merged.network, hits(merged, truth, diameter / 2 / RATE), sum(map(len, truth.values())))
    return {
        "species": species,
        "seed": seed,
        "version": list(VERSIONS)[number],
        "F1": found["F1"],
        "best vote": found["best vote"],
        "ECE": found["ECE"],
        "AP of the network score": curve.average_precision,
        "verdict": verdict["kind"],
        "seconds": round(cost.seconds),
    }


def hits(merged: MergedPicks, truth: dict[str, np.ndarray], radius: float) -> np.ndarray:
    """(m,) whether each merged pick is the match of a particle; radius: voxels."""
    true = np.zeros(len(merged), dtype=bool)
    for tomo_id, places in truth.items():
        own = np.flatnonzero(merged.tomo_id == tomo_id)
        true[own[match_picks(merged.positions[own], places, radius)[0]]] = True
    return true


def page(table: pd.DataFrame, missing: list[tuple[int, float, str]]) -> str:
    """The means and every run. missing: seed, SNR and species of the cases that were not measured."""
    numbers = ["F1", "best vote", "ECE", "AP of the network score", "seconds"]
    order = list(VERSIONS)
    mean = table.groupby(["SNR", "species", "version"])[numbers].mean().reindex(order, level="version").reset_index()
    own = table.pivot_table(index=["SNR", "species", "seed"], columns="version", values="F1")
    against = {name: own[name] - own["raw"] for name in order[1:]}
    losses = ", ".join(f"{name} {margin.min():+.3f} to {margin.max():+.3f}" for name, margin in against.items())
    text = (
        f"Seeds {', '.join(map(str, sorted(table['seed'].unique())))}. Each run has three tomograms of "
        f"{' x '.join(map(str, data.SIZE))} voxels of 10 Å with 40 particles of each of three species and 76 other objects, and "
        f"three pickers ({', '.join(PICKERS)}) that worked on the raw tomograms. Only what the network sees differs. Denoised: "
        f"denoise_tv_chambolle of scikit-image, weight {TV_WEIGHT:g} at deviation 1. AP: average precision of the network score "
        "alone over all merged picks. Best vote is chosen in hindsight. Seconds are those of a busy machine.\n\n"
        f"F1 minus that of the raw tomograms, lowest to highest: {losses}."
    )
    if missing:
        names = (f"{species} with seed {seed} at SNR {snr:g}" for seed, snr, species in missing)
        text += f"\n\nNot measured: {', '.join(names)}."
    return "\n\n".join([text, as_markdown(mean), "## Every run", as_markdown(table)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path("../shared/data/maps_10A"), help="folder of the densities")
    parser.add_argument("--folder", type=Path, default=Path("benchmark_output/versions"), help="what is there stays")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--snr", type=float, nargs="+", default=SNRS)
    parser.add_argument("--species", nargs="+", default=SPECIES, choices=list(data.FIRST.sought))
    parser.add_argument("--most", type=int, help="measure at most so many cases more")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    every = list(product(options.seeds, options.snr, options.species))
    done = [case for case in every if kept_at(options.folder, *case).exists()]
    cases = [*done, *[case for case in every if case not in done][: options.most]]
    table = pd.DataFrame([row for seed, snr, species in cases for row in measured(options, seed, snr, species)])
    finish("tomogram_versions", page(table, [case for case in every if case not in cases]), options.write)


if __name__ == "__main__":
    main()
