"""One case of the accuracy bench: pick files of one species, every way to combine them, and what each of these found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import _accuracy_data as data
import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from tomo_particles.consensus import labels, training_examples
from tomo_particles.consensus.final_score import score_merged_picks
from tomo_particles.consensus.kinds import Kinds
from tomo_particles.consensus.merged_picks import MergedPicks
from tomo_particles.evaluation.calibration import expected_calibration_error, precision_recall
from tomo_particles.formats.xmd import read_table
from tomo_particles.learning import network_input
from tomo_particles.network import data as network_data
from tomo_particles.runs.layout import ProgramLayout
from tomo_particles.testing.agreement import match_picks
from xmipp_scripts._consensus_run.config import PipelineConfig
from xmipp_scripts._consensus_run.pipeline import Pipeline
from xmipp_scripts._shared.training_options import TrainingSettings

OWN, BEFORE, PAPER = "ours", "ours without the second look", "paper's recipe"
VOTES_WITH_LOOK = "votes and the second look, no network"
BASELINES = ("best picker", "AND", "OR", "best vote")


@dataclass(frozen=True)
class Case:
    """Which pickers, on which tomograms, for which species."""

    species: str
    snr: float
    seed: int
    good: int
    bad: int

    @property
    def name(self) -> str:
        return f"{self.species}_snr_{self.snr}_seed_{self.seed}_good_{self.good}_bad_{self.bad}"

    @property
    def pickers(self) -> tuple[str, ...]:
        return data.GOOD[self.good] + data.BAD[self.bad]

    @property
    def radius(self) -> float:
        """Voxels within which a pick hits a particle: half the diameter."""
        return data.SPECIES[self.species][0] / 20


class Judge:
    """Compares picks with the particles of a case."""

    def __init__(self, case: Case, truth: pd.DataFrame) -> None:
        self.case = case
        self.truth = {tomo_id: rows[["x", "y", "z"]].to_numpy() for tomo_id, rows in truth.groupby("tomo_id")}
        self.n = len(truth)

    def row(
        self, method: str, picks: pd.DataFrame, score: np.ndarray, accepted: np.ndarray, *, probability: bool = False
    ) -> dict:
        """F1, precision, recall, centre error (Å) of the accepted; average precision of the score; ECE where it is a probability.

        F1 of each tomogram as well.
        """
        true, error = self._true(picks, accepted)
        ranked, _ = self._true(picks, np.ones(len(picks), dtype=bool))
        hits, n = int(true.sum()), int(accepted.sum())
        tomo_ids = picks["tomo_id"].to_numpy()
        each = [
            2 * true[tomo_ids == i].sum() / max(1, accepted[tomo_ids == i].sum() + len(p)) for i, p in sorted(self.truth.items())
        ]
        return {
            "method": method,
            "F1": 2 * hits / (n + self.n),
            "precision": hits / max(1, n),
            "recall": hits / self.n,
            "AP": precision_recall(score, ranked, self.n).average_precision,
            "ECE": expected_calibration_error(score, ranked) if probability else np.nan,
            "centre error": 10 * float(np.mean(error)) if len(error) else np.nan,
            "tomograms": each,
        }

    def _true(self, picks: pd.DataFrame, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) which of the used picks hit, and the distances of those that do."""
        true, errors = np.zeros(len(picks), dtype=bool), []
        for tomo_id, truth in self.truth.items():
            own = np.flatnonzero((picks["tomo_id"] == tomo_id).to_numpy() & used)
            positions = picks.iloc[own][["x", "y", "z"]].to_numpy(dtype=float)
            hit, particle = match_picks(positions, truth, self.case.radius)
            true[own[hit]] = True
            errors.append(cdist(positions[hit], truth[particle]).diagonal())
        return true, np.concatenate(errors)


