"""Inputs of the honesty bench: nulls, where no pick is a particle, half-nulls, and sets with particles of known place.

Quick tomograms without a microscope (`synthetic`), real tomograms with picks at random places, and simulated tilt series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import _accuracy_data as tilt_series
import mrcfile
import numpy as np
import pandas as pd
from _measure import run_program

from tomo_particles.core.files import write_csv_table
from tomo_particles.testing.synthetic import SimulatedPicker, Simulation, simulate_tomogram

NULL, HALF, PARTICLES = "null", "half-null", "particles"
LARGE, SMALL = "large", "small"
SIZE = (224, 224, 64)  # voxels of 10 Å
# Box, hit radius (voxels) and diameter (Å) of the two synthetic species that are sought, and how many of each class there are.
SPECIES = {
    LARGE: ("target", 24, 6.0, 120.0, {"target": 70, "rod": 30, "small": 40, "bead": 6}),
    SMALL: ("small", 14, 4.0, 72.0, {"target": 25, "rod": 30, "small": 70, "bead": 6}),
}
NOISE = {LARGE: 0.4, SMALL: 0.3}  # standard deviations, in a particle's mean density
CAREFUL = SimulatedPicker(recall=0.65, jitter=0.8, others=0.05, noise=0.05)
BEADS = SimulatedPicker(recall=0.75, jitter=1.0, beads=1.0, others=0.2, noise=0.3, twice=0.1)
GREEDY = SimulatedPicker(recall=0.9, jitter=1.5, beads=1.0, others=0.4, noise=1.2, twice=0.2)
RANDOM = SimulatedPicker(recall=0.0, jitter=1.0, noise=1.0)
CLEAN = tuple(SimulatedPicker(recall=recall, jitter=jitter) for recall, jitter in ((0.75, 0.8), (0.85, 1.0), (0.9, 1.5)))


@dataclass(frozen=True)
class Data:
    """What a case gives to the consensus and what is true.

    truth: by tomogram, (n, 3) x, y, z, voxels.  radius: within which a pick hits, voxels.  diameter: of what is sought, Å.
    """

    tomograms: Sequence[Path]
    picks: Sequence[Path]
    truth: dict[str, np.ndarray]
    box_size: int
    radius: float
    diameter: float = 120.0


@dataclass(frozen=True)
class Case:
    """kind: what it is called in the table.  truth: NULL, HALF or PARTICLES.  species: LARGE, SMALL or empty for a null.

    make: writes the input into a folder, with a generator of random numbers.
    """

    kind: str
    seed: int
    truth: str
    species: str
    make: Callable[[Path, np.random.Generator], Data]

    @property
    def name(self) -> str:
        return f"{self.kind}_seed_{self.seed}".replace(" ", "_").replace("%", "").replace(",", "")


def _write_tomogram(path: Path, volume: np.ndarray, rate: float = 10.0) -> Path:
    with mrcfile.new(path, volume.astype(np.float32), overwrite=True) as file:
        file.voxel_size = rate
    return path


def _write_picks(folder: Path, pickers: Sequence[dict[str, tuple[np.ndarray, np.ndarray]]]) -> list[Path]:
    """A CSV file of each picker; of each: by tomogram the positions (n, 3) and scores (n,)."""
    files = []
    for index, of_picker in enumerate(pickers):
        tables = [
            pd.DataFrame(positions, columns=["x", "y", "z"]).assign(tomo_id=tomo_id, score=score)
            for tomo_id, (positions, score) in of_picker.items()
        ]
        files.append(folder / f"picker_{index + 1}.csv")
        write_csv_table(files[-1], pd.concat(tables)[["tomo_id", "x", "y", "z", "score"]])
    return files


def _simulate(folder: Path, rng: np.random.Generator, counts: dict[str, int], noise: float, n: int) -> dict[str, Simulation]:
    simulations = {f"tomo_{i + 1}": simulate_tomogram(SIZE, counts, rng=rng, noise=noise) for i in range(n)}
    for tomo_id, simulation in simulations.items():
        _write_tomogram(folder / f"{tomo_id}.mrc", simulation.volume)
    return simulations


def _random_picks(size: Sequence[int], n: int, shared: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`shared` places, each a little off, and `n` of the picker's own, with scores that mean nothing."""
    own = rng.random((n, 3)) * (np.array(size) - 1)
    positions = np.concatenate([shared + rng.normal(0, 1, shared.shape), own])
    return np.clip(positions, 0, np.array(size) - 1), rng.random(len(positions))


