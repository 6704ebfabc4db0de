"""The results of a training as its files have them, and the lines of the summary."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tomo_particles.core.picks import Picks

from ...files import PickerTrainingFiles


def read_summary(files: PickerTrainingFiles) -> dict | None:
    """What the program wrote beside the model; None before it has finished."""
    path = Path(files.beside("_summary.json"))
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def noted(path: str | Path) -> list[str]:
    """The notes of a file, a line each; none where there is no file."""
    found = Path(path)
    return found.read_text(encoding="utf-8").splitlines() if found.exists() else []


def out_of_fold_picks(files: PickerTrainingFiles, classes: Sequence[str]) -> dict[str, Picks]:
    """The picks of each tomogram, by the name that the program gave it, with the number of their class as group id."""
    rows: dict[str, list[dict[str, str]]] = {}
    with open(files.beside("_picks.csv"), newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["tomo_id"], []).append(row)
    found = {}
    for name, own in rows.items():
        species = [row["class"] for row in own]
        found[name] = Picks(name, np.array([[float(row[axis]) for axis in "xyz"] for row in own]), float(own[0]["samplingRate"]),
                            score=[float(row["score"]) for row in own], species=species,
                            group=[classes.index(one) + 1 for one in species])
    return found


def training_detail(files: PickerTrainingFiles, folds: int) -> str:
    """Which network is trained, and its last losses; '' before the first row of the curve."""
    try:
        with open(files.beside("_training.csv"), newline="", encoding="utf-8") as file:
            row = list(csv.DictReader(file))[-1]
        network, step, loss, validation = (float(row[name]) for name in ("network", "step", "loss", "val_loss"))
        return f"network {network:.0f} of {folds}, step {step:.0f}: loss {loss:.3f}, validation {validation:.3f}"
    except (OSError, IndexError, KeyError, TypeError, ValueError):  # not there yet, or a row that is being written
        return ""


def summary_lines(content: dict, picks: int, notes: Sequence[str]) -> list[str]:
    """The summary of a finished training. picks: in the out-of-fold output."""
    score, classes = content["outOfFoldF"], content["classes"]
    particles = sum(of["particles"] for of in classes.values())
    lines = [f"*F score {score:.2f}* out of fold (places, whatever the class): {picks} picks, {particles} labelled particles in "
             f"{len(content['tomograms'])} tomograms"]
    if len(classes) > 1:
        lines += [f"Class {name}: F score {of['outOfFoldF']:.2f}, {of['picks']} picks, {of['particles']} particles"
                  for name, of in classes.items()]
    rule = content["rule"]
    thresholds = ", ".join(f"{value:.2f}" + (f" ({name})" if len(classes) > 1 else "")
                           for name, value in zip(classes, rule["thresholds"], strict=True))
    lines.append(f"Picks by {rule['cluster']}; lowest accepted score: {thresholds}")
    lines.append(f"{len(content['steps'])} networks of {', '.join(map(str, content['steps']))} steps; {content['seconds']:.0f} s")
    return lines + [f"*Note* {note}" for note in notes]
