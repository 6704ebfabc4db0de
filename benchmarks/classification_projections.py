"""Two structures in one set of projections: is it said, and how many particles are right, beside what others would do.

E1 to E5 and E7 of the contract. Every particle is one image with white noise. Cases that were measured stay in the folder and are
not run again; two processes with other cases may share it.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from _classification_data import ACCURACY, EXTENT, RESOLUTION, VERDICTS, Simulated, Trial, made, pose_errors, simulate
from _classification_page import page
from _classification_rivals import Rivals
from _report import commit, finish

from tomo_particles.classification import split_set
from tomo_particles.classification.independent_halves import NULLS
from tomo_particles.classification.nuisances import directions_of, nuisances_of
from tomo_particles.classification.split_projections import How, SplitProjections, split_projections
from tomo_particles.classification.view_graph import Views
from tomo_particles.evaluation.calibration import expected_calibration_error
from tomo_particles.evaluation.class_agreement import adjusted_rand_index, balanced_accuracy, right
from tomo_particles.geometry.symmetry import symmetry_group

SEEDS, NULL_SEEDS = (11, 12, 13), tuple(range(11, 21))
FINE = 65.0  # Å: up to here the difference is compared with the true one


def split(simulated: Simulated, trial: Trial) -> tuple[SplitProjections, float]:
    """Our split with the defaults of the program, and its CPU seconds; without the simulated sets where the trial asks none."""
    half, none = np.arange(len(simulated.labels)) % 2, lambda *_: np.zeros(NULLS)
    views = Views(7.5, 7.5, symmetry_group("c1"))  # not used: data choose
    begin = time.process_time()
    with patch.object(split_set, "null_agreements", split_set.null_agreements if trial.nulls else none):
        how = How(None, views, False, rounds=2, classes=trial.classes)
        found = split_projections(simulated.particles, half, simulated.mask, how, 1, 1)
    return found, time.process_time() - begin


def measure(trial: Trial, structures: dict[str, np.ndarray], count: int, seed: int) -> dict:
    """The numbers of one case."""
    simulated = simulate(trial, structures, count, seed)
    found, seconds = split(simulated, trial)
    own = found.split
    row: dict = {"agreement": own.found.mean, "resolution": found.resolution, "judged": found.judged}
    row |= {"cone": found.views.distance, "CPU s": seconds}
    row["memory GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if trial.nulls:
        row |= {"supported": own.supported, "one structure, at most": float(own.nulls.max())}
    if len(trial.structures) > 1:
        row |= _accuracies(simulated, found) | {"pose error": float(pose_errors(simulated).mean())}
    return row


def _accuracies(simulated: Simulated, found: SplitProjections) -> dict:
    labels, partition, rivals = simulated.labels, found.split.partition, Rivals(simulated, RESOLUTION)
    uneven = len(set(simulated.trial.shares)) > 1
    score = lambda one: balanced_accuracy(one, labels) if uneven else float(right(one, labels).mean())  # noqa: E731
    row: dict = {"oracle": score(rivals.oracle()), "ours": score(partition.labels)}
    row["graph alone"] = score(found.graph.log_odds > 0)
    row |= {"ARI": adjusted_rand_index(partition.labels, labels), "d' seen": found.detectability.separation}
    row["ECE"] = expected_calibration_error(partition.weights, right(partition.labels, labels))
    row["classes"] = partition.probabilities.shape[1]
    if len(simulated.structures) == 2:
        row |= {name: score(getattr(rivals, name)()) for name in ("thesis", "em", "ppca", "component", "pca")}
    shells = rivals.difference(partition.probabilities)[: int(EXTENT / FINE)]
    row |= {"difference, mean": float(shells.mean()), "difference, least": float(shells.min())}
    numbers = {"contrast": found.split.contrast}
    if simulated.particles.ctfs:
        numbers["defocus"] = np.array([ctf.defocus for ctf in simulated.particles.ctfs])
    views = directions_of(simulated.particles.axes, tilted=False)
    return row | {f"follows {name}": value for name, value in nuisances_of(found.split.log_odds, numbers, views, {}).items()}


def kept_at(trial: Trial, count: int, edge: int, seed: int, folder: Path) -> Path:
    """Where the row of a case is, once it was measured."""
    name = "".join(letter if letter.isalnum() else "_" for letter in trial.name)
    return folder / f"{name}_{count}_{edge}_{seed}.json"


def measured(trial: Trial, structures: dict[str, np.ndarray], count: int, seed: int, folder: Path) -> dict:
    """The row of a case, from an earlier run of the bench or now."""
    kept = kept_at(trial, count, len(structures["whole"]), seed, folder)
    if not kept.exists():
        row = {"case": trial.name, "seed": seed, "count": count, "edge": len(structures["whole"])}
        row |= measure(trial, structures, count, seed) | {"commit": commit()}
        kept.write_text(json.dumps(row, indent=1, default=float), encoding="utf-8")
        print(row, flush=True)
    return json.loads(kept.read_text(encoding="utf-8"))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path("../shared/data/maps_10A"), help="folder with 4v4r.mrc and 4v94.mrc")
    parser.add_argument("--folder", type=Path, default=Path("benchmark_output/classification"), help="what is there stays")
    parser.add_argument("--count", type=int, default=4000, help="particles where accuracy is asked for")
    parser.add_argument("--verdict-count", type=int, default=2000, help="particles where only the verdict is asked for")
    parser.add_argument("--edge", type=int, default=32, help="pixels of an image")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--null-seeds", type=int, nargs="+", default=NULL_SEEDS, help="of E4")
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of the names of cases")
    parser.add_argument("--most", type=int, help="measure at most so many cases more")
    parser.add_argument("--write", action="store_true", help="keep the result in results/classification_projections.md")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    structures = made(options.maps, options.edge)
    cases = [
        (trial, count, seed)
        for trials, count in ((VERDICTS, options.verdict_count), (ACCURACY, options.count))
        for trial in trials
        if trial.name.startswith(tuple(options.only))
        for seed in (options.null_seeds if len(trial.structures) == 1 else options.seeds)
    ]
    done = [one for one in cases if kept_at(one[0], one[1], options.edge, one[2], options.folder).exists()]
    todo = [one for one in cases if one not in done][: options.most]
    rows = [measured(trial, structures, count, seed, options.folder) for trial, count, seed in cases
            if (trial, count, seed) in [*done, *todo]]  # fmt: skip
    finish("classification_projections", page(pd.DataFrame(rows), len(cases)), options.write)


if __name__ == "__main__":
    main()
