"""The results of an evaluation, as its program wrote them, and their summary in a few lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...files import EvaluationFiles

RULE = "distance"  # a pick hits a particle by its distance
# Numbers of an evaluation and how they are called in a table.
COLUMNS = {"particles": "particles", "RR": "picks", "TP": "true", "FP": "false", "FN": "missed", "MH": "repeated",
           "AD_angstrom": "distance Å", "recall": "recall", "precision": "precision", "F1": "F1", "F4": "F4",
           "average_precision": "AP", "brier": "Brier", "ECE": "ECE"}


@dataclass(frozen=True)
class Evaluation:
    """One picking. report: the program's JSON.  pictures: the PNG files it wrote."""

    name: str
    report: dict[str, Any]
    pictures: list[str]

    @staticmethod
    def read(name: str, files: EvaluationFiles, number: int) -> Evaluation:
        """The evaluation of the picking of this number."""
        report = json.loads(Path(files.report(number)).read_text(encoding="utf-8"))
        pictures = [path for path in (files.curves(number), files.confusion(number)) if Path(path).exists()]
        return Evaluation(name, report, pictures)

    @property
    def numbers(self) -> dict[str, Any]:
        """Particles, RR, TP, FP, FN, recall, precision, F1, average_precision (None without scores), brier, ECE..."""
        return self.report["all"][RULE]["localisation"]

    @property
    def in_good_regions(self) -> dict[str, Any] | None:
        """The same without what lies in bad regions; None without masks."""
        good = self.report.get("good_regions")
        return good[RULE]["localisation"] if good else None

    @property
    def random_f1(self) -> float:
        """F1 of as many random positions."""
        return self.report["all"][RULE]["random_baseline"]["F1"]

    @property
    def species(self) -> dict[str, dict[str, Any]]:
        """The same numbers for each species; empty where picks or reference name none."""
        return self.report["all"][RULE]["classes"]

    @property
    def curve(self) -> dict[str, Any] | None:
        """Lists threshold, precision, recall, and reliability where scores are probabilities; None without scores."""
        return self.report["curves"].get(RULE)


def summary_lines(evaluations: Sequence[Evaluation]) -> list[str]:
    """One line per picking, the best first, and the notes of the program."""
    lines = [f"*{evaluations[0].numbers['particles']} particles in the reference*"]
    for evaluation in sorted(evaluations, key=lambda one: -one.numbers["F1"]):
        n = evaluation.numbers
        lines.append(f"*{evaluation.name}*: F1 {n['F1']:.3f}, precision {n['precision']:.3f}, recall {n['recall']:.3f}, AP "
                     f"{_shown(n['average_precision'])} ({n['RR']} picks: {n['TP']} true, {n['FP']} false, {n['MH']} repeated; "
                     f"{n['FN']} missed; random positions: F1 {evaluation.random_f1:.3f})")
        if good := evaluation.in_good_regions:
            lines.append(f"   in good regions only: F1 {good['F1']:.3f}, precision {good['precision']:.3f}, recall "
                         f"{good['recall']:.3f}")
        if evaluation.species:
            lines.append("   F1 of " + ", ".join(f"{name} {values['F1']:.2f}" for name, values in evaluation.species.items()))
        others = evaluation.report["all"][RULE]["false_picks_on"]
        if any(others.values()):
            lines.append("   false picks on " + ", ".join(f"{name} {count}" for name, count in others.items() if count))
    return lines + [f"{evaluation.name}: {note}" for evaluation in evaluations for note in evaluation.report["notes"]]


def numbers_table(evaluation: Evaluation) -> list[list[str]]:
    """Every number, as COLUMNS has them after a name: a row for all, each species, and each size group."""
    groups = {f"{name} (mean F1)": {"F1": f1} for name, f1 in evaluation.report["all"][RULE]["size_groups"].items()}
    good = {"good regions only": evaluation.in_good_regions} if evaluation.in_good_regions else {}
    rows = {"all": evaluation.numbers, **good, **evaluation.species, **groups}
    return [[name, *(_shown(values.get(key)) for key in COLUMNS)] for name, values in rows.items()]


def notes_of(evaluation: Evaluation) -> list[str]:
    """What to read beside the numbers."""
    return [f"as many random positions: F1 {evaluation.random_f1:.3f}", *evaluation.report["notes"]]


def _shown(value: float | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
