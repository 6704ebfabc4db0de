"""SHREC 2020 in small: ten simulated tomograms of 12 complexes, classical and trained pickers, the paper's tables with ours."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from _measure import Cost, run_program
from _report import as_markdown, finish
from shrec_2020_tables import CLASSES, CLASSIFICATION, LOCALISATION, SIZE_GROUPS

from tomo_particles.core.files import write_csv_table
from tomo_particles.core.picks import Picks
from tomo_particles.evaluation.calibration import expected_calibration_error
from tomo_particles.evaluation.matching import counts_by_score, pairs_within
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.learning.voxels.recipes import RECIPES
from tomo_particles.pickers.template_selection import CANDIDATES, select
from tomo_particles.pickers.voxelwise.calibration import best_threshold

MAP_OF = {"4d8q": "4v94"}  # the maps at hand hold TRiC under another entry
RATE = 10.0  # Å/voxel
REDUCED, FULL = (224, 224, 80), (512, 512, 200)
STEPS = {REDUCED: 22.0, FULL: 7.0}  # degrees: the small complexes need no finer ones at the CTF's first zero
SEED = 2020
FIRST_ZERO = 24.3  # Å: of the CTF at the 3 µm of the set; template matching compares no finer details either
BLOB_DIAMETER = 120  # Å: the complexes measure 70 to 250
# Of the layers, relative to the recipe: what makes it small enough for two processor cores; on a GPU all have their full width
WIDTHS = {"deepfinder": 0.25, "dn3dunet": 0.25, "umc": 0.125}
COLUMNS = {
    "RR": "RR",
    "TP": "TP",
    "FP": "FP",
    "FN": "FN",
    "MH": "MH",
    "RO": "RO",
    "AD": "AD",
    "recall": "recall",
    "precision": "precision",
    "miss_rate": "miss rate",
    "F1": "F1",
}


@dataclass(frozen=True)
class Job:
    """The set, the tomograms that the pickers are evaluated on, and how finely template matching turns."""

    folder: Path
    maps: tuple[Path, ...]
    size: tuple[int, int, int]
    tomograms: int
    tested: int
    snr: float
    step: float
    seed: int

    @property
    def learned_ids(self) -> list[str]:
        """The tomograms that pickers learn from: all but the tested ones."""
        return [f"tomo_{i + 1}" for i in range(self.tomograms - self.tested)]

    @property
    def test_ids(self) -> list[str]:
        """The last tomograms, as the paper tests on the last of ten."""
        return [f"tomo_{i + 1}" for i in range(self.tomograms - self.tested, self.tomograms)]

    def volumes(self, ending: str = "") -> list[Path]:
        return [self.folder / "data" / f"{tomo_id}{ending}.mrc" for tomo_id in self.test_ids]


@dataclass(frozen=True)
class Training:
    """How pickers are trained: minutes of each of `folds` networks, on these GPUs or on the CPU ('')."""

    minutes: float
    folds: int
    gpus: str

    def width(self, recipe: str) -> float:
        return 1.0 if self.gpus else WIDTHS.get(recipe, 1.0)


def simulate(job: Job, density: bool) -> Cost:
    """The whole set, by xmipp_simulate_tomo; without beads and vesicles, as in the paper. density: also without noise."""
    options = ["--odir", job.folder / "data", "--tomograms", job.tomograms, "--size", *job.size, "--samplingrate", RATE]
    options += ["--maps", *job.maps, "--beads", 0, "--vesicles", 0, "--snr", job.snr, "--seed", job.seed]
    options += ["--density"] * density
    return once(job, "simulation", "simulate_tomo", options)


def once(job: Job, name: str, program: str, options: list) -> Cost:
    """The cost of a long step, done now unless this folder keeps it from an earlier run of the same job."""
    kept = job.folder / "costs.json"
    costs = json.loads(kept.read_text()) if kept.exists() else {}
    key = f"{name} {asdict(job)}"
    if key not in costs:
        costs[key] = asdict(run_program(program, *options))
        kept.write_text(json.dumps(costs, indent=1))
    return Cost(**costs[key])


def pick(job: Job, table: pd.DataFrame) -> tuple[dict[str, Path], dict[str, Cost]]:
    """The pick file and the cost of each picker on the test tomograms; template matching is searched once, selected twice."""
    files, costs = {}, {}
    truth = table[table["tomo_id"].isin(job.test_ids)]
    n_all = len(truth) // job.tested
    for method in ("log", "dog"):
        files[method] = job.folder / f"{method}.csv"
        costs[method] = run_program(
            "pick_blobs_tomo",
            "--tomograms",
            *job.volumes(),
            "--diameter",
            BLOB_DIAMETER,
            "--method",
            method,
            "--number",
            n_all,
            "-o",
            files[method],
        )
    number = round(n_all / len(job.maps))  # of each class, as the paper's: the mean over the set
    candidates = job.folder / "candidates.csv"
    templates = [job.folder / "data" / "templates" / f"{path.stem}.mrc" for path in job.maps]
    options = ["--tomograms", *job.volumes(), "--templates", *templates, "--defocus", 3, "--angularstep", job.step]
    cost = once(job, "TM", "template_matching_tomo", [*options, "--number", CANDIDATES * number, "-o", candidates])
    for name, selection in (("TM-T", "thresholded"), ("TM-F", "filtered")):
        files[name], costs[name] = job.folder / f"{name}.csv", cost
        write_selected(candidates, files[name], job, selection, number)
    return files, costs


def learn(job: Job, recipe: str, how: Training) -> tuple[Path, Cost]:
    """The picks of a trained picker on the test tomograms, and the cost of training and picking; trained once per job."""
    model, picks = job.folder / recipe / "model.h5", job.folder / f"{recipe}.csv"
    model.parent.mkdir(exist_ok=True)
    gpus = ["--gpus", how.gpus] if how.gpus else []
    options = ["--simulation", learned_part(job), "--recipe", recipe, "--minutes", how.minutes, "--folds", how.folds]
    options += ["--seed", 1, "--width", how.width(recipe), *gpus]
    trained = once(job, f"training {recipe} {how}", "train_picker_tomo", [*options, "-o", model])
    picked = run_program("deep_pick_tomo", "--tomograms", *job.volumes(), "--model", model, *gpus, "-o", picks)
    seconds = trained.seconds + picked.seconds
    return picks, Cost(seconds, max(trained.memory, picked.memory), trained.processor + picked.processor)


def identify(job: Job, recipe: str) -> tuple[Path, Cost]:
    """The picks of a trained picker with the classes of the templates that fit best there, and what both steps cost."""
    picks = job.folder / f"{recipe}_identified.csv"
    templates = [job.folder / "data" / "templates" / f"{path.stem}.mrc" for path in job.maps]
    options = ["--tomograms", *job.volumes(), "--model", job.folder / recipe / "model.h5", "--identify", *templates]
    return picks, once(job, f"identify {recipe}", "deep_pick_tomo",
                       [*options, "--angularstep", job.step, "--lowpass", FIRST_ZERO, "-o", picks])  # fmt: skip


def score_quality(job: Job, recipe: str, truth: pd.DataFrame) -> dict[str, object]:
    """Of all picks of a trained picker, whatever their score: the calibration error, and F1 at the model's thresholds and at the
    best one in hindsight. A pick hits within the radius of the particle's volume."""
    classes = pd.read_csv(job.folder / "data" / "classes.csv", dtype={"class": str}).set_index("class")
    every, accepted = job.folder / f"{recipe}_every.csv", pd.read_csv(job.folder / f"{recipe}.csv", dtype={"class": str})
    run_program("deep_pick_tomo", "--tomograms", *job.volumes(), "--model", job.folder / recipe / "model.h5", "--threshold", 0,
                "-o", every, quiet=True)  # fmt: skip
    found = {name: _hits(table, truth, classes) for name, table in
             (("every", pd.read_csv(every, dtype={"class": str})), ("accepted", accepted))}  # fmt: skip
    score, true = found["every"]
    hits = found["accepted"][1]
    return {"picker": recipe, "picks of any score": len(score), "ECE": expected_calibration_error(score, true),
            "F1": 2 * hits.sum() / (len(hits) + len(truth)),
            "F1, best threshold in hindsight": best_threshold(score, true, len(truth))[1]}  # fmt: skip


