"""Independent simulated pickers on seeds that nothing was tuned on: best picker, votes, reliability, thesis' recipe, ours."""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import _simulated_pickers as example
import numpy as np
import pandas as pd
from _report import as_markdown, finish

from tomo_particles.consensus.final_score import score_merged_picks
from tomo_particles.evaluation.calibration import expected_calibration_error
from tomo_particles.formats.xmd import read_table
from tomo_particles.testing.agreement import Agreement, agreement, match_picks
from xmipp_scripts._consensus_run.config import PipelineConfig
from xmipp_scripts._consensus_run.pipeline import Pipeline
from xmipp_scripts._shared.training_options import TrainingSettings


def run(seed: int, folder: Path, recipe: str) -> tuple[list, list[str], list[str], Path, float]:
    """One run of the job; returns the simulations, the paths and the seconds."""
    simulations, tomograms, files = example.write_example(folder / "input", 3, seed)
    config = PipelineConfig(
        tomograms=tuple(tomograms),
        picks=tuple(files),
        box_size=example.BOX_SIZE,
        odir=str(folder / recipe),
        seed=seed,
        training=TrainingSettings(recipe=recipe),
    )
    start = time.perf_counter()
    Pipeline(config, lambda line: None).run()
    return simulations, tomograms, files, Path(config.odir), time.perf_counter() - start


def rows_of(seed: int, folder: Path) -> list[dict]:
    """The rows of one seed: method, F1, precision, recall, ECE, gold beads accepted, seconds."""
    rows = []
    for recipe in ("consensus", "paper"):
        simulations, tomograms, files, odir, seconds = run(seed, folder, recipe)
        scored = pd.read_csv(odir / "scored.csv", dtype={"tomo_id": str})
        ids = [Path(path).stem for path in tomograms]
        true, bead = (
            labels_of(scored, dict(zip(ids, [s.positions[kind] for s in simulations], strict=True)))
            for kind in ("target", "bead")
        )
        n = sum(len(s.truth) for s in simulations)

        def row(
            method: str,
            accepted: np.ndarray,
            score: np.ndarray | None = None,
            took: float = np.nan,
            *,
            n=n,
            true=true,
            bead=bead,
        ) -> dict:
            hits = Agreement(int(accepted.sum()), int((accepted & true).sum()), n)
            return {
                "seed": seed,
                "method": method,
                "F1": hits.f1,
                "precision": hits.precision,
                "recall": hits.recall,
                "ECE": np.nan if score is None else expected_calibration_error(score, true),
                "beads": int((accepted & bead).sum()),
                "seconds": took,
            }

        if recipe == "consensus":
            singles = [
                sum(
                    (
                        agreement(p.loc[p["tomo_id"] == i, ["x", "y", "z"]].to_numpy(), s.truth, example.MATCH_RADIUS)
                        for i, s in zip(ids, simulations, strict=True)
                    ),
                    Agreement(0, 0, 0),
                )
                for p in map(pd.read_csv, files)
            ]
            best = max(singles, key=lambda a: a.f1)
            rows.append(
                {"seed": seed, "method": "best picker", "F1": best.f1, "precision": best.precision, "recall": best.recall}
            )
            support = scored["support"].to_numpy()
            for k in range(1, len(files) + 1):
                rows.append(row(f"votes >= {k}", support >= k))
            table = read_table(odir / "scored" / "merged.xmd")
            votes = score_merged_picks(table["comment"], np.zeros(len(table["comment"]))).posterior
            by_pattern = dict(zip(table["comment"], votes, strict=True))
            names = {str(i + 1): Path(f).stem for i, f in enumerate(files)}
            by_names = {"+".join(names[i] for i in pattern.split("+")): p for pattern, p in by_pattern.items()}
            posterior = scored["pickers"].map(by_names).to_numpy()
            rows.append(row("reliability only", posterior >= 0.5, posterior))
        score = scored["score"].to_numpy()
        rows.append(row("ours" if recipe == "consensus" else "thesis' recipe", score >= 0.5, score, seconds))
        if recipe == "paper":
            rows.append(row("thesis' recipe at 0.75", score >= 0.75))
    return rows


def labels_of(scored: pd.DataFrame, truth: dict[str, np.ndarray]) -> np.ndarray:
    """(n,) whether each scored pick is the match of one of the positions of its tomogram."""
    labels = np.zeros(len(scored), dtype=bool)
    for tomo_id, positions in truth.items():
        own = np.flatnonzero(scored["tomo_id"] == tomo_id)
        labels[own[match_picks(scored.loc[own, ["x", "y", "z"]].to_numpy(), positions, example.MATCH_RADIUS)[0]]] = True
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--noise", type=float, default=example.NOISE, help="standard deviations, in a particle's mean density")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    example.NOISE = options.noise
    rows = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            rows += rows_of(seed, Path(folder))
    table = pd.DataFrame(rows)
    order = table["method"].drop_duplicates()
    mean = table.drop(columns="seed").groupby("method").mean().loc[order]
    mean["worst F1"] = table.groupby("method")["F1"].min()
    size = " x ".join(map(str, example.SIZE))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    text = (
        f"Means over the seeds {', '.join(map(str, options.seeds))}; 3 tomograms of {size} voxels each, noise {options.noise}, "
        f"{example.COUNTS['target']} particles, three simulated pickers. beads: gold beads accepted a run. "
        f"Peak memory {memory:.1f} GB.\n\n" + as_markdown(mean.reset_index())
    )
    finish(f"simulated_noise_{options.noise}", text, options.write)


if __name__ == "__main__":
    main()
