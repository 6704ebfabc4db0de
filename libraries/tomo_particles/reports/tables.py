"""The tables of the report: counts, expected precision, facts about the run, and its files."""

from __future__ import annotations

import os
import platform
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..consensus.expected_precision import expected_precision_recall
from ..runs.layout import SUMMARY
from ..runs.results import RunResults
from .run_figures import eligible

TABLED_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LINKS = {  # files of the program and of the protocol, if they exist
    "accepted.csv": "accepted picks",
    "accepted.xmd": "accepted picks, Xmipp's metadata",
    "scored.csv": "every merged pick with its score",
    "scored.xmd": "every merged pick with its score, Xmipp's metadata",
    "scored_raw.csv": "every pick of every picker with its score",
    "scored_raw.xmd": "every pick of every picker with its score, Xmipp's metadata",
    "network/model.h5": "the trained networks",
    "model.h5": "the trained networks",
    "network/training_log.csv": "training, one row per epoch",
    "training_log.csv": "training, one row per epoch",
    "scored/merged_looks.csv": "second look: each merged pick, with its place as picked",
    "scored_looks.csv": "second look: each merged pick, with its place as picked",
    "scored/merged_half1.mrc": "second look: average of half 1",
    "scored/merged_half2.mrc": "second look: average of half 2",
    "scored_half1.mrc": "second look: average of half 1",
    "scored_half2.mrc": "second look: average of half 2",
    "picks.png": "picture of one tomogram",
    "summary.json": "numbers of the run",
    "frame.json": "common sampling rate and box, tomograms",
}


def expected_now(run: RunResults) -> dict[str, float | None] | None:
    """Expected precision and recall at the threshold of the run; None for voting."""
    return None if run.threshold is None else _row(run, run.threshold)


def promises(run: RunResults) -> list[dict[str, float | None]]:
    """The result at several thresholds, that of the run included."""
    if run.threshold is None:
        return []
    return [_row(run, threshold) for threshold in sorted({*TABLED_THRESHOLDS, run.threshold})]


def _row(run: RunResults, threshold: float) -> dict[str, float | None]:
    expected = expected_precision_recall(eligible(run), np.array([threshold]), run.verdict)
    unknown = dict.fromkeys(("precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high"))
    return {
        "threshold": threshold,
        "accepted": int(expected.accepted[0]),
        "particles": float(expected.particles[0]) if run.promises else None,
        **unknown,
        **expected.at(0),
    }


def by_tomogram(run: RunResults) -> list[dict[str, Any]]:
    """Counts and expected particles (None where nothing is promised), one row per tomogram."""
    table = run.table[["tomo_id"]].assign(merged=1, accepted=run.accepted, expected=run.probability)
    sums = table.groupby("tomo_id").sum()
    rows: list[dict[str, Any]] = []
    for tomogram in run.tomograms:
        own = sums.loc[tomogram.tomo_id] if tomogram.tomo_id in sums.index else dict.fromkeys(sums.columns, 0)
        rows.append(
            {
                "name": tomogram.tomo_id,
                "file": str(tomogram.path),
                "merged": int(own["merged"]),
                "accepted": int(own["accepted"]),
                "expected": float(own["expected"]) if run.promises else None,
            }
        )
    return rows


def by_picker(run: RunResults) -> list[dict[str, Any]]:
    """The picks and the reliability of each picker, one row per picker."""
    rows = []
    for k, name in enumerate(run.pickers):
        saw = run.seen[:, k]
        rows.append(
            {
                "name": name,
                "picks": run.picks[k],
                "merged": int(saw.sum()),
                "alone": int((saw & (run.seen.sum(axis=1) == 1)).sum()),
                "accepted": int((saw & run.accepted).sum()),
                **_reliability(run, k + 1),
            }
        )
    return rows


def _reliability(run: RunResults, picker: int) -> dict[str, float | None]:
    if run.reliability is None or not (own := run.reliability["picker"] == picker).any():
        return {"precision": None, "recall": None}
    return {name: float(run.reliability.loc[own, name].iloc[0]) for name in ("precision", "recall")}


def by_support(run: RunResults) -> list[dict[str, int | float]]:
    """Counts by number of pickers."""
    support = run.table["support"].to_numpy()
    return [
        {
            "support": int(count),
            "merged": int((support == count).sum()),
            "accepted": int((run.accepted & (support == count)).sum()),
            "mean": float(run.table["score"].to_numpy()[support == count].mean()),
        }
        for count in np.unique(support)
    ]


def about_run(run: RunResults) -> dict[str, str]:
    """Seed, versions and times; only what is known."""
    about = {
        "plugin that made the run": run.summary.get("version"),
        "random seed": run.summary.get("seed"),
        "model": run.summary.get("model"),
        "common sampling rate and box": f"{run.sampling_rate:.4g} Å/voxel, boxes of {run.box_size} voxels",
    }
    if run.training is not None:
        about["epochs trained"] = f"{len(run.training)} in {run.training['fold'].nunique()} networks"
        if "seconds" in run.training:
            about["time of training"] = f"{run.training['seconds'].sum():.0f} s"
    orientations = run.summary.get("orientations", {})
    if orientations.get("compared"):
        about["orientations"] = (
            f"those of different pickers are {orientations['medianDisagreement']:.1f} degrees from their mean "
            f"(median of {orientations['compared']} accepted picks)"
        )
    if run.second_look:
        about["second look"] = run.second_look["reason"]
    if "seconds" in run.summary:
        about["time of the whole run"] = f"{run.summary['seconds']:.0f} s"
    summary = run.folder / SUMMARY
    if summary.exists():
        about["run finished"] = f"{datetime.fromtimestamp(summary.stat().st_mtime):%Y-%m-%d %H:%M}"
    about["report made"] = (
        f"{datetime.now():%Y-%m-%d %H:%M} with plugin {__version__}, Python {platform.python_version()}, "
        f"numpy {np.__version__}, matplotlib {version('matplotlib')}"
    )
    return {name: str(value) for name, value in about.items() if value is not None}


def flat_parameters(parameters: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested parameters as one list, with dots in their names."""
    flat: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, dict):
            flat |= flat_parameters(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            flat[f"{prefix}{name}"] = ", ".join(map(str, value)) or "-"
        else:
            flat[f"{prefix}{name}"] = "-" if value is None else str(value)
    return flat


def links_of(folder: Path, final: Path) -> list[dict[str, str]]:
    """Relative links, so that the folder can be moved or packed."""
    return [
        {
            "href": os.path.relpath(folder / name, final.resolve().parent if final.parent != folder else folder),
            "name": name,
            "what": what,
            "size": _size((folder / name).stat().st_size),
        }
        for name, what in LINKS.items()
        if (folder / name).is_file()
    ]


def _size(n: float) -> str:
    return f"{n:.0f} bytes" if n < 1000 else f"{n / 1000:.0f} kB" if n < 1e6 else f"{n / 1e6:.1f} MB"
