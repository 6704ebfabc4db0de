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
from tomo_particles.testing.agreement import Agreement, agreement, match_picks
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

WHY = """The votes of two pickers are three numbers: merged picks of both, of A alone, of B alone. A model of the votes has
more unknowns (recall of each, errors of each, how many are shared), so that assumptions decide. Ours expects that a good
picker finds 0.7 of the particles. Then picks of one alone are mostly errors, and only what both found is accepted. For
thyroglobulin that is right. For apo-ferritin picker B finds a third of what A finds, and half of the picks of A alone are
particles: what both found has a lower F1 than all picks of A. The numbers of both species are alike, so that no rule on
votes alone can tell them apart. Picker A has no picks in tomogram TS_6_6, and picker B none of beta-galactosidase: there
nothing is agreed on.

There is no cure without other evidence, and nothing is promised: the programs state no precision from votes alone. Since
November 2026 they say how many picks only one of two pickers found, that votes cannot tell errors from particles that the
other missed, and in which tomograms only one picker has picks (`consensus.disagreement`). With tomograms a network or a
second look judges the picks of one picker."""


def pickings(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """F1 of both pickers, of AND and OR, and of the posterior of the votes, at half the particle's radius as CZII counts.

    Beside it what the votes are, and how many of each kind are particles.
    """
    tables = [pd.read_csv(folder / f"{name}.csv") for name in ("picker_a", "picker_b", "expert")]
    rows, patterns = [], []
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
        patterns.append({"species": species} | _patterns(merged, seen, posteriors, radius / 2))
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
    return pd.DataFrame(rows), pd.DataFrame(patterns)


def _patterns(merged: list[tuple], seen: list[np.ndarray], posteriors: list[np.ndarray], radius: float) -> dict[str, float]:
    """How many merged picks both pickers have, or one alone, what share of each is true, and what the votes make of them.

    merged: positions and true places (n, 3) of each tomogram, Å.  radius: within which a pick hits, Å.
    """
    true = []
    for positions, truth in merged:
        true.append(np.zeros(len(positions), dtype=bool))
        true[-1][match_picks(positions, truth, radius)[0]] = True
    votes, hit, said = np.concatenate(seen), np.concatenate(true), np.concatenate(posteriors)
    found: dict[str, float] = {}
    for name, of in (("both", (True, True)), ("A alone", (True, False)), ("B alone", (False, True))):
        own = (votes == of).all(axis=1)
        some = bool(own.any())
        found |= {name: int(own.sum()), f"{name}: true": float(hit[own].mean()) if some else np.nan}
        found[f"{name}: estimated"] = float(said[own].mean()) if some else np.nan
    return found


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
    f1, patterns = pickings(real / "czii_phantom")
    text = (
        "## CZII phantom: real pickings, expert truth, no densities (F1)\n\n"
        + as_markdown(f1)
        + "\n\n## Why the votes of two pickers cannot be weighed\n\n"
        + WHY
        + "\n\n"
        + as_markdown(patterns)
        + "\n\n## Apoferritin, EMPIAR-10491: real tomogram, two real pickings, no truth\n\n"
        + apoferritin(real / "apoferritin_empiar10491", options.odir)
    )
    finish("real", text, options.write)


if __name__ == "__main__":
    main()
