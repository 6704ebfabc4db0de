"""What a run of the deep consensus has before it has finished, or where it ended: counts and notes, from its files."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable

from tomo_particles.learning.training_time import in_minutes, training_left

from ...files import DOUBTFUL, NEGATIVE, NOISE, POSITIVE, RunFiles
from ..shared.progress import rows_so_far
from ..shared.sets import MAX_TOMOGRAM_LINES
from .inputs import CommonGrid, read_common_grid
from .notes import run_notes

DOING = {"convertInputStep": "reading the inputs", "gpuStep": "trying the GPUs", "consensusStep": "merging picks",
         "noiseStep": "picking noise", "extractionStep": "extracting subtomograms",
         "prepareInQueueStep": "merging picks and extracting subtomograms", "trainStep": "training the networks",
         "scoreStep": "scoring the picks", "secondLookStep": "second look", "answersStep": "learning from answers",
         "createOutputStep": "writing the results"}


def so_far(files: RunFiles, failures: list[str], of_grid: Callable[[float, int], list[str]] = lambda rate, box: []) -> list[str]:
    """Counts of the tomograms whose picks are merged, what is unusual, and what failed.

    of_grid: what is to be said of the common sampling rate (Å/voxel) and box size.
    """
    try:
        grid = read_common_grid(files.common_grid)
    except (OSError, ValueError):  # not written yet, or removed by a step that is done again
        return [f"*Tomogram left out* {failure}" for failure in failures]
    merged = [ts_id for ts_id in grid.tomograms if os.path.exists(files.consensus(ts_id))]
    counts = {ts_id: {label: rows_so_far(files.labelled(ts_id, label)) for label in (POSITIVE, DOUBTFUL, NEGATIVE, NOISE)}
              for ts_id in merged}
    total = {label: sum(of[label] for of in counts.values()) for label in (POSITIVE, DOUBTFUL, NEGATIVE, NOISE)}
    lines = [f"*So far*: {total[POSITIVE] + total[DOUBTFUL] + total[NEGATIVE]} merged picks in {len(merged)} of "
             f"{len(grid.tomograms)} tomograms; enough pickers agree on {total[POSITIVE]} of them"
             + (f"; {total[NOISE]} noise picks" if total[NOISE] else "")] * bool(merged)
    lines += [_line(grid, ts_id, of) for ts_id, of in list(counts.items())[:MAX_TOMOGRAM_LINES]]
    if len(counts) > MAX_TOMOGRAM_LINES:
        lines.append(f"... and {len(counts) - MAX_TOMOGRAM_LINES} tomograms more")
    lines += [*of_grid(grid.sampling_rate, grid.box_size), *run_notes(files, grid, list(grid.tomograms))]
    lines += [f"*Tomogram left out* {failure}" for failure in failures]
    return lines + [f"All scores: {files.scored}"] * files.scored.exists()


def _line(grid: CommonGrid, ts_id: str, of: dict[str, int]) -> str:
    picks = " + ".join(map(str, grid.tomograms[ts_id].counts))
    return f"- {ts_id}: {picks} picks, {of[POSITIVE]} positive, {of[DOUBTFUL]} doubtful"


def training_detail(files: RunFiles, folds: int, epochs: int) -> str:
    """Which epochs of which networks are done, and what the rest takes at most; '' before the first epoch is over."""
    try:
        with open(files.training_log, newline="", encoding="utf-8") as file:
            rows = [(int(row["fold"]), int(row["epoch"]), float(row["seconds"])) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError):  # not there yet, or a row that is being written
        return ""
    if not rows:
        return ""
    done = ", ".join(f"{epoch} of network {fold}" for fold, epoch in sorted({fold: epoch for fold, epoch, _ in rows}.items()))
    left = in_minutes(training_left(rows, folds, epochs)[1])
    return f"epochs done: {done} (of {folds}, at most {epochs} each); at most {left} left for the training"