def _hits(picks: pd.DataFrame, truth: pd.DataFrame, classes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) of picks and whether each is of a particle."""
    scores, true = [], []
    for tomo_id, particles in truth.groupby("tomo_id"):
        own = picks[picks["tomo_id"] == tomo_id]
        radii = (particles["class"].map(classes["voxels"]).to_numpy(dtype=float) * 3 / 4 / np.pi) ** (1 / 3)
        pairs = pairs_within(own[["x", "y", "z"]].to_numpy(), particles[["x", "y", "z"]].to_numpy(), radii)
        scores.append(own["score"].to_numpy())
        true.append(counts_by_score(pairs, scores[-1]))
    return np.concatenate(scores), np.concatenate(true)


def learned_part(job: Job) -> Path:
    """A folder with the tomograms to learn from, as if they alone had been simulated."""
    data, part = job.folder / "data", job.folder / "learned"
    part.mkdir(exist_ok=True)
    for tomo_id in job.learned_ids:
        for path in data.glob(f"{tomo_id}*.mrc"):
            if path.stem in (tomo_id, f"{tomo_id}_density") and not (part / path.name).exists():
                (part / path.name).symlink_to(path.resolve())
    shutil.copy(data / "classes.csv", part)
    truth = pd.read_csv(data / "ground_truth.csv", dtype={"class": str})
    write_csv_table(part / "ground_truth.csv", truth[truth["tomo_id"].isin(job.learned_ids)])
    return part


def write_selected(candidates: Path, output: Path, job: Job, selection: str, number: int) -> None:
    """The paper's selection from the candidates of all templates, as a pick file."""
    classes = pd.read_csv(job.folder / "data" / "classes.csv", dtype={"class": str}).dropna(subset="voxels")
    # Of the ball of the same volume: a touching neighbour of a long complex must not be taken for an overlap
    diameters = dict(zip(classes["class"], 2 * RATE * (classes["voxels"] * 3 / 4 / np.pi) ** (1 / 3), strict=True))
    chosen = []
    for picks in read_pick_file(candidates, dict.fromkeys(job.test_ids, RATE)).values():
        of_class = {str(name): by_score(picks[picks.species == name]) for name in set(picks.species)}
        chosen.append(select(of_class, diameters, selection, number))
    rows = [
        pd.DataFrame(p.positions, columns=["x", "y", "z"]).assign(tomo_id=p.tomo_id, score=p.score, **{"class": p.species})
        for p in chosen
    ]
    write_csv_table(output, pd.concat(rows))


