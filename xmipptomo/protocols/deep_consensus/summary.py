"""The numbers of a run, as JSON, and the summary that the window shows of them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pwem.protocols import EMProtocol
from pyworkflow.protocol import params

from tomo_particles import __version__
from tomo_particles.consensus.expected_precision import FEWEST_PICKS, promise_text
from tomo_particles.core.files import written_aside
from tomo_particles.runs.notes import derived_note

from ...constants import RECIPES
from ...files import DOUBTFUL, LABELS, NOISE, POSITIVE, RunFiles
from ..shared.sets import MAX_TOMOGRAM_LINES
from .inputs import CommonGrid, count_rows
from .notes import run_doubts, run_notes, vote_notes


def collect_summary(files: RunFiles, grid: CommonGrid, ts_ids: Sequence[str], accepted: dict[str, int],
                    failures: Sequence[str], notes: list[str], settings: dict[str, Any]) -> None:
    """Count picks by tomogram, picker and label and write them to the summary file.

    notes: to be added to those of the programs.  settings: other values of the report, such as seed, threshold and parameters.
    """
    tomograms = {}
    for ts_id in ts_ids:
        counts = {label: count_rows(files.labelled(ts_id, label)) for label in LABELS}
        tomograms[ts_id] = {"picks": grid.tomograms[ts_id].counts, **counts, "accepted": accepted[ts_id],
                            "left_out": grid.tomograms[ts_id].left_out}
    votes = vote_notes(files, grid, ts_ids, votes_only=settings["threshold"] is None)
    content = {"version": __version__, **settings, "samplingRate": grid.sampling_rate, "boxSize": grid.box_size,
               "pickers": grid.names, "tomograms": tomograms,
               "failures": list(failures), "notes": notes + votes + run_notes(files, grid, ts_ids),
               "doubts": run_doubts(files, settings["threshold"]),
               "reliability": _reliability(files)}
    with written_aside(files.summary) as aside:
        Path(aside).write_text(json.dumps(content, indent=1), encoding="utf-8")


def settings_of(protocol: EMProtocol, threshold: float | None, names: Sequence[str]) -> dict[str, Any]:
    """Label, seed, threshold (None: voting), references, and the parameters of these names, for the summary file.

    settings: those of the parameters that had a meaning, by the labels of their fields.
    """
    parameters = {name: protocol.getEnumText(name) if isinstance(protocol.getParam(name), params.EnumParam)
                  else protocol.getAttributeValue(name) for name in names}
    shown = {protocol.getParam(name).label.get(): _shown(value) for name, value in parameters.items()
             if protocol.evalParamCondition(name)}
    recipe = RECIPES[0 if protocol.doVoting else protocol.recipe.get()]  # voting hides it
    return {"label": protocol.getRunName(), "settings": shown, "seed": protocol.randomSeed.get(), "threshold": threshold,
            "method": _method(protocol, threshold),
            "references": {kind: sum(pointer.get() is not None for pointer in pointers) for kind, pointers in
                           (("positive", protocol.positiveReferences), ("negative", protocol.negativeReferences))},
            "parameters": {**parameters, "recipe": recipe}}


def _method(protocol: EMProtocol, threshold: float | None) -> str:
    """What scored the picks, as the run program says it."""
    return "voting" if threshold is None else "votes and second look" if protocol.doVoting else "network"


def _shown(value: Any) -> str:
    """A value as the form shows it."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return "-" if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)


def _reliability(files: RunFiles) -> dict[str, dict[str, float]]:
    """Estimated recall and precision by picker's number, as scoring wrote them; empty in voting."""
    if not os.path.exists(files.reliability):
        return {}
    with open(files.reliability, newline="", encoding="utf-8") as file:
        return {row["picker"]: {name: float(row[name]) for name in ("recall", "precision")} for row in csv.DictReader(file)
                if row["recall"]}