def random_places(n_pickers: int, share: float, per_picker: int = 70) -> Callable[[Path, np.random.Generator], Data]:
    """Noise without particles; every picker takes random places, of which it shares `share` with all others."""

    def make(folder: Path, rng: np.random.Generator) -> Data:
        simulations = _simulate(folder, rng, {"target": 0}, 1.0, 3)
        pickers: list[dict] = [{} for _ in range(n_pickers)]
        for tomo_id in simulations:
            shared = rng.random((round(share * per_picker), 3)) * (np.array(SIZE) - 1)
            for picker in pickers:
                picker[tomo_id] = _random_picks(SIZE, per_picker - len(shared), shared, rng)
        return Data([folder / f"{t}.mrc" for t in simulations], _write_picks(folder, pickers), {}, 24, 6.0)

    return make


def real_random_places(tomogram: Path) -> Callable[[Path, np.random.Generator], Data]:
    """A real tomogram, two pickers at random places, 250 of them shared, 120 of their own."""

    def make(folder: Path, rng: np.random.Generator) -> Data:
        with mrcfile.open(tomogram, permissive=True) as file:
            path = _write_tomogram(folder / "real.mrc", file.data)
            size = file.data.shape[::-1]
        shared = rng.random((250, 3)) * (np.array(size) - 1)
        pickers = [{"real": _random_picks(size, 120, shared, rng)} for _ in range(2)]
        return Data([path], _write_picks(folder, pickers), {}, 24, 6.0)

    return make


def lamella(folder: Path, rng: np.random.Generator) -> Data:
    """Noise without particles that is strong in a slab and faint above and below; two pickers at random places of the slab."""
    simulations = _simulate(folder, rng, {"target": 0}, 1.0, 3)
    fade = 0.35 + 0.65 * np.exp(-0.5 * ((np.arange(SIZE[2]) - SIZE[2] / 2) / 9) ** 2)
    pickers: list[dict] = [{} for _ in range(2)]
    low, high = np.array([0, 0, 22]), np.array([SIZE[0] - 1, SIZE[1] - 1, 42])
    for tomo_id, simulation in simulations.items():
        _write_tomogram(folder / f"{tomo_id}.mrc", simulation.volume * fade[:, None, None])
        shared = low + rng.random((35, 3)) * (high - low)
        for picker in pickers:
            own = low + rng.random((35, 3)) * (high - low)
            places = np.concatenate([shared + rng.normal(0, 1, shared.shape), own])
            picker[tomo_id] = np.clip(places, 0, np.array(SIZE) - 1), rng.random(len(places))
    return Data([folder / f"{t}.mrc" for t in simulations], _write_picks(folder, pickers), {}, 24, 6.0)


def blob_pickers_on_noise(folder: Path, rng: np.random.Generator) -> Data:
    """Noise without particles and two real pickers, which find the same blobs of noise."""
    simulations = _simulate(folder, rng, {"target": 0}, 1.0, 3)
    tomograms = [folder / f"{t}.mrc" for t in simulations]
    for method in ("log", "dog"):
        options = ["--tomograms", *tomograms, "--diameter", 120, "--method", method, "--threshold", 3.0]
        run_program("pick_blobs_tomo", *options, "-o", folder / f"{method}.csv", quiet=True)
    return Data(tomograms, [folder / "log.csv", folder / "dog.csv"], {}, 24, 6.0)


def particles(
    species: str,
    pickers: Sequence[SimulatedPicker],
    *,
    noise: float = 1.0,
    n_tomograms: int = 3,
    density: float = 1.0,
    change: Callable[[list[dict], np.random.Generator], list[dict]] | None = None,
    empty: bool = False,
) -> Callable[[Path, np.random.Generator], Data]:
    """Synthetic tomograms with particles; simulated pickers with known faults.

    noise: factor on NOISE.  density: factor on the counts.  change: what is done to the picks.  empty: nothing of them is
    true; then the pickers seek what the tomograms do not hold.
    """
    sought, box_size, radius, diameter, counts = SPECIES[species]

    def make(folder: Path, rng: np.random.Generator) -> Data:
        of_case = {name: round(n * density) for name, n in counts.items()}
        simulations = _simulate(folder, rng, of_case, NOISE[species] * noise, n_tomograms)
        found: list[dict] = [{} for _ in pickers]
        for tomo_id, simulation in simulations.items():
            places = dict(simulation.positions)
            places["target"], places[sought] = places[sought], places["target"]  # the picker seeks what it calls target
            for picker, of_picker in zip(pickers, found, strict=True):
                of_picker[tomo_id] = picker.pick(replace(simulation, positions=places), rng=rng)
        if change:
            found = change(found, rng)
        truth = {} if empty else {t: s.positions[sought] for t, s in simulations.items()}
        return Data([folder / f"{t}.mrc" for t in simulations], _write_picks(folder, found), truth, box_size, radius, diameter)

    return make