def by_score(picks: Picks) -> Picks:
    """The best first."""
    return picks[(-picks.score).argsort(kind="stable")]


def evaluate(job: Job, files: dict[str, Path]) -> dict[str, dict]:
    """The numbers of every picking, by xmipp_evaluate_picking_tomo."""
    pages = {}
    for name, path in files.items():
        base = job.folder / "evaluated" / name
        base.parent.mkdir(exist_ok=True)
        run_program(
            "evaluate_picking_tomo",
            "--picks",
            path,
            "--truth",
            job.folder / "data" / "ground_truth.csv",
            "--classes",
            job.folder / "data" / "classes.csv",
            "--tomograms",
            *job.volumes(),
            "--occupancy",
            *job.volumes("_occupancy"),
            "--oroot",
            base,
            "--seed",
            job.seed,
            quiet=True,
        )
        pages[name] = json.loads(Path(f"{base}.json").read_text())["all"]
    return pages


def tables(pages: dict[str, dict], costs: dict[str, Cost], names: dict[str, str]) -> str:
    """Tables 3, 4 and 6 of the paper with our rows below, and what each picker cost."""
    parts = []
    for rule in ("occupancy", "distance"):
        ours = pd.DataFrame({f"{name}, ours": page[rule]["localisation"] for name, page in pages.items()}).T[list(COLUMNS)]
        ours = ours.rename(columns=COLUMNS).rename_axis("method")
        with_paper = pd.concat([LOCALISATION, ours]) if rule == "occupancy" else ours
        parts.append(f"## Table 3: localisation, {rule} rule\n\n{as_markdown(whole_counts(with_paper).reset_index())}")
    classified = {
        f"{name}, ours, {rule}": page[rule]
        for name, page in pages.items()
        if page["occupancy"]["classes"]
        for rule in ("occupancy", "distance")
    }
    f1 = (
        pd.DataFrame(
            {name: {names[c]: values["F1"] for c, values in page["classes"].items()} for name, page in classified.items()}
        )
        .T.reindex(columns=list(CLASSES))
        .rename_axis("method")
    )
    parts.append(f"## Table 4: F1 of each class\n\n{as_markdown(pd.concat([CLASSIFICATION, f1]).reset_index())}")
    groups = pd.DataFrame({name: page["size_groups"] for name, page in classified.items()}).T.rename_axis("method")
    parts.append(f"## Table 6: mean F1 of size groups\n\n{as_markdown(pd.concat([SIZE_GROUPS, groups]).reset_index())}")
    cost = pd.DataFrame(
        [
            {"picker": name, "seconds": c.seconds, "processor seconds": c.processor, "peak memory (GB)": c.memory}
            for name, c in costs.items()
        ]
    )
    parts.append(f"## Cost on this machine, start-up included\n\n{as_markdown(cost)}")
    return "\n\n".join(parts)


