"""What a run leaves for its user: accepted and scored picks as CSV and XMD, a summary and a picture."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles import __version__
from tomo_particles.consensus.expected_precision import expected_precision_recall
from tomo_particles.consensus.merged_picks import NEGATIVE, SPREAD, identity_columns
from tomo_particles.consensus.orientation_agreement import notes_of_pickers
from tomo_particles.consensus.verdict import Verdict
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.formats.xmd import join_tables, read_table
from tomo_particles.geometry.symmetry import symmetry_group
from tomo_particles.runs.doubts import doubts
from tomo_particles.runs.layout import ProgramLayout, RunLayout
from tomo_particles.runs.notes import derived_note
from tomo_particles.runs.results import read_run

from .finished import FinishedRun
from .orientations import orientation_summary
from .settings import settings_of
from .tables import CSV_COLUMNS, derived_names, in_tomogram_voxels, names_of, write_xmd
from .tomogram_info import TomogramInfo


def forget_outputs(layout: ProgramLayout) -> None:
    """Remove what an earlier run left for its user, so that a run which is killed leaves no mixture; the summary goes first."""
    tables = [layout.output(name, ending) for name in ("accepted", "scored", "scored_raw") for ending in (".csv", ".xmd")]
    for path in (layout.summary, layout.report, layout.picture, *tables):
        path.unlink(missing_ok=True)


def write_outputs(run: FinishedRun, scored: Path, notes: list[str], started: float) -> dict:
    """Write every final file of the run, which started at that monotonic time; returns the summary."""
    config, layout = run.config, run.layout
    names = names_of(run.names, config.derived)
    threshold = None if config.votes_only else config.threshold
    merged = read_table(scored)
    table = in_tomogram_voxels(merged, run.tomograms, names, threshold)
    good = table["accepted"].to_numpy()
    every = _with_derived(run, merged, table, names)
    given = identity_columns(every)
    for name, rows in (("accepted", every[every["accepted"]]), ("scored", every)):
        write_csv_table(layout.output(name, ".csv"), rows[CSV_COLUMNS + given])
        write_xmd(layout.output(name, ".xmd"), rows, run.tomograms, (run.sampling_rate, config.box_size), given)
    if not config.voting:
        of_pickers = in_tomogram_voxels(read_table(layout.scored_raw), run.tomograms, names, threshold)
        own = [name for name in identity_columns(of_pickers) if name != SPREAD]
        columns = ["tomo_id", "x", "y", "z", "score", "picker", "picker_score", *own]
        write_csv_table(layout.output("scored_raw", ".csv"), of_pickers[columns])
    orientations = orientation_summary(run, table, good)
    draw(layout.picture, table, good, run.tomograms, config.box_size, run.sampling_rate)
    notes = [*notes, *notes_of_pickers(orientations.get("pickers", {}), symmetry_group(config.symmetry))]
    summary = _summary(run, table, good, notes)
    summary["derived"], found = _derived(run, every, derived_note(summary["secondLook"], summary["answers"]))
    summary["notes"] = [*notes, *found]
    summary |= {"orientations": orientations, "seconds": round(time.monotonic() - started, 1)}
    _write_summary(layout, summary)
    summary["doubts"] = doubts(read_run(layout.root))
    _write_summary(layout, summary)
    if config.report:
        _write_report(layout, summary)
    return summary


def _with_derived(run: FinishedRun, merged: dict[str, list], table: pd.DataFrame, names: dict[int, str]) -> pd.DataFrame:
    """The table of merged picks with what derived pickers alone found."""
    path = run.layout.scored_derived
    if not (run.config.derived and path.is_file()):
        return table
    return in_tomogram_voxels(join_tables([merged, read_table(path)]), run.tomograms, names, run.config.threshold)


def _derived(run: FinishedRun, every: pd.DataFrame, later: str) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Of each derived picker, how many places it found alone and how many of them are accepted; and what to say of them.

    later: what their scores do not hold.
    """
    if not run.config.derived:
        return {}, []
    if not run.layout.scored_derived.is_file():
        return {}, ["the picks of derived pickers are not scored: no network was trained, or they are of other tomograms"]
    counts = {}
    for name in derived_names(run.config.derived):
        own = every["pickers"].map(lambda pickers, name=name: name in pickers.split("+"))
        counts[name] = {"alone": int(own.sum()), "accepted": int((own & every["accepted"]).sum())}
    alone = ", ".join(f"{name} {of['alone']} ({of['accepted']} accepted)" for name, of in counts.items())
    text = f"found by derived pickers alone: {alone}. They are in accepted.csv and scored.csv, but in no other number or figure"
    return counts, [f"{text}. They are {later}" if later else text]


def _write_summary(layout: RunLayout, summary: dict) -> None:
    with written_aside(layout.summary) as aside:
        aside.write_text(json.dumps(summary, indent=1))