def run_case(case: Case, tomograms: Path, odir: Path) -> list[dict]:
    """The rows of every method but the paper's; the networks are trained in `odir`."""
    files = data.pick(tomograms, case.species, case.seed)
    judge = Judge(case, data.truth_of(tomograms, case.species))
    picks = {name: pd.read_csv(files[name], dtype={"tomo_id": str}) for name in case.pickers}
    singles = [judge.row(name, p, p["score"].to_numpy(), np.ones(len(p), dtype=bool)) for name, p in picks.items()]
    rows = [max(singles, key=lambda row: row["F1"]) | {"method": "best picker"}]
    rows[0]["least centre error"] = min(row["centre error"] for row in singles if row["F1"] > 0)
    run = run_recipe(case, tomograms, files, odir)
    before = run.merged(run.first)  # as picked: the second look moves the centres
    rows += voting_rows(judge, before, len(case.pickers))
    rows.append(reliability_row(judge, run.first))
    rows.append(run.row(judge, BEFORE, run.first))
    rows.append(run.row(judge, OWN, run.layout.scored) | {"seconds": run.seconds, "merged": len(before), "look": run.look})
    return [row | {"case": case.name} for row in rows]


def run_paper(case: Case, tomograms: Path, odir: Path) -> list[dict]:
    """The rows of the paper's recipe."""
    files = data.pick(tomograms, case.species, case.seed)
    judge = Judge(case, data.truth_of(tomograms, case.species))
    run = run_recipe(case, tomograms, files, odir, diameter=None, training=TrainingSettings(recipe="paper", folds=1))
    scored = run.merged(run.layout.scored)
    score = scored["score"].to_numpy()
    rows = [judge.row(PAPER, scored, score, score >= 0.5, probability=True) | {"seconds": run.seconds}]
    rows.append(judge.row(f"{PAPER} at 0.75", scored, score, score >= 0.75))
    return [row | {"case": case.name} for row in rows]


@dataclass(frozen=True)
class Run:
    """A run of the whole program. look: what came of the second look (agreement, reason); empty without one."""

    layout: ProgramLayout
    seconds: float
    look: dict

    @property
    def first(self) -> Path:
        """The picks scored without the second look, with the places of the pickers."""
        return self.layout.scored_first if self.layout.scored_first.exists() else self.layout.scored

    def merged(self, path: Path) -> pd.DataFrame:
        """tomo_id, x, y, z, support, score of one table of scored picks."""
        merged = MergedPicks.from_columns(read_table(path))
        places = pd.DataFrame(merged.positions, columns=["x", "y", "z"])
        return places.assign(tomo_id=merged.tomo_id, support=merged.support, score=merged.score)

    def row(self, judge: Judge, method: str, path: Path) -> dict:
        """What one table of scored picks accepts, its promise, and the verdict beside it."""
        merged = MergedPicks.from_columns(read_table(path))
        accepted = merged.accepted(0.5)
        verdict = json.loads(path.with_name(f"{path.stem}_verdict.json").read_text(encoding="utf-8"))["kind"]
        promised = float(merged.score[accepted].mean()) if accepted.any() else np.nan
        row = judge.row(method, self.merged(path), merged.score, accepted, probability=True)
        return row | {"verdict": verdict, "promised": promised}


def run_recipe(case: Case, tomograms: Path, files: dict[str, Path], odir: Path, **choices: object) -> Run:
    """One run of the whole program. choices: of its PipelineConfig, other than the default ones."""
    given: dict = {
        "tomograms": tuple(map(str, data.tomograms_of(tomograms))),
        "picks": tuple(str(files[name]) for name in case.pickers),
        "box_size": data.SPECIES[case.species][1],
        "diameter": float(data.SPECIES[case.species][0]),
        "odir": str(odir),
        "seed": case.seed,
        "report": False,
    }
    start = time.perf_counter()
    pipeline = Pipeline(PipelineConfig(**(given | choices)), lambda line: None)
    look = pipeline.run()["secondLook"] or {}
    return Run(pipeline.layout, time.perf_counter() - start, look)


