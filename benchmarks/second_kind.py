"""Whether a second look tells that accepted picks are of two kinds: picks of one particle with a share of another among them.

Besides, a share of other objects is among the picks, as false picks. Empty places are looked at, too, as noise. What was looked
at stays in the folder.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

import _accuracy_data as data
import numpy as np
import pandas as pd
from _report import as_markdown, finish
from scipy.spatial import cKDTree

from tomo_particles.averaging.alignment import Settings
from tomo_particles.averaging.picked_boxes import PickedBoxes, Source
from tomo_particles.averaging.poses import split_halves
from tomo_particles.averaging.second_look import second_look
from tomo_particles.consensus.looks import AGREEMENT
from tomo_particles.consensus.second_kind import second_kind
from tomo_particles.core.tomograms import open_tomogram

SNR, RATE = 0.05, 10.0
TUNED_ON, SEEDS = (1, 11), (12,)  # the limits were chosen on the first
# Particle, another one, its share of the picks, and the share of false picks beside
CASES = (
    ("1bxn", "4cr2", 0.0, 0.1),
    ("1bxn", "4cr2", 0.3, 0.1),
    ("1bxn", "4cr2", 0.6, 0.1),
    ("4cr2", "1bxn", 0.3, 0.1),
    ("4v4r", "4cr2", 0.0, 0.1),
)
NOISE, JITTER, PICK_SEED = 40, 1.0, 1  # empty places in a tomogram; voxels an axis


def places_of(truth: pd.DataFrame, main: str, other: str, share: float, false: float, rng: np.random.Generator) -> np.ndarray:
    """(n, 4) x, y, z of picks of one tomogram and of empty places, voxels, and 1 for picks."""
    at, kind = truth[["x", "y", "z"]].to_numpy(), truth["class"].to_numpy()
    rows = [np.flatnonzero(kind == main), np.flatnonzero(kind == other)]
    rows.append(np.flatnonzero(~np.isin(kind, [main, other, "vesicle", "bead"])))
    n = data.N_SOUGHT
    numbers = (n - round(share * n), round(share * n), round(false * n))
    picked = np.concatenate([rng.permutation(own)[:number] for own, number in zip(rows, numbers, strict=True)])
    empty = rng.random((400, 3)) * (np.array(data.SIZE) - 1)
    empty = empty[cKDTree(at).query(empty)[0] > 9][:NOISE]
    picks = at[picked] + rng.normal(0, JITTER, (len(picked), 3))
    everything = np.clip(np.concatenate([picks, empty]), 0, np.array(data.SIZE) - 1)
    return np.column_stack([everything, np.arange(len(everything)) < len(picks)])


def looked(folder: Path, maps: Path, seed: int, case: tuple[str, str, float, float]) -> tuple[np.ndarray, float]:
    """Features (n, 3) of the picks, and the agreement of the averages; from an earlier run of the bench or now."""
    kept = folder / f"{'_'.join(map(str, case))}_seed_{seed}.npz"
    if not kept.exists():
        simulated = data.simulate(folder / "tilt_series", maps, SNR, seed)
        truth = pd.read_csv(simulated / "ground_truth.csv", dtype={"tomo_id": str})
        main, _, share, _ = case
        rng = np.random.default_rng([PICK_SEED, int(share * 100)])
        with ExitStack() as stack:
            sources, is_pick = [], {}
            for name, own in truth.groupby("tomo_id"):
                table = places_of(own, *case, rng)
                tomogram = stack.enter_context(open_tomogram(str(simulated / f"{name}.mrc"), RATE))
                is_pick[name] = table[:, 3] > 0
                sources.append(Source(str(name), tomogram.data, RATE, table[:, :3], np.ones(len(table)), (-60.0, 60.0)))
            diameter = float(data.SPECIES[main][0])
            boxes = PickedBoxes(sources, diameter, 2)
            picks = np.array([is_pick[boxes.sources[number].name][row] for number, row in boxes.places])
            half = split_halves(boxes.names, boxes.positions * RATE, diameter / 2)
            found = second_look(boxes, half, picks, picks, Settings(diameter, threads=2), 1)
        np.savez(kept, features=found.features[picks], agreement=found.agreement)
        print(f"{kept.stem}: agreement {found.agreement:.2f}, told {second_kind(found.features[picks][:, :2]):.2f}", flush=True)
    with np.load(kept) as known:
        return known["features"], float(known["agreement"])


def row_of(seed: int, case: tuple[str, str, float, float], features: np.ndarray, agreement: float) -> dict:
    main, other, share, false = case
    told = second_kind(features[:, :2])
    return {
        "seed": f"{seed} (limits chosen on it)" if seed in TUNED_ON else str(seed),
        "particle": main,
        "other": other if share else "-",
        "share of it": share / (1 + false),
        "false picks": false / (1 + false),
        "picks": len(features),
        "agreement": agreement,
        "look": "yes" if agreement > AGREEMENT[0] else "none",
        "told": f"{told:.2f}" if told else "-",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path("../shared/data/maps_10A"), help="folder of the densities")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*TUNED_ON, *SEEDS])
    parser.add_argument("--cases", type=int, default=len(CASES), help="how many of the cases of each seed")
    parser.add_argument("--folder", type=Path, default=Path("benchmark_output/second_kind"), help="what is there stays")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    pairs = [(seed, case) for seed in options.seeds for case in CASES[: options.cases]]
    rows = [row_of(seed, case, *looked(options.folder, options.maps, seed, case)) for seed, case in pairs]
    text = (
        f"Signal to noise {SNR}; three tomograms with {data.N_SOUGHT} picks each and as many empty places. Picks lie "
        f"{JITTER:g} voxel an axis beside the truth. Look: whether the averages of the halves agree, so that the look counts. "
        "Told: the share of the picks that are said to be unlike the rest; - if nothing is said."
    )
    finish("second_kind", f"{text}\n\n{as_markdown(pd.DataFrame(rows))}", options.write)


if __name__ == "__main__":
    main()
