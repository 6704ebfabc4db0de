"""What xmipp_evaluate_picking_tomo writes and prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.evaluation.figures import draw_confusion, draw_curves
from tomo_particles.evaluation.report import (
    Comparison,
    Joined,
    confusion,
    localisation_matches,
    matches_on_others,
    score_curves,
)
from tomo_particles.formats.xmd import Columns, join_tables, picks_columns, write_table

from .inputs import Case

METRICS = (
    "particles",
    "RR",
    "TP",
    "FP",
    "FN",
    "MH",
    "RO",
    "AD",
    "AD_angstrom",
    "recall",
    "precision",
    "miss_rate",
    "F1",
    "F4",
    "average_precision",
    "brier",
    "ECE",
)
SHOWN = {
    "particles": "N",
    "RR": "RR",
    "TP": "TP",
    "FP": "FP",
    "FN": "FN",
    "MH": "MH",
    "RO": "RO",
    "AD": "AD",
    "recall": "recall",
    "precision": "precision",
    "F1": "F1",
    "F4": "F4",
    "average_precision": "AP",
}


def metrics_table(report: Mapping[str, Any]) -> pd.DataFrame:
    """One row for all, one for each species and one for each size group, by rule; of a size group only the mean F1 is known."""
    rows = []
    for rule, numbers in report.items():
        rows.append({"rule": rule, "kind": "all", "name": "all", **numbers["localisation"]})
        rows += [{"rule": rule, "kind": "class", "name": name, **values} for name, values in numbers["classes"].items()]
        rows += [{"rule": rule, "kind": "size group", "name": name, "F1": f1} for name, f1 in numbers["size_groups"].items()]
    table = pd.DataFrame(rows, columns=["rule", "kind", "name", *METRICS])
    counts = ["particles", "RR", "TP", "FP", "FN", "MH", "RO"]
    return table.astype(dict.fromkeys(counts, "Int64"))


def all_reports(page: Mapping[str, Any]) -> dict[str, Any]:
    """The reports by rule, and those without bad regions under names of their own."""
    good = page.get("good_regions") or {}
    return {**page["all"], **{f"{rule}, good regions": numbers for rule, numbers in good.items()}}


def picks_table(comparisons: Sequence[Comparison], cases: Sequence[Case]) -> Columns:
    """Every pick in the truth's voxels, with what became of it by the distance rule.

    enabled: 1 for the pick that counts for its particle, else -1.  itemId: that particle's row in the truth of its tomogram, 0
    where none.  cost: distance to it, voxels, absent where none.  comment: hit, surplus (another pick counts for the particle),
    other (a distractor or a species that is no target), false, outside (the volume).
    """
    return join_tables([_picks_of(one, case) for one, case in zip(comparisons, cases, strict=True) if len(one.picks)])


def _picks_of(one: Comparison, case: Case) -> Columns:
    joined = Joined.of([one])
    matches, other = localisation_matches(joined, "distance"), matches_on_others(joined, "distance")
    hit = matches.particle >= 0
    verdict = np.where(hit, "surplus", np.where(other.particle >= 0, "other", "false")).astype(object)
    verdict[matches.counts] = "hit"
    if one.outside is not None:
        verdict[one.outside] = "outside"
    columns = picks_columns(one.picks, round(2 * float(np.median(case.radii))), case.tomogram or "")
    if case.tomogram is None:
        columns.pop("tomogramVolume")  # Xmipp cannot read an empty word
    return columns | {
        "enabled": np.where(matches.counts, 1, -1).tolist(),
        "itemId": (np.where(hit, matches.particle, other.particle) + 1).tolist(),
        "cost": np.where(hit, matches.distance, other.distance).tolist(),
        "comment": verdict.tolist(),
    }


def write_outputs(
    oroot: str, page: Mapping[str, Any], comparisons: Sequence[Comparison], cases: Sequence[Case], targets: Sequence[str]
) -> list[str]:
    """Write base.json, base_metrics.csv, base_picks.xmd, base_confusion.csv and .png, base_curves.png; returns their paths."""
    joined = Joined.of(comparisons)
    report = page["all"]
    written = [f"{oroot}_metrics.csv", f"{oroot}_picks.xmd", f"{oroot}_curves.png"]
    write_csv_table(written[0], metrics_table(all_reports(page)))
    write_table(written[1], picks_table(comparisons, cases))
    curves = {rule: found for rule in joined.candidates if (found := score_curves(joined, rule))}
    points = {rule: (numbers["localisation"]["recall"], numbers["localisation"]["precision"]) for rule, numbers in report.items()}
    what = f"{Path(page['parameters']['picks']).name}: {len(joined.picked_species)} picks, {int(joined.target.sum())} particles"
    draw_curves(written[2], what, points, curves)
    matrix = [f"{oroot}_confusion.csv", f"{oroot}_confusion.png"]
    if targets:
        rows, columns, counts = confusion(joined, "distance", targets)
        write_csv_table(matrix[0], pd.DataFrame(counts, columns=columns).assign(**{"true class": rows})[["true class", *columns]])
        draw_confusion(matrix[1], what, rows, columns, counts)
        written += matrix
    else:
        for path in matrix:
            Path(path).unlink(missing_ok=True)  # of an earlier evaluation under this name: it would pass for this one's
    with written_aside(f"{oroot}.json") as aside:
        aside.write_text(json.dumps(page, indent=1, allow_nan=False), encoding="utf-8")
    return [f"{oroot}.json", *written]


def summary_text(page: Mapping[str, Any]) -> str:
    """The main numbers as a table for the terminal."""
    lines = []
    reports = all_reports(page)
    table = metrics_table(reports)
    for rule, numbers in reports.items():
        rows = table[(table["rule"] == rule) & (table["kind"] != "size group")]
        shown = rows[list(SHOWN)].rename(columns=SHOWN).set_axis(list(rows["name"]), axis=0)
        shown = shown.dropna(axis="columns", how="all")
        lines += [
            f"{rule} rule" if rule in page["all"] else f"{rule.replace(',', ' rule,')} only",
            shown.to_string(float_format="{:.3f}".format, na_rep="-"),
        ]
        baseline = numbers["random_baseline"]
        lines.append(f"random positions: F1 {baseline['F1']:.3f} +- {baseline['F1_standard_deviation']:.3f}")
        if groups := numbers["size_groups"]:
            lines.append("mean class F1: " + ", ".join(f"{name} {f1:.3f}" for name, f1 in groups.items()))
        if others := numbers["false_picks_on"]:
            lines.append("false picks on: " + ", ".join(f"{name} {count}" for name, count in others.items()))
        if (ece := numbers["localisation"]["ECE"]) is not None:
            lines.append(f"calibration: Brier {numbers['localisation']['brier']:.3f}, ECE {ece:.3f}")
        lines.append("")
    return "\n".join([*lines, *(f"note: {note}" for note in page["notes"])])