def voting_rows(judge: Judge, scored: pd.DataFrame, n_pickers: int) -> Iterator[dict]:
    """Every number of votes, the best of them in hindsight, for all tomograms together and for each of its own."""
    support = scored["support"].to_numpy()
    votes = [judge.row(f"votes >= {k}", scored, support, support >= k) for k in range(1, n_pickers + 1)]
    yield votes[-1] | {"method": "AND"}
    yield votes[0] | {"method": "OR"}
    yield votes[n_pickers // 2] | {"method": "majority"}
    each = np.max([row["tomograms"] for row in votes], axis=0).tolist()
    yield max(votes, key=lambda row: row["F1"]) | {"method": "best vote", "tomograms": each}


def reliability_row(judge: Judge, scored: Path) -> dict:
    """What the pickers' votes alone say, each weighed by its estimated reliability."""
    table = read_table(scored)
    posterior = score_merged_picks(table["comment"], np.zeros(len(table["comment"]))).posterior
    picks = pd.DataFrame({"tomo_id": table["tiltSeriesId"], **{axis: table[axis] for axis in "xyz"}})
    return judge.row("reliability only", picks, posterior, posterior >= 0.5, probability=True)


@contextmanager
def replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """An ingredient of the recipe replaced for a while."""
    kept = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def _single_voxels(box_size: int, edge: int) -> np.ndarray:
    """The same samples of the box without smoothing: the nearest voxels, as averaging down by a whole number would take."""
    step = network_input.SMALL_VIEW * box_size / edge
    centres = box_size // 2 + step * (np.arange(edge) - (edge - 1) / 2)
    share = np.clip(0.5 + step / 2 - np.abs(np.arange(box_size) - centres[:, None]), 0, 1)
    return (share / share.sum(axis=1, keepdims=True)).astype(np.float32)


def _none_stands_out(columns: dict, agreed: np.ndarray) -> np.ndarray:
    return np.zeros(len(agreed), dtype=bool)


# What the recipe is without one of its ingredients. Each needs its own training.
ABLATIONS: dict[str, Callable] = {
    "no smoothing of the input": lambda: replaced(network_input, "sampling_weights", _single_voxels),
    "no turns about the tilt axis": lambda: replaced(network_data, "LARGEST_TURN", 0.0),
    "as much noise as picks": lambda: replaced(labels, "NOISE_SHARE", 1e6),
    "beads not told by contrast in training": lambda: replaced(training_examples, "contrast_outliers_of", _none_stands_out),
}


def ablate(case: Case, tomograms: Path, odir: Path) -> list[dict]:
    """The rows of our recipe whole, and without each of its ingredients."""
    files = data.pick(tomograms, case.species, case.seed)
    judge = Judge(case, data.truth_of(tomograms, case.species))
    rows = []
    for name, without in {OWN: nullcontext, **ABLATIONS}.items():
        network_data.tilt_axis_turns.cache_clear()  # the turns kept from the run before may be others
        with without():
            run = run_recipe(case, tomograms, files, odir / name.replace(" ", "_").replace(",", ""))
        rows.append(run.row(judge, name, run.layout.scored) | {"seconds": run.seconds})
        if name == OWN:
            rows += [run.row(judge, BEFORE, run.first), *_scored_otherwise(judge, run.first)]
    network_data.tilt_axis_turns.cache_clear()
    return [row | {"case": case.name} for row in (*rows, *looks_alone(case, tomograms, odir / "votes"))]


def looks_alone(case: Case, tomograms: Path, odir: Path) -> list[dict]:
    """The second look without a network."""
    files = data.pick(tomograms, case.species, case.seed)
    judge = Judge(case, data.truth_of(tomograms, case.species))
    run = run_recipe(case, tomograms, files, odir, voting=True)
    row = run.row(judge, VOTES_WITH_LOOK, run.layout.scored)
    return [row | {"seconds": run.seconds, "look": run.look, "case": case.name}]


def _scored_otherwise(judge: Judge, scored: Path) -> Iterator[dict]:
    """The last step before the second look without one of its ingredients: no training is needed."""
    table = read_table(scored)
    picks = pd.DataFrame({"tomo_id": table["tiltSeriesId"], **{axis: table[axis] for axis in "xyz"}})
    network_score = np.array(table["zScoreDeepLearning1"])
    score = score_merged_picks(table["comment"], np.zeros(len(network_score)), network_score, None).posterior
    yield judge.row("without the pickers' scores", picks, score, score >= 0.5, probability=True)
    with replaced(Kinds, "learned", staticmethod(lambda seen, log_odds, agreement: None)):
        score = score_merged_picks(table["comment"], np.zeros(len(network_score)), network_score, table.get("keywords")).posterior
    yield judge.row("without kinds of picks", picks, score, score >= 0.5, probability=True)
    yield judge.row("the network's score alone", picks, network_score, network_score >= 0.5, probability=True)
