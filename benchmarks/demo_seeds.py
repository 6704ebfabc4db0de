"""The demo on seeds that nothing was tuned on: simulated tilt series, two blob detectors and template matching, the consensus."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
from _measure import Cost, run_command
from _report import as_markdown, finish

from tomo_particles.evaluation.calibration import expected_calibration_error
from tomo_particles.testing.agreement import match_picks
from xmipp_scripts import demo

METHODS = (*demo.PICKERS, *(f"votes_{n}" for n in (1, 2, 3)), "consensus")


def rows_of(seed: int, folder: Path, cost: Cost) -> list[dict]:
    """What the evaluation program found of each picking of one run."""
    rows = []
    for name in METHODS:
        page = json.loads((folder / "evaluation" / f"{name}.json").read_text(encoding="utf-8"))["all"]["distance"]
        found = page["localisation"]
        row = {"method": name, "seed": seed, "F1": found["F1"], "precision": found["precision"], "recall": found["recall"]}
        rows.append(row | {"beads": page["false_picks_on"].get("bead", 0)})
    rows[-1] |= {"ECE": calibration_error(folder, seed), "seconds": cost.seconds, "GB": cost.memory}
    return rows


def calibration_error(folder: Path, seed: int) -> float:
    """ECE of the final score over every merged pick, the rejected ones too."""
    scored = pd.read_csv(folder / "consensus" / "scored.csv")
    truth = pd.read_csv(next(folder.glob(f"simulated_*_seed_{seed}")) / "ground_truth.csv")
    truth = truth[truth["class"] == demo.TARGET]
    true = pd.Series(False, index=scored.index)
    for tomo_id, picks in scored.groupby("tomo_id"):
        own = truth.loc[truth["tomo_id"] == tomo_id, ["x", "y", "z"]].to_numpy()
        true.loc[picks.index[match_picks(picks[["x", "y", "z"]].to_numpy(), own, demo.MATCH_RADIUS)[0]]] = True
    return expected_calibration_error(scored["score"].to_numpy(), true.to_numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--odir", type=Path, help="keep the runs here, or read those that are there")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in options.seeds:
            folder = (options.odir or Path(scratch)) / f"seed_{seed}"
            command = [sys.executable, "-m", "xmipp_scripts.demo", "--odir", str(folder), "--seed", str(seed)]
            rows += rows_of(seed, folder, run_command(command, quiet=True))
    table = pd.DataFrame(rows)
    mean = table.drop(columns="seed").groupby("method").mean().loc[list(METHODS)]
    mean.insert(1, "worst F1", table.groupby("method")["F1"].min())
    others = sum(demo.COUNTS.values()) - demo.COUNTS[demo.TARGET]
    size = " x ".join(map(str, demo.SIZE))
    text = (
        f"Means over the seeds {', '.join(map(str, options.seeds))}; 3 tomograms of {size} voxels each, SNR {demo.SNR}, "
        f"{demo.COUNTS[demo.TARGET]} particles among {others} of six other complexes, "
        f"{demo.BEADS} gold beads and {demo.VESICLES} vesicles. beads: gold beads accepted a run.\n\n"
        + as_markdown(mean.reset_index())
    )
    finish("demo_seeds", text, options.write)


if __name__ == "__main__":
    main()
