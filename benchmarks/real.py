"""The consensus on real pickings with expert truth (CZII phantom) and the whole run on a real tomogram (apoferritin)."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _report import as_markdown, finish

from tomo_particles.consensus.merging import merge_picks
from tomo_particles.consensus.picker_reliability import estimate_reliability
from tomo_particles.core.picks import Picks
from tomo_particles.testing.agreement import Agreement, agreement
from xmipp_scripts._consensus_run.config import PipelineConfig
from xmipp_scripts._consensus_run.pipeline import Pipeline

VOXEL = 10.012  # Å
RADII = {
    "apo-ferritin": 60.0,
    "beta-galactosidase": 90.0,
    "ribosome": 150.0,
    "thyroglobulin": 130.0,
    "virus-like-particle": 135.0,
}  # Å
BOX_SIZE = 24  # voxels of 10 Å, twice the diameter of apoferritin


def pickings(folder: Path) -> pd.DataFrame:
    """F1 of both pickers, of AND and OR, and of the posterior of the votes, at half the particle's radius as CZII counts."""
    tables = [pd.read_csv(folder / f"{name}.csv") for name in ("picker_a", "picker_b", "expert")]
    rows = []
    for species, radius in RADII.items():
        of_species = [table[table["particle_type"] == species] for table in tables]
        methods: dict[str, Agreement] = {}
        merged, seen = [], []
        for experiment in sorted(tables[2]["experiment"].unique()):
            a, b, truth = (t.loc[t["experiment"] == experiment, ["x", "y", "z"]].to_numpy() for t in of_species)
            picks = Picks(experiment, np.concatenate([a, b]) / VOXEL, VOXEL, picker=np.repeat([1, 2], [len(a), len(b)]))
            clusters = merge_picks(picks, radius / 2 / VOXEL)
            votes = np.zeros((len(clusters), 2), dtype=bool)
            votes[clusters.labels, picks.picker - 1] = True
            merged.append((clusters.positions * VOXEL, truth))
            seen.append(votes)
            for name, found in (("picker A", a), ("picker B", b)):
                methods[name] = methods.get(name, Agreement(0, 0, 0)) + agreement(found, truth, radius / 2)
        fitted = estimate_reliability(np.concatenate(seen), np.array([1, 2]))
        posteriors = np.split(fitted.posterior, np.cumsum([len(votes) for votes in seen])[:-1])
        for (positions, truth), votes, posterior in zip(merged, seen, posteriors, strict=True):
            for name, kept in (
                ("both", votes.all(axis=1)),
                ("either", votes.any(axis=1)),
                ("reliability >= 0.5", posterior >= 0.5),
            ):
                methods[name] = methods.get(name, Agreement(0, 0, 0)) + agreement(positions[kept], truth, radius / 2)
        rows.append(
            {
                "species": species,
                **{name: found.f1 for name, found in methods.items()},
                "precision A, est.": fitted.precision[0],
                "precision A": methods["picker A"].precision,
                "precision B, est.": fitted.precision[1],
                "precision B": methods["picker B"].precision,
            }
        )
    return pd.DataFrame(rows)


def apoferritin(folder: Path, odir: Path) -> str:
    """The whole run on the real tomogram with its two real pickings; counts by who saw what."""
    tomogram = next(folder.glob("*.mrc"))
    odir.mkdir(parents=True, exist_ok=True)
    files = []
    for source in sorted(folder.glob("*_picks_*.csv")):
        picks = pd.read_csv(source).set_axis(["x", "y", "z", "score"], axis=1).assign(tomo_id=tomogram.stem)
        files.append(str(odir / f"{source.name.split('_')[0]}.csv"))
        picks[["tomo_id", "x", "y", "z", "score"]].to_csv(files[-1], index=False)
    start = time.perf_counter()
    summary = Pipeline(
        PipelineConfig(tomograms=(str(tomogram),), picks=tuple(files), box_size=BOX_SIZE, odir=str(odir / "run"))
    ).run()
    scored = pd.read_csv(odir / "run" / "scored.csv")
    table = (
        scored.assign(accepted=scored["score"] >= summary["threshold"])
        .groupby("pickers")["accepted"]
        .agg(merged="size", accepted="sum")
    )
    return (
        f"{summary['accepted']} of {summary['merged']} merged picks accepted in {time.perf_counter() - start:.0f} s; "
        f"estimated reliability {summary['reliability']}.\n\n" + as_markdown(table.reset_index())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument(
        "--odir", type=Path, default=Path("demo_output/apoferritin"), help="folder of the run on the real tomogram"
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    real = options.shared / "data" / "real"
    text = (
        "## CZII phantom: real pickings, expert truth, no densities (F1)\n\n"
        + as_markdown(pickings(real / "czii_phantom"))
        + "\n\n## Apoferritin, EMPIAR-10491: real tomogram, two real pickings, no truth\n\n"
        + apoferritin(real / "apoferritin_empiar10491", options.odir)
    )
    finish("real", text, options.write)


if __name__ == "__main__":
    main()