def whole_counts(table: pd.DataFrame) -> pd.DataFrame:
    """Counts without decimals."""
    counts = ["RR", "TP", "FP", "FN", "MH", "RO"]
    return table.assign(**{name: ["" if pd.isna(v) else str(int(v)) for v in table[name]] for name in counts})


def about_training(job: Job, recipes: list[str], how: Training) -> str:
    """How the trained pickers were trained, of those that ran."""
    if not recipes:
        return ""
    narrow = [recipe for recipe in recipes if how.width(recipe) != 1]
    scaled = "".join(f"; {recipe} with layers of {how.width(recipe):g} times its width" for recipe in narrow)
    return (
        f"Trained pickers learn from the other {job.tomograms - job.tested} tomograms, {how.minutes:g} minutes for each of "
        f"{how.folds} network(s){f' on GPU {how.gpus}' if how.gpus else ''}{scaled}. "
        "Their seconds are of training and picking together."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path("../shared/data/maps_10A"), help="folder of densities")
    parser.add_argument("--odir", type=Path, default=Path("demo_output/shrec"))
    parser.add_argument("--full", action="store_true", help="512 x 512 x 200 voxels, 7 degrees: many hours on two cores")
    parser.add_argument("--tomograms", type=int, default=10)
    parser.add_argument("--tested", type=int, default=1, help="how many of them are picked and evaluated")
    parser.add_argument("--snr", type=float, default=0.1)
    parser.add_argument("--step", type=float, help="degrees between the rotations of template matching")
    parser.add_argument("--recipes", nargs="*", help="pickers to train on all tomograms but the tested ones; by default none")
    parser.add_argument("--learned", action="store_true", help="these pickers alone; by default unet")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, for each network of a recipe")
    parser.add_argument("--folds", type=int, default=3, help="networks of a recipe")
    parser.add_argument("--identify", action="store_true", help="also name the picks of trained pickers by the templates")
    parser.add_argument("--gpus", default="", help="to train and pick on, such as 0; by default the CPU")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    recipes = options.recipes or (["unet"] if options.learned else [])
    names = {MAP_OF.get(name, name): name for name in CLASSES}
    size = FULL if options.full else REDUCED
    maps = tuple(options.maps / f"{name}.mrc" for name in names)
    job = Job(options.odir, maps, size, options.tomograms, options.tested, options.snr, options.step or STEPS[size], options.seed)
    how = Training(options.minutes, options.folds, options.gpus)
    cost = simulate(job, any(RECIPES[recipe].denoises for recipe in recipes))
    truth = pd.read_csv(job.folder / "data" / "ground_truth.csv", dtype={"class": str})
    truth = truth[truth["class"].isin(names)]
    files, costs = ({}, {}) if options.learned else pick(job, truth)
    for recipe in recipes:
        files[recipe], costs[recipe] = learn(job, recipe, how)
        if options.identify:
            name = f"{recipe}, named by templates"
            files[name], costs[name] = identify(job, recipe)
    pages = evaluate(job, files)
    truth_tested = truth[truth["tomo_id"].isin(job.test_ids)]
    n = len(truth_tested)
    size = " x ".join(map(str, job.size))
    template_matching = (
        "" if options.learned else f"Template matching every {job.step:g} degrees, up to the first zero of the CTF. "
    )
    text = (
        f"{job.tomograms} tomograms of {size} voxels of {RATE:g} Å, SNR {job.snr}, seed {job.seed}; pickers evaluated on "
        f"{', '.join(job.test_ids)}: {n} particles of {len(names)} classes. {template_matching}The map "
        "at hand for 4d8q (4v94) holds two copies with a gap between: by occupancy no pick of its centre hits "
        "it. The paper's rows are of its own tomogram of 512 x 512 x 512 voxels with 2782 particles and "
        "its own definition of the SNR: beside ours, not the same data. "
        f"{about_training(job, recipes, how)}\n\n"
    )
    text += tables(pages, {"simulation": cost, **costs}, names)
    if recipes:
        quality = as_markdown(pd.DataFrame([score_quality(job, recipe, truth_tested) for recipe in recipes]))
        text += f"\n\n## Scores of the trained pickers\n\n{quality}"
    finish("shrec_learned" if options.learned else "shrec", text, options.write)


if __name__ == "__main__":
    main()
