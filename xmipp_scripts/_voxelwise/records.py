"""The files beside a model: summary, thresholds, and a picture of the patches that the networks learn from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from tomo_particles import __version__
from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.core.picks import Picks
from tomo_particles.evaluation.matching import best_matching, pairs_within
from tomo_particles.learning.voxels.description import VoxelModel
from tomo_particles.learning.voxels.patches import PatchSource
from tomo_particles.pickers.voxelwise.choice import Judged, Known

from .._shared.program import say_result
from .picks import probabilities_of, sizes_of
from .sources import TrainingSet
from .train_config import TrainConfig

SHOWN = 8  # patches in the picture
STEPS = 101  # thresholds from 0 to 1


@dataclass(frozen=True)
class OutOfFold:
    """What the networks found where they did not learn: candidates and particles of each tomogram, the candidates judged, and F
    scores of places, whatever the class, and of each class alone."""

    known: list[Known]
    judged: Judged
    f_score: float
    f_of_classes: tuple[float, ...]


def write_patches(config: TrainConfig, source: PatchSource, model: VoxelModel) -> None:
    """A picture of the first patches with what the networks shall answer there: wrong labels are seen before the training."""
    from tomo_particles.reports.figures import plot_patches

    batch = source.batch(0, SHOWN)
    with written_aside(config.beside("_patches.png")) as aside:
        figure = plot_patches(batch.grey, batch.answer, batch.weight, [one.name for one in model.classes])
        figure.savefig(aside, dpi=110, format="png")


def write_summary(
    config: TrainConfig, data: TrainingSet, model: VoxelModel, pickings: Sequence[Picks], found: OutOfFold, seconds: float
) -> None:
    """JSON with options, seed, F scores and counts; CSV with what each threshold gives; both out of fold."""
    labelled = np.bincount(np.concatenate([one.classes for one in data.labels]), minlength=len(model.classes) + 1)[1:]
    names = [one.name for one in model.classes]
    picked = [sum(int((picks.species == name).sum()) for picks in pickings) for name in names]
    content = {
        "version": __version__,
        "parameters": asdict(config),
        "tomograms": [file.path for file in data.files],
        "steps": model.steps,
        "rule": asdict(model.rule),
        "outOfFoldF": found.f_score,
        "classes": {
            name: {"particles": int(n), "picks": m, "outOfFoldF": f}
            for name, n, m, f in zip(names, labelled, picked, found.f_of_classes, strict=True)
        },
        "confusion": _confusion(found.known, model).tolist(),
        "seconds": seconds,
    }
    with written_aside(config.beside("_summary.json")) as aside:
        aside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    write_csv_table(config.beside("_thresholds.csv"), _thresholds(found.judged, model))
    say_result(
        f"out of fold: F {found.f_score:.3f} of places, whatever the class; {sum(map(len, pickings))} picks of "
        f"{int(labelled.sum())} labelled particles"
    )


def _confusion(known: Sequence[Known], model: VoxelModel) -> np.ndarray:
    """(C + 1, C + 1) particles by their class (rows) and that of their pick; last row: false picks, last column: missed."""
    n, sizes = len(model.classes), sizes_of(model)
    counts = np.zeros((n + 1, n + 1), dtype=int)
    for one in known:
        accepted = probabilities_of(one.candidates, model) >= np.array(model.rule.thresholds)[one.candidates.classes]
        picks = one.candidates[accepted]
        radii = sizes.radii / sizes.voxel
        pairs = pairs_within(picks.positions, one.positions, radii[one.classes])
        chosen = best_matching(pairs)
        true, own = pairs.particle[chosen], pairs.pick[chosen]
        np.add.at(counts, (one.classes[true], picks.classes[own]), 1)
        counts[:n, n] += np.bincount(np.delete(one.classes, true), minlength=n)
        near = pairs_within(picks.positions, one.doubtful, np.full(len(one.doubtful), radii.max())).pick
        false = np.setdiff1d(np.arange(len(picks)), np.union1d(own, near))
        counts[n, :n] += np.bincount(picks.classes[false], minlength=n)
    return counts


def _thresholds(judged: Judged, model: VoxelModel) -> pd.DataFrame:
    """Precision and recall at thresholds from 0 to 1, of all classes together (no name) and of each. Places count."""
    scores = probabilities_of(judged, model)
    rows = []
    for which, name in enumerate(["", *(one.name for one in model.classes)], start=-1):
        own = np.ones(len(scores), dtype=bool) if which < 0 else judged.classes == which
        particles = judged.particles * (judged.true & own).sum() / max(judged.true.sum(), 1)
        for threshold in np.linspace(0, 1, STEPS):
            taken = own & (scores >= threshold)
            right = int((judged.true & taken).sum())
            rows.append((name, threshold, int(taken.sum()), right / max(taken.sum(), 1), right / max(particles, 1)))
    return pd.DataFrame(rows, columns=["class", "threshold", "picks", "precision", "recall"])
