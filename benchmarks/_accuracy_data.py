"""What the accuracy bench is measured on: simulated tomograms of two worlds, and pickers of different kinds.

Each world holds three of the species to pick, and other complexes of all sizes.

Real pickers (template matching, LoG, DoG) err on what looks alike, and alike. Learned pickers are simulated: what one of them
takes for the particle the other often does too, because an object that is easy for one is easy for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from _measure import run_program
from scipy.spatial import cKDTree
from scipy.special import ndtr

from tomo_particles.core.files import write_csv_table

# Species to pick: diameter (Å, of template and blobs) and box size (voxels). Large and small ones alternate.
SPECIES = {"4v4r": (260, 40), "1bxn": (130, 24), "4cr2": (220, 36), "1qvr": (150, 28), "4v94": (290, 44), "3cf3": (140, 24)}
SMALL = ("1bxn", "1qvr", "3cf3")
N_SOUGHT, N_OTHER = 40, 14  # particles of each complex in a tomogram
SIZE = (224, 224, 80)  # voxels of 10 Å
TOMOGRAMS, BEADS, VESICLES, ANGULAR_STEP = 3, 6, 1, 24
SNRS = (0.2, 0.1, 0.05)


@dataclass(frozen=True)
class World:
    """Which complexes lie together in tomograms. prefix: of their folder."""

    sought: tuple[str, ...]
    others: tuple[str, ...]
    prefix: str

    @property
    def counts(self) -> dict[str, int]:
        """Particles of each complex in a tomogram."""
        return {**dict.fromkeys(self.sought, N_SOUGHT), **dict.fromkeys(self.others, N_OTHER)}


FIRST = World(("4v4r", "4cr2", "1bxn"), ("1qvr", "3cf3", "2cg9", "1u6g", "1s3x"), "")
SECOND = World(("4v94", "1qvr", "3cf3"), ("1bxn", "2cg9", "1u6g", "1s3x", "3d2f"), "second_")
GOOD = {
    2: ("template", "learned_1"),
    3: ("template", "learned_1", "log"),
    5: ("template", "learned_1", "log", "dog", "learned_2"),
}
BAD = {0: (), 1: ("junk",), 2: ("junk", "random")}


@dataclass(frozen=True)
class PickerFaults:
    """What a simulated picker takes, as shares: of the particles, of other complexes, of beads; noise: false picks in empty space
    per particle; jitter: voxels an axis; skill: by how many deviations its score tells a particle from the rest;
    shared: part of its luck with an object that it shares with every other simulated picker."""

    recall: float
    others: float
    beads: float
    noise: float
    jitter: float
    skill: float
    shared: float


SIMULATED = {
    "learned_1": PickerFaults(0.85, 0.2, 0.2, 0.1, 1.0, 1.5, 0.5),
    "learned_2": PickerFaults(0.7, 0.1, 0.5, 0.3, 1.5, 1.0, 0.5),
    "junk": PickerFaults(0.3, 0.25, 1.0, 1.0, 2.0, 0.0, 0.0),
    "random": PickerFaults(0.1, 0.1, 0.1, 1.5, 2.0, 0.0, 0.0),
}


def simulate(folder: Path, maps: Path, snr: float, seed: int, species: str = "4v4r") -> Path:
    """The tomograms of one noise level and seed that hold a species, simulated unless they are there; returns their folder."""
    world = FIRST if species in FIRST.sought else SECOND
    data = folder / f"{world.prefix}snr_{snr}_seed_{seed}"
    if not (data / "ground_truth.csv").exists():
        densities = [maps / f"{name}.mrc" for name in world.counts]
        options = ["--odir", data, "--tomograms", TOMOGRAMS, "--size", *SIZE, "--maps", *densities]
        options += ["--counts", *world.counts.values(), "--beads", BEADS, "--vesicles", VESICLES, "--snr", snr, "--seed", seed]
        run_program("simulate_tomo", *options, quiet=True)
    return data


def tomograms_of(data: Path) -> list[Path]:
    return [data / f"tomo_{i + 1}.mrc" for i in range(TOMOGRAMS)]


def truth_of(data: Path, species: str) -> pd.DataFrame:
    """tomo_id, x, y, z (voxels) of the particles to find."""
    truth = pd.read_csv(data / "ground_truth.csv", dtype={"tomo_id": str})
    return truth.loc[truth["class"] == species, ["tomo_id", "x", "y", "z"]]


def pick(data: Path, species: str, seed: int) -> dict[str, Path]:
    """The pick file of every picker for one species, made unless it is there."""
    folder = data / species
    folder.mkdir(exist_ok=True)
    files = {name: folder / f"{name}.csv" for name in (*GOOD[5], *BAD[2])}
    diameter = SPECIES[species][0]
    for method in ("log", "dog"):
        if not files[method].exists():
            options = ["--tomograms", *tomograms_of(data), "--diameter", diameter, "--method", method, "-o", files[method]]
            run_program("pick_blobs_tomo", *options, quiet=True)
    if not files["template"].exists():
        template = data / "templates" / f"{species}.mrc"
        options = ["--tomograms", *tomograms_of(data), "--templates", template, "--diameter", diameter, "--defocus", 3]
        options += ["--lowpass", 45, "--angularstep", ANGULAR_STEP, "-o", files["template"]]
        run_program("template_matching_tomo", *options, quiet=True)
    if not all(files[name].exists() for name in SIMULATED):
        _simulate_pickers(data, species, files, np.random.default_rng([seed, 7]))
    return files


def _simulate_pickers(data: Path, species: str, files: dict[str, Path], rng: np.random.Generator) -> None:
    truth = pd.read_csv(data / "ground_truth.csv", dtype={"tomo_id": str})
    truth = truth[truth["class"] != "vesicle"].reset_index(drop=True)
    target = (truth["class"] == species).to_numpy()
    luck = rng.normal(size=len(truth))
    positions = truth[["x", "y", "z"]].to_numpy()
    for name, faults in SIMULATED.items():
        own = np.sqrt(faults.shared) * luck + np.sqrt(1 - faults.shared) * rng.normal(size=len(truth))
        share = np.where(target, faults.recall, np.where(truth["class"] == "bead", faults.beads, faults.others))
        taken = ndtr(own) < share
        found = pd.DataFrame(positions[taken], columns=["x", "y", "z"]).assign(tomo_id=truth["tomo_id"][taken].to_numpy())
        score = faults.skill * target[taken] - own[taken] * np.sign(faults.skill)
        tomo_ids = truth["tomo_id"].unique()
        empty = [_empty(tomo_id, positions[truth["tomo_id"] == tomo_id], faults, rng) for tomo_id in tomo_ids]
        table = pd.concat([found.assign(score=score + rng.normal(size=len(found))), *empty])
        for axis, edge in zip("xyz", SIZE, strict=True):
            table[axis] = np.clip(table[axis] + rng.normal(0, faults.jitter, len(table)), 0, edge - 1)
        write_csv_table(files[name], table[["tomo_id", "x", "y", "z", "score"]])


def _empty(tomo_id: str, objects: np.ndarray, faults: PickerFaults, rng: np.random.Generator) -> pd.DataFrame:
    """False picks where nothing is."""
    positions = rng.random((round(faults.noise * N_SOUGHT), 3)) * (np.array(SIZE) - 1)
    positions = positions[cKDTree(objects).query(positions)[0] > 8]
    table = pd.DataFrame(positions, columns=["x", "y", "z"])
    return table.assign(tomo_id=tomo_id, score=rng.normal(size=len(table)))
