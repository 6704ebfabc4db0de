"""What answers of a person buy: a simulated expert answers questions about finished runs, with the second look as users have it.

A run and an expert that were measured stay in the folder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import _accuracy_data as data
import numpy as np
import pandas as pd
from _report import as_markdown, finish

from tomo_particles.consensus.answered_scores import FEWEST_ANSWERS
from tomo_particles.consensus.merged_picks import MergedPicks
from tomo_particles.evaluation.calibration import expected_calibration_error
from tomo_particles.runs.curation import Curation, open_curation
from tomo_particles.runs.layout import ProgramLayout
from tomo_particles.testing.agreement import match_picks

RATE = 10.0
# All that was chosen was chosen on seeds 1 to 3.
CASES = (
    *(("1bxn", 0.05, n, seed) for seed in (12, 11) for n in (3, 2)),
    ("4v4r", 0.05, 3, 11),
    ("1bxn", 0.1, 3, 11),
    ("4v4r", 0.05, 2, 11),
    ("1bxn", 0.02, 3, 11),
)
PICKERS = {2: ("template", "learned_1"), 3: ("template", "learned_1", "log")}
NUMBERS = (0, 10, 30, 100)
MISTAKES = (0.0, 0.05)
EXPERTS = 3  # of each case, number of answers and share of mistakes
DRAWS = 50


@dataclass(frozen=True)
class Known:
    """The merged picks of a run against the truth. true, bead: (m,) bool.  particles: of the truth, found or not."""

    true: np.ndarray
    bead: np.ndarray
    particles: int

    def f1(self, accepted: np.ndarray) -> float:
        return float(2 * (accepted & self.true).sum() / max(1, accepted.sum() + self.particles))


def run_of(options: argparse.Namespace, species: str, snr: float, n_pickers: int, seed: int) -> tuple[Path, Path]:
    """The folder of a run, made unless it is there, and that of its tilt series."""
    from xmipp_scripts._consensus_run.config import PipelineConfig
    from xmipp_scripts._consensus_run.pipeline import Pipeline

    simulated = data.simulate(options.folder / "tilt_series", options.maps, snr, seed)
    odir = options.folder / f"{species}_snr_{snr}_{n_pickers}_pickers_seed_{seed}"
    if not ProgramLayout(odir).summary.exists():
        files = data.pick(simulated, species, seed)
        diameter, box_size = data.SPECIES[species]
        config = PipelineConfig(
            tomograms=tuple(map(str, data.tomograms_of(simulated))),
            picks=tuple(str(files[name]) for name in PICKERS[n_pickers]),
            box_size=box_size,
            odir=str(odir),
            seed=seed,
            threads=1,
            report=False,
            diameter=float(diameter),
        )
        summary = Pipeline(config, lambda line: None).run()
        print(f"{odir.name}: {summary['seconds']:.0f} s, {summary['verdict']['kind']}", flush=True)
    return odir, simulated


def known_of(picks: MergedPicks, simulated: Path, species: str) -> Known:
    objects = pd.read_csv(simulated / "ground_truth.csv", dtype={"tomo_id": str})
    found = {}
    for name, radius in ((species, data.SPECIES[species][0] / 2), ("bead", data.SPECIES[species][0] / 2)):
        found[name] = np.zeros(len(picks), dtype=bool)
        for tomo_id, own in objects[objects["class"] == name].groupby("tomo_id"):
            rows = np.flatnonzero(picks.tomo_id == tomo_id)
            hits, _ = match_picks(picks.positions[rows], own[["x", "y", "z"]].to_numpy(), radius / RATE)
            found[name][rows[hits]] = True
    return Known(found[species], found["bead"] & ~found[species], int((objects["class"] == species).sum()))


def asked(curation: Curation, known: Known, chosen: str, mistakes: float, seed: int) -> list[dict]:
    """An expert answers; a row for each of NUMBERS. chosen: "informative", or "random" picks."""
    rng = np.random.default_rng([seed, 3])
    any_order = rng.permutation(len(curation.picks)).tolist()
    rows = [measure(curation, known)]
    for number in range(1, max(NUMBERS) + 1):
        proposal = curation.question() if chosen == "informative" else None
        row = any_order.pop() if chosen == "random" else None if proposal is None else proposal.row
        if row is None:
            break
        yes = bool(known.true[row] ^ (rng.random() < mistakes))
        if proposal:
            curation.answer(yes)
        else:
            curation.mark_pick(row, yes, "random")
        if number in NUMBERS:
            rows.append(measure(curation, known) | {"answers": number})
    return rows


def measure(curation: Curation, known: Known) -> dict:
    """The scores with the answers so far, as the run would give them."""
    answered, score = curation.answered, curation.probability
    threshold = curation.run.threshold
    accepted = score >= threshold
    rest = np.ones(len(score), dtype=bool)
    rest[answered.rows] = False
    alone = curation.picks.score >= threshold
    alone[answered.rows] = answered.yes
    rng = np.random.default_rng(1)
    perfect = [expected_calibration_error(score[rest], rng.random(rest.sum()) < score[rest]) for _ in range(DRAWS)]
    return {
        "answers": 0,
        "F1": known.f1(accepted),
        "F1 not learned": known.f1(alone),
        "ECE": expected_calibration_error(score, known.true),
        "ECE of the rest": expected_calibration_error(score[rest], known.true[rest]),
        "ECE if perfect": float(np.mean(perfect)),
        "beads": int((accepted & known.bead).sum()),
        "promised": float(score[accepted].mean()) if accepted.any() else None,
        "true": float(known.true[accepted].mean()) if accepted.any() else None,
    }


def measured(options: argparse.Namespace, case: tuple[str, float, int, int]) -> list[dict]:
    """The rows of a case, from an earlier run of the bench or now."""
    odir, simulated = run_of(options, *case)
    kept = odir.with_suffix(odir.suffix + ".json")
    if not kept.exists():
        layout = ProgramLayout(odir)
        rows: list[dict] = []
        for chosen in ("informative", "random"):
            for mistakes in MISTAKES:
                for expert in range(1, EXPERTS + 1):
                    with tempfile.TemporaryDirectory() as scratch:
                        curation = open_curation(odir, "simulated", expert, answers=Path(scratch) / "answers.csv")
                        known = known_of(curation.picks, simulated, case[0])
                        names = dict(zip(("species", "snr", "pickers", "seed"), case, strict=True))
                        verdict = json.loads(layout.verdict.read_text(encoding="utf-8"))["kind"]
                        names |= {"verdict": verdict, "chosen": chosen, "mistakes": mistakes, "expert": expert}
                        rows += [names | row for row in asked(curation, known, chosen, mistakes, expert)]
        kept.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return list(json.loads(kept.read_text(encoding="utf-8")))


def means(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """A row for each kind of case and number of answers."""
    start = table[table["answers"] == 0].set_index(["species", "snr", "pickers", "seed", "chosen", "mistakes", "expert"])["F1"]
    table = table.join(start.rename("before"), on=start.index.names)
    rows = []
    for names, own in table.groupby([*by, "chosen", "mistakes", "answers"], sort=False):
        gain = own["F1"] - own["before"]
        rows.append(
            dict(zip([*by, "chosen", "mistakes", "answers"], names, strict=True))
            | {
                "F1": own["F1"].mean(),
                "gain": gain.mean(),
                "worst": gain.min(),
                "not learned": (own["F1 not learned"] - own["before"]).mean(),
                "ECE": own["ECE"].mean(),
                "ECE of the rest": own["ECE of the rest"].mean(),
                "if perfect": own["ECE if perfect"].mean(),
                "beads": own["beads"].mean(),
            }
        )
    return pd.DataFrame(rows)


def page(table: pd.DataFrame) -> str:
    """The means of small and large particles, of two and three pickers, and of every case after 30 answers."""
    runs = table[["species", "snr", "pickers", "seed"]].drop_duplicates()
    thirty = table[(table["answers"].isin((0, 30))) & (table["chosen"] == "informative")]
    text = (
        f"Runs with the second look: {len(runs)}, seeds {', '.join(map(str, sorted(table['seed'].unique())))}; everything was "
        f"chosen on seeds 1 to 3. {EXPERTS} simulated experts for each line of a case: they say of a pick whether it is a "
        "particle of the species, and a share `mistakes` of the answers is wrong. Informative: the picks that "
        "xmipp_curate_picks_tomo shows. F1, ECE and beads (accepted gold beads) are those of the run after it has learned, with "
        "the answered picks. Gain: of F1, against no answers; worst: of any expert. Not learned: gain if only the answered picks "
        "change. ECE of the rest: without the answered picks. If perfect: the ECE that perfectly calibrated scores of the same "
        "values have for so few picks. The "
        f"other picks change from {FEWEST_ANSWERS} answers on."
    )
    if missing := [case for case in CASES if case not in set(runs.itertuples(index=False, name=None))]:
        names = (f"{species} at SNR {snr:g}, {pickers} pickers, seed {seed}" for species, snr, pickers, seed in missing)
        text += f" Not measured: {'; '.join(names)}."
    parts = [text]
    for by, title in ((["species"], "Small (1bxn) and large (4v4r) species"), (["species", "pickers"], "Number of pickers")):
        parts += [f"## {title}", as_markdown(means(table, by))]
    parts += ["## Every run, informative picks", as_markdown(means(thirty, ["species", "snr", "pickers", "seed", "verdict"]))]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path("../shared/data/maps_10A"), help="folder of the densities")
    parser.add_argument("--folder", type=Path, default=Path("benchmark_output/curation"), help="what is there stays")
    parser.add_argument("--first", type=int, default=len(CASES), help="number of cases, from the first of CASES on")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = [row for case in CASES[: options.first] for row in measured(options, case)]
    finish("curation", page(pd.DataFrame(rows)), options.write)


if __name__ == "__main__":
    main()