def summary_lines(files: RunFiles) -> list[str]:
    """The summary of a finished run, from its files, because the form may have changed."""
    if not os.path.exists(files.summary):
        return ["The results are not ready yet."]
    content = json.loads(Path(files.summary).read_text(encoding="utf-8"))
    tomograms = content["tomograms"]
    total = {label: sum(t[label] for t in tomograms.values()) for label in (*LABELS, "accepted", "left_out")}
    threshold = content["threshold"]
    lines = [*_verdict_lines(content),
             f"*{total['accepted']} picks accepted* in {len(tomograms)} tomogram{'s' * (len(tomograms) != 1)} "
             + ("by voting" if threshold is None else f"with a score of at least {threshold:g}"),
             *_expectation_lines(content),
             *_look_lines(content),
             *_answer_lines(content),
             f"Common sampling rate and box: {content['samplingRate']:.4g} Å/voxel, box of {content['boxSize']} voxels"]
    if version := content.get("extractedFrom"):
        lines.append(f"Subtomograms are cut from: {version}")
    lines += [_picker_line(content, number) for number in range(1, len(content["pickers"]) + 1)]
    later = derived_note(content.get("secondLook"), content.get("answers"))
    lines += [f"{name}: found {of['alone']} places alone, {of['accepted']} of them accepted{f'; {later}' if later else ''}"
              for name, of in content.get("derived", {}).items()]
    lines.append(f"Merged: {total[POSITIVE]} positive, {total[DOUBTFUL]} doubtful; noise: {total[NOISE]}; seed {content['seed']}")
    if compared := content.get("orientations"):
        lines.append(f"Orientations: those of different pickers are {compared['medianDisagreement']:.1f} degrees from their mean "
                     f"(median of {compared['compared']} picks)")
    lines += [_tomogram_line(ts_id, t) for ts_id, t in list(tomograms.items())[:MAX_TOMOGRAM_LINES]]
    if len(tomograms) > MAX_TOMOGRAM_LINES:
        lines.append(f"... and {len(tomograms) - MAX_TOMOGRAM_LINES} tomograms more")
    if total["left_out"]:
        lines.append(f"*{total['left_out']} picks lay outside their tomogram* and were left out")
    lines += [f"*Note*: {note}" for note in (*content.get("doubts", []), *content.get("notes", []))]
    lines += [f"*Tomogram left out* {failure}" for failure in content["failures"]]
    results = {"Report": files.report, "Model": files.model, "Training log": files.training_log, "All scores": files.final,
               "Places as picked": files.looks}
    return lines + [f"{name}: {path}" for name, path in results.items() if os.path.exists(path)]


def _expectation_lines(content: dict) -> list[str]:
    """What the scores promise of the accepted picks, where they are probabilities; runs of older versions did not write it."""
    promise = content.get("expected")
    if not promise or content["parameters"]["recipe"] != RECIPES[0]:
        return []
    merged = sum(t[POSITIVE] + t[DOUBTFUL] for t in content["tomograms"].values())
    doubt = f"; scores of only {merged} merged picks are rough" if merged < FEWEST_PICKS else ""
    return [f"Expected of them, by their scores: {promise_text(promise)}{doubt}"]


def _look_lines(content: dict) -> list[str]:
    """What came of the second look; nothing where it was not asked for, and in runs of older versions."""
    look = content.get("secondLook")
    if not look:
        return []
    if "diameter" not in look:  # it could not be tried
        return [f"*Second look*: {look['reason']}"]
    centres = "" if not look["used"] else "; centres as picked" if look["keptCentres"] else "; centres moved"
    first, last = look["tilts"]
    return [f"*Second look* ({look['diameter']:.4g} Å in diameter, tilts {first:g} to {last:g} degrees): "
            f"{look['reason']}{centres}"]


def _answer_lines(content: dict) -> list[str]:
    """What came of the answers of persons; nothing where there are none."""
    return [f"*Answers*: {content['answers']['text']}"] if content.get("answers") else []


def _verdict_lines(content: dict) -> list[str]:
    """What the scores rest on; runs of older versions did not write it."""
    verdict = content.get("verdict")
    return [f"*{verdict['kind'].capitalize()}*: {verdict['reason']}"] if verdict else []


def _picker_line(content: dict, number: int) -> str:
    picks = sum(tomogram["picks"][number - 1] for tomogram in content["tomograms"].values())
    line = f"Picker {number} ({content['pickers'][number - 1]}): {picks} picks"
    found = content["reliability"].get(str(number))
    return f"{line}, estimated recall {found['recall']:.2f}, precision {found['precision']:.2f}" if found else line


def _tomogram_line(ts_id: str, counts: dict) -> str:
    picks = " + ".join(str(n) for n in counts["picks"])
    return f"- {ts_id}: {picks} picks, {counts[POSITIVE]} positive, {counts[DOUBTFUL]} doubtful, {counts['accepted']} accepted"
