"""A picker that learned from a consensus (the pupil) beside its teacher and beside the pickers at their best spacing.

Simulated tomograms with seven complexes of which one is wanted. Three pickers see all of them. Their consensus on the first
tomograms teaches a picker; nobody says which of its picks are right. The last tomograms are new to pupil and teacher: the pupil
picks them alone, the teacher's network scores the picks of the three pickers there. The pickers get the spacing that is best for
them on the new tomograms, in hindsight. The pupil then goes into the consensus of the new tomograms as a derived picker. Last,
the pupil is joined with template matching: how, is learned on the first tomograms, where the particles are known.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from _measure import run_program
from _report import as_markdown, finish

from tomo_particles.evaluation.matching import pairs_within
from tomo_particles.geometry.suppression import suppress_neighbours
from tomo_particles.testing.agreement import Agreement, agreement

RATE, DIAMETER, BOX = 10.0, 200.0, 32  # Å/voxel, Å, voxels
TARGET, COUNTS = "twosubunits", (2, 2, 2, 4, 4, 4, 18)
LEARN, NEW = 4, 2  # tomograms
LOW = 0.1  # score of the pupil from which on its picks are joined
SPACINGS = np.arange(0.5, 1.31, 0.1)  # diameters
RADIUS = DIAMETER / 2 / RATE
PICKERS = {
    "LoG": ("pick_blobs_tomo", "--diameter", DIAMETER),
    "DoG": ("pick_blobs_tomo", "--diameter", DIAMETER, "--method", "dog"),
    "template matching": ("template_matching_tomo", "--diameter", DIAMETER, "--angularstep", 30, "--lowpass", 50),
}


@dataclass(frozen=True)
class Bench:
    """The simulation of a seed and what was made from it, in a folder; what is there is kept."""

    folder: Path
    seed: int

    def tomograms(self, new: bool) -> list[Path]:
        numbers = range(LEARN + 1, LEARN + NEW + 1) if new else range(1, LEARN + 1)
        return [self.folder / "simulation" / f"tomo_{number}.mrc" for number in numbers]

    def run(self, output: Path, program: str, *arguments: object) -> Path:
        """Run a program that writes `output`, unless it is there."""
        if not output.exists():
            run_program(program, *arguments, quiet=True)
        return output

    def simulate(self, size: tuple[int, int, int], snr: float) -> None:
        made = self.folder / "simulation"
        self.run(made / "ground_truth.csv", "simulate_tomo", "--odir", made, "--tomograms", LEARN + NEW, "--size", *size,
                 "--counts", *COUNTS, "--beads", 3, "--vesicles", 1, "--snr", snr, "--seed", self.seed)  # fmt: skip

    def picks(self, name: str, new: bool) -> Path:
        output = self.folder / f"{name.replace(' ', '_')}_{'new' if new else 'learn'}.csv"
        program, *options = PICKERS[name]
        template = self.folder / "simulation" / "templates" / f"{TARGET}.mrc"
        more = ("--templates", template) if program == "template_matching_tomo" else ()
        return self.run(output, program, "--tomograms", *self.tomograms(new), "-o", output, *options, *more)

    def consensus(self, name: str, new: bool, *options: object) -> Path:
        odir = self.folder / name
        files = [self.picks(picker, new) for picker in PICKERS]
        self.run(odir / "summary.json", "run_deep_consensus_tomo", "--tomograms", *self.tomograms(new), "--picks", *files,
                 "--boxsize", BOX, "--radius", 0.3, "--odir", odir, "--noReport", "--seed", self.seed, *options)  # fmt: skip
        return odir

    def joined(self, model: Path) -> Path:
        """The picks of pupil and template matching joined on the new tomograms, as learned on the others."""
        program, *options = PICKERS["template matching"]
        template = self.folder / "simulation" / "templates" / f"{TARGET}.mrc"
        for new in (False, True):
            part, tomograms = self.folder / f"join_{'new' if new else 'learn'}", ("--tomograms", *self.tomograms(new))
            self.run(part / "tm.csv", program, *tomograms, "-o", part / "tm.csv", *options, "--templates", template,
                     "--scoremaps", part / "tm_maps")  # fmt: skip
            self.run(part / "dl.csv", "deep_pick_tomo", *tomograms, "--model", model, "-o", part / "dl.csv", "--threshold", LOW,
                     "--scoremaps", part / "dl_maps")  # fmt: skip
            known = () if new else ("--truth", self._particles())
            self.run(part / "joined.csv", "join_picks_tomo", *tomograms, "--network", part / "dl.csv", "--networkMaps",
                     part / "dl_maps", "--template", part / "tm.csv", "--templateMaps", part / "tm_maps", "--diameter", DIAMETER,
                     "--fit", self.folder / "join.json", "-o", part / "joined.csv", *known)  # fmt: skip
        return part / "joined.csv"

    def _particles(self) -> Path:
        """The wanted particles of the tomograms to learn from, as a pick file."""
        table, names = pd.read_csv(self.folder / "simulation" / "ground_truth.csv"), [p.stem for p in self.tomograms(False)]
        output = self.folder / "particles_learn.csv"
        table[(table["class"] == TARGET) & table["tomo_id"].isin(names)].to_csv(output, index=False)
        return output

    def truth(self, new: bool) -> dict[str, np.ndarray]:
        table = pd.read_csv(self.folder / "simulation" / "ground_truth.csv")
        return _places(table[table["class"] == TARGET], [path.stem for path in self.tomograms(new)])


def _places(table: pd.DataFrame, names: list[str]) -> dict[str, np.ndarray]:
    return {name: table.loc[table["tomo_id"] == name, ["x", "y", "z"]].to_numpy(dtype=float) for name in names}


def measured(table: pd.DataFrame, truth: dict[str, np.ndarray]) -> Agreement:
    """Picks of all tomograms against the particles."""
    found = _places(table, list(truth))
    return sum((agreement(found[name], own, RADIUS) for name, own in truth.items()), Agreement(0, 0, 0))


def spaced(table: pd.DataFrame, spacing: float) -> pd.DataFrame:
    """Without picks that have a better one within the spacing (diameters)."""
    kept = []
    for _, own in table.groupby("tomo_id"):
        rank = np.empty(len(own), dtype=int)
        rank[np.argsort(-own["score"].to_numpy(), kind="stable")] = np.arange(len(own))
        best = suppress_neighbours(own[["x", "y", "z"]].to_numpy(), spacing * DIAMETER / RATE, rank)
        kept.append(own[best == np.arange(len(own))])
    return pd.concat(kept)


def row(seed: int, name: str, found: Agreement, note: str = "") -> dict[str, object]:
    return {"seed": seed, "picker": name, "picks": found.reported, "precision": found.precision, "recall": found.recall,
            "F1": found.f1, "": note}  # fmt: skip


def groups(
    template: pd.DataFrame, pupil: pd.DataFrame, joined: pd.DataFrame, truth: dict[str, np.ndarray]
) -> dict[str, Agreement]:
    """Template matching and the pupil together, as the groups of Moebel et al. 2021: found by both, by one alone, by any; and
    what the joint score accepts."""
    parts: dict[str, list[pd.DataFrame]] = {"both": [], "tm alone": [], "dl alone": []}
    for name in truth:
        one, other = (table[table["tomo_id"] == name] for table in (template, pupil))
        pairs = pairs_within(one[["x", "y", "z"]].to_numpy(), other[["x", "y", "z"]].to_numpy(), RADIUS)
        parts["both"].append(other.iloc[np.unique(pairs.particle)])
        parts["tm alone"].append(one.iloc[np.setdiff1d(np.arange(len(one)), pairs.pick)])
        parts["dl alone"].append(other.iloc[np.setdiff1d(np.arange(len(other)), pairs.particle)])
    tables = {name: pd.concat(own) for name, own in parts.items()}
    tables["union"] = pd.concat(list(tables.values()))
    tables["joined, learned on the first tomograms"] = joined
    return {name: measured(table, truth) for name, table in tables.items()}


def measure(bench: Bench, steps: int, epochs: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The rows of a seed: pickers, teacher, pupil and both together; then the groups of template matching and pupil."""
    truth, seed = bench.truth(new=True), bench.seed
    rows = []
    best: dict[str, pd.DataFrame] = {}
    for name in PICKERS:
        table = pd.read_csv(bench.picks(name, True))
        found = {spacing: spaced(table, spacing) for spacing in SPACINGS}
        spacing = max(found, key=lambda one: measured(found[one], truth).f1)
        best[name] = found[spacing]
        rows += [row(seed, name, measured(table, truth), "as picked"),
                 row(seed, name, measured(best[name], truth), f"best spacing: {spacing:.1f} diameters")]  # fmt: skip
    teacher = bench.consensus("teacher", False, "--epochs", epochs, "--folds", 2)
    scored = bench.consensus("teacher_new", True, "--inputModel", teacher / "network" / "model.h5", "--skipTraining")
    rows.append(row(seed, "teacher", measured(pd.read_csv(scored / "accepted.csv"), truth), "its network, picks of all three"))
    model = bench.folder / "pupil.h5"
    bench.run(model, "train_picker_tomo", "--consensus", teacher, "--diameter", DIAMETER, "--steps", steps, "--folds", 2, "-o",
              model, "--seed", seed)  # fmt: skip
    picks = bench.folder / "pupil_new.csv"
    bench.run(picks, "deep_pick_tomo", "--tomograms", *bench.tomograms(True), "--model", model, "-o", picks)
    pupil = pd.read_csv(picks)
    rows.append(row(seed, "pupil", measured(pupil, truth), "alone, at its own threshold"))
    joined = bench.consensus("teacher_derived", True, "--inputModel", teacher / "network" / "model.h5", "--skipTraining",
                             "--derived", picks)  # fmt: skip
    with_it = pd.read_csv(joined / "accepted.csv")
    alone = json.loads((joined / "summary.json").read_text(encoding="utf-8"))["derived"]
    note = ", ".join(f"{of['alone']} places alone, {of['accepted']} accepted" for of in alone.values())
    rows.append(row(seed, "teacher with the pupil as derived picker", measured(with_it, truth), note))
    joint = pd.read_csv(bench.joined(model))
    of_groups = [row(seed, name, found) for name, found in groups(best["template matching"], pupil, joint, truth).items()]
    return rows, of_groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--size", type=int, nargs=3, default=[144, 144, 64], help="x, y, z, voxels")
    parser.add_argument("--snr", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=300, help="of each of the two networks of the pupil")
    parser.add_argument("--epochs", type=int, default=8, help="of the teacher's network")
    parser.add_argument("--odir", type=Path, help="keep everything here, or go on with what is there")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows, of_groups = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in options.seeds:
            bench = Bench((options.odir or Path(scratch)) / f"seed_{seed}", seed)
            bench.simulate(tuple(options.size), options.snr)
            found, groups_found = measure(bench, options.steps, options.epochs)
            rows += found
            of_groups += groups_found
            print(as_markdown(pd.DataFrame(found + groups_found)), flush=True)
    numbers = ["picks", "precision", "recall", "F1"]
    table = pd.DataFrame(rows)
    table["picker"] += np.where(table[""].str.startswith("best spacing"), ", best spacing", "")
    means = table.groupby("picker", sort=False)[numbers].mean().reset_index()
    group_means = pd.DataFrame(of_groups).groupby("picker", sort=False)[numbers].mean().reset_index()
    x, y, z = options.size
    text = (
        f"{LEARN} tomograms to learn from and {NEW} new ones for each seed, {x} x {y} x {z} voxels of {RATE:g} Å, SNR "
        f"{options.snr:g}, 18 particles of {TARGET} and 18 of six other complexes in each, 3 beads, 1 vesicle. A pick within "
        f"{DIAMETER / 2:g} Å of a particle of {TARGET} hits it. Teacher: deep consensus of the three pickers on the tomograms to "
        f"learn from, {options.epochs} epochs; on the new ones its network scores their picks. Pupil: `xmipp_train_picker_tomo "
        f"--consensus`, 2 networks of {options.steps} steps. No truth is used but for the best spacing; template "
        f"matching has the true map.\n\n## Mean over the seeds, new tomograms\n\n{as_markdown(means)}\n\n"
        f"## Template matching (best spacing) and pupil by group\n\n"
        f"{as_markdown(group_means)}\n\n## Each seed\n\n{as_markdown(pd.DataFrame(rows))}"
    )
    finish("learned", text, options.write)


if __name__ == "__main__":
    main()