def _write_report(layout: RunLayout, summary: dict) -> None:
    """Write the report of the run. The picks are written already, so that an error here is only a note."""
    from tomo_particles.reports.html_report import write_report

    try:
        write_report(layout.root)
    except InputError as error:
        summary["notes"].append(f"no report: {error}")
        _write_summary(layout, summary)


def _summary(run: FinishedRun, table: pd.DataFrame, good: np.ndarray, notes: list[str]) -> dict:
    config, layout = run.config, run.layout
    verdict = None if config.votes_only or not len(table) else Verdict.from_json(layout.verdict.read_text(encoding="utf-8"))
    verdict = verdict and verdict.with_names(dict(enumerate(run.names, start=1)))
    raw = {t.tomo_id: read_table(layout.picks(t.tomo_id))["ref"] for t in run.tomograms}
    counts = {name: sum(refs.count(i + 1) for refs in raw.values()) for i, name in enumerate(run.names)}
    merged, accepted = table["tomo_id"].value_counts(), table["tomo_id"][good].value_counts()
    return {
        "verdict": verdict and json.loads(verdict.to_json()),
        "version": __version__,
        "seed": config.seed,
        "threshold": config.threshold,
        "samplingRate": run.sampling_rate,
        "boxSize": config.box_size,
        "method": "voting" if config.votes_only else "votes and second look" if config.voting else "network",
        "model": run.model if verdict and not config.voting and Path(run.model).exists() else None,
        "picks": counts,
        "reliability": _reliability(run),
        "secondLook": _second_look(run),
        "answers": _answers(run),
        "expected": _expected(table, config.threshold, verdict) if verdict and config.training.recipe == "consensus" else {},
        "merged": len(table),
        "accepted": int(good.sum()),
        "tomograms": {
            t.tomo_id: {
                "picks": len(raw[t.tomo_id]),
                "merged": int(merged.get(t.tomo_id, 0)),
                "accepted": int(accepted.get(t.tomo_id, 0)),
            }
            for t in run.tomograms
        },
        "bySupport": {
            str(s): {"merged": int((table["support"] == s).sum()), "accepted": int((table["support"][good] == s).sum())}
            for s in sorted(table["support"].unique())
        },
        "notes": notes,
        "parameters": asdict(config),
        "settings": settings_of(config),
    }


def _expected(table: pd.DataFrame, threshold: float, verdict: Verdict) -> dict[str, float | None]:
    """Expected precision and recall at the threshold, with the ends of their intervals; recall is of the particles that any
    picker found. Empty if nothing is accepted, None for unknown numbers. The same numbers as in the report."""
    eligible = table.loc[table["label"] != NEGATIVE, "probability"].to_numpy()
    return expected_precision_recall(eligible, np.array([threshold]), verdict).at(0)


def _second_look(run: FinishedRun) -> dict | None:
    """What came of the second look; None if there was none."""
    if run.config.diameter is None:
        return None
    if not (run.config.voting or Path(run.model).exists()):
        return {"used": False, "reason": "none, because no network was trained"}
    return dict(json.loads(run.layout.look.read_text(encoding="utf-8")))


def _answers(run: FinishedRun) -> dict | None:
    """What came of the answers of persons; None if there are none."""
    if run.config.votes_only or not run.layout.learned.exists():
        return None
    return dict(json.loads(run.layout.learned.read_text(encoding="utf-8")))


def _reliability(run: FinishedRun) -> dict[str, dict[str, float]]:
    """Estimated recall and precision of each picker, by name; empty where they are unknown."""
    if run.config.votes_only or not run.layout.reliability.exists():
        return {}
    table = pd.read_csv(run.layout.reliability).round(3).dropna()
    return {
        run.names[int(row["picker"]) - 1]: {"recall": row["recall"], "precision": row["precision"]} for _, row in table.iterrows()
    }


def draw(
    path: Path, table: pd.DataFrame, good: np.ndarray, tomograms: Sequence[TomogramInfo], box_size: int, rate: float
) -> None:
    """Picture of the tomogram with most picks."""
    from tomo_particles.core.tomograms import open_tomogram
    from tomo_particles.reports.pictures import draw_picks

    most = table["tomo_id"].value_counts()
    shown = next((t for t in tomograms if len(most) and t.tomo_id == most.index[0]), tomograms[0])
    own = (table["tomo_id"] == shown.tomo_id).to_numpy()
    positions = table[["x", "y", "z"]].to_numpy(dtype=float)
    with open_tomogram(shown.path, shown.sampling_rate) as opened:
        draw_picks(
            path,
            f"{shown.tomo_id}: {(own & good).sum()} accepted, {(own & ~good).sum()} rejected",
            opened.data,
            positions[own & good],
            positions[own & ~good],
            max(2, round(box_size * rate / shown.sampling_rate)),
        )