def lookalikes(species: str) -> Callable[[Path, np.random.Generator], Data]:
    """The particles are not there; every picker takes rods instead, and some empty places."""
    _, box_size, radius, diameter, _ = SPECIES[species]
    faults = [SimulatedPicker(recall=r, jitter=1.0, noise=0.3) for r in (0.65, 0.75, 0.85)]

    def make(folder: Path, rng: np.random.Generator) -> Data:
        simulations = _simulate(folder, rng, {"rod": 60, "bead": 6}, NOISE[species], 3)
        found: list[dict] = [{} for _ in faults]
        for tomo_id, simulation in simulations.items():
            seen = replace(simulation, positions={"target": simulation.positions["rod"]})
            for picker, of_picker in zip(faults, found, strict=True):
                of_picker[tomo_id] = picker.pick(seen, rng=rng)
        return Data([folder / f"{t}.mrc" for t in simulations], _write_picks(folder, found), {}, box_size, radius, diameter)

    return make


def shifted_by_a_box(box_size: int) -> Callable[[list[dict], np.random.Generator], list[dict]]:
    """Every pick moved by one box along x, towards the side with more room."""

    def change(found: list[dict], rng: np.random.Generator) -> list[dict]:
        def moved(positions: np.ndarray) -> np.ndarray:
            step = np.where(positions[:, 0] < SIZE[0] / 2, box_size, -box_size)
            return positions + np.outer(step, [1, 0, 0])

        return [{t: (moved(p), s) for t, (p, s) in of_picker.items()} for of_picker in found]

    return change


def permuted_scores(found: list[dict], rng: np.random.Generator) -> list[dict]:
    """The picks as they are, their scores shuffled."""
    return [{t: (p, rng.permutation(s)) for t, (p, s) in of_picker.items()} for of_picker in found]


def first_given_twice(found: list[dict], rng: np.random.Generator) -> list[dict]:
    """The first picker once more under another name, hardly moved."""
    again = {t: (np.clip(p + rng.normal(0, 0.2, p.shape), 0, np.array(SIZE) - 1), s) for t, (p, s) in found[0].items()}
    return [*found, again]


def tilt_series_case(maps: Path, store: Path, species: str, snr: float, seed: int, pickers: Sequence[str]) -> Callable:
    """A simulated tilt series of the accuracy bench with its real and simulated pickers; kept in `store` for later cases."""

    def make(folder: Path, rng: np.random.Generator) -> Data:
        data = tilt_series.simulate(store, maps, snr, seed, species)
        files = tilt_series.pick(data, species, seed)
        truth = {t: rows[["x", "y", "z"]].to_numpy() for t, rows in tilt_series.truth_of(data, species).groupby("tomo_id")}
        diameter, box_size = tilt_series.SPECIES[species]
        return Data(tilt_series.tomograms_of(data), [files[name] for name in pickers], truth, box_size, diameter / 20, diameter)

    return make


def synthetic_cases(seeds: Sequence[int]) -> list[Case]:
    """Every case that needs neither maps nor real data."""
    cases = []
    for seed in seeds:
        for n in (2, 3, 5):
            for share in (0.0, 0.3, 0.6):
                kind = f"noise, {n} pickers, {share:.0%} shared"
                cases.append(Case(kind, seed, NULL, "", random_places(n, share)))
        cases.append(Case("noise, lamella", seed, NULL, "", lamella))
        cases.append(Case("noise, blob pickers", seed, NULL, "", blob_pickers_on_noise))
        for species, (_, box_size, *_) in SPECIES.items():
            three = (CAREFUL, BEADS, GREEDY)
            add = lambda kind, truth, make, seed=seed, species=species: cases.append(  # noqa: E731
                Case(f"{species}, {kind}", seed, truth, species, make)
            )
            add("three pickers", PARTICLES, particles(species, three))
            add("twice the noise", PARTICLES, particles(species, three, noise=2))
            add("four times the noise", HALF, particles(species, three, noise=4))
            add("two pickers", PARTICLES, particles(species, (CAREFUL, GREEDY)))
            add("all picks true", PARTICLES, particles(species, CLEAN))
            add("all picks true, two pickers", PARTICLES, particles(species, CLEAN[:2]))
            add("one right, two random", HALF, particles(species, (CLEAN[2], RANDOM, RANDOM)))
            add("scores permuted", PARTICLES, particles(species, three, change=permuted_scores))
            add("greedy twice", HALF, particles(species, (GREEDY,), change=first_given_twice))
            add("greedy twice, careful once", HALF, particles(species, (GREEDY, CAREFUL), change=first_given_twice))
            add("shifted by a box", NULL, particles(species, three, change=shifted_by_a_box(box_size), empty=True))
            add("lookalikes only", NULL, lookalikes(species))
            for n, factor in ((20, 0.13), (50, 0.3), (100, 0.6)):
                add(f"{n} particles", PARTICLES, particles(species, three, n_tomograms=2, density=factor))
    return cases
