"""xmipp_learn_answers_tomo from files to files: scored merged picks, and their scores with the answers of persons."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tomo_particles.consensus.answered_scores import FEWEST_ANSWERS, answered_scores, contradicts, evidence_of
from tomo_particles.consensus.answered_table import answered_table
from tomo_particles.consensus.answers import Answer, AnsweredPicks, answered_picks
from tomo_particles.consensus.merged_picks import SCORE, MergedPicks, votes_of
from tomo_particles.consensus.picker_reliability import Reliability
from tomo_particles.consensus.verdict import Verdict
from tomo_particles.core.coordinates import rescale_size, same_sampling_rate
from tomo_particles.core.errors import InputError, parameter
from tomo_particles.core.files import written_aside
from tomo_particles.core.tomograms import open_tomogram
from tomo_particles.formats.xmd import read_table, require_one_rate, write_table
from tomo_particles.runs.answers_file import read_answers

from .._shared.program import require_positive
from .._shared.scored_files import verdict_beside, write_beside

NEEDED = (*"xyz", SCORE, "comment", "enabled", "particleId", "tiltSeriesId", "tomogramVolume", "samplingRate", "particleSize")

BESIDE = {  # what becomes of answers that are neither about a pick nor a new particle
    "outside": "lie outside their tomogram and are left out: check their places and samplingRate",
    "elsewhere": "are about tomograms that are not among these",
    "superseded": "were replaced by a later answer to the same place",
    "idle": "say no where there is no pick, which changes nothing",
}


@dataclass(frozen=True)
class LearnConfig:
    """input: XMD of scored merged picks.  answers: CSV.  radius: within which an answer is about a pick, fraction of the box.

    tomogram_sampling_rate: Å/voxel of the tomograms, None for that of their headers.
    """

    input: str
    answers: str
    output: str
    radius: float = 0.35
    tomogram_sampling_rate: float | None = None

    def __post_init__(self) -> None:
        if self.tomogram_sampling_rate is not None:
            require_positive(self.tomogram_sampling_rate, parameter("tomogram_sampling_rate"), "Å/voxel")
        require_positive(self.radius, parameter("radius"), "fraction of the box size")

    @property
    def record(self) -> Path:
        """JSON beside the output: what came of the answers."""
        return Path(self.output).with_name(f"{Path(self.output).stem}_learned.json")


def write_learned(config: LearnConfig) -> dict:
    """Score merged picks with the answers; returns what the record says."""
    columns = read_table(config.input, parameter("input"))
    if missing := [name for name in NEEDED if name not in columns]:
        raise InputError(f"{parameter('input')}: '{config.input}' lacks the column {missing[0]}; give what the scoring writes")
    if not columns["x"]:
        raise InputError(f"{parameter('input')}: '{config.input}' has no picks; nothing can be learned")
    answers = read_answers(config.answers)
    if not answers:
        raise InputError(f"{parameter('answers')}: '{config.answers}' holds no answer; give what xmipp_curate_picks_tomo wrote")
    picks = MergedPicks.from_columns(columns)
    require_one_rate(columns, config.input, parameter("input"))
    rate = float(columns["samplingRate"][0])
    radius = config.radius * float(columns["particleSize"][0])
    try:
        votes_of(columns["comment"])
    except ValueError as error:
        raise InputError(
            f"{parameter('input')}: '{config.input}' names its pickers; give the table of the scoring, with their numbers"
        ) from error
    verdict_file = verdict_beside(config.input)
    if not verdict_file.is_file():
        raise InputError(
            f"{parameter('input')}: '{config.input}' has no verdict beside it, '{verdict_file.name}'; score the picks again"
        )
    verdict = Verdict.from_json(verdict_file.read_text(encoding="utf-8"))
    known = set(picks.tomo_id)
    own = [answer for answer in answers if answer.tomo_id in known]
    first = answered_picks(own, picks.tomo_id, picks.positions, rate, radius)
    sizes = _sizes(columns, {answer.tomo_id for answer in (*first.added, *first.idle)}, config)
    answered = answered_picks(own, picks.tomo_id, picks.positions, rate, radius, sizes)
    evidence = evidence_of(picks.network, picks.comments, picks.picker_scores)
    score = answered_scores(picks.score, evidence, answered.rows, answered.yes)
    record = _record(answers, answered, rate, contradicts(picks.score[answered.rows], answered.yes))
    verdict = replace(verdict, reason=f"{verdict.reason}; {record['text']}")
    write_beside(config.output, verdict, _reliability(picks, score, verdict))
    with written_aside(config.record) as aside:
        aside.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    write_table(config.output, answered_table(columns, score, answered))
    return record


def _sizes(columns: dict[str, list], names: Collection[str], config: LearnConfig) -> dict[str, tuple[float, float, float]]:
    """x, y, z of some tomograms, in voxels of the picks."""
    sizes = {}
    for name in sorted(names):
        row = columns["tiltSeriesId"].index(name)
        path, rate = columns["tomogramVolume"][row], float(columns["samplingRate"][row])
        with open_tomogram(path, config.tomogram_sampling_rate, parameter("input")) as opened:
            sizes[name] = rescale_size(opened.size, opened.sampling_rate, rate)
    return sizes


def _record(answers: Sequence[Answer], answered: AnsweredPicks, rate: float, contradicting: int) -> dict:
    """yes, no: answered picks.  added: particles where no picker had a pick.  learned: whether the other scores changed.

    Of the other answers: outside their tomogram; elsewhere, about other tomograms; superseded by a later one; idle, of no where
    there is no pick.  expected: how many particles the scores of that time promised among the answered picks; None where not all
    had a score.  contradicting: answers against the score of their pick, 0 where chance explains them.  who: number of answers by
    person.  rate: of the picks, Å/voxel.
    """
    beside = {kind: len(getattr(answered, kind)) for kind in ("outside", "superseded", "idle")}
    added, counted = len(answered.added), len(answered.rows) + len(answered.added) + sum(beside.values())
    beside["elsewhere"] = len(answers) - counted
    yes, no = int(answered.yes.sum()), int((~answered.yes).sum())
    foretold = np.array([answer.score for answer in answered.of])
    known = np.isfinite(foretold)
    learned = yes + no >= FEWEST_ANSWERS
    text = f"{yes + no} picks were judged by a person, {yes} of them particles"
    if len(known) and known.all():
        text += f" (the scores expected {foretold.sum():.0f})"
    text += f", and {added} particles were added" if added else ""
    text += "".join(f"; {beside[kind]} answers {what}" for kind, what in BESIDE.items() if beside[kind])
    text += _of_other_rate(answered, rate, len(answers))
    if contradicting:
        text += f"; {contradicting} of {yes + no} answers contradict the scores: look at these picks again"
    text += "" if learned else f"; the other scores change from {FEWEST_ANSWERS} judged picks on"
    return {
        "yes": yes,
        "no": no,
        "added": added,
        **beside,
        "contradicting": contradicting,
        "learned": learned,
        "expected": round(float(foretold.sum()), 2) if len(known) and known.all() else None,
        "who": dict(Counter(answer.who for answer in (*answered.of, *answered.added))),
        "text": text,
    }


def _of_other_rate(answered: AnsweredPicks, rate: float, count: int) -> str:
    """A warning where most of `count` answers have another sampling rate than the picks and are about none of them."""
    stray = [
        answer.sampling_rate
        for answer in (*answered.added, *answered.outside, *answered.idle)
        if not same_sampling_rate(answer.sampling_rate, rate)
    ]
    if 2 * len(stray) <= count:
        return ""
    return (
        f"; most answers are about no pick, and say samplingRate {stray[0]:g}, while the picks have {rate:g} A/voxel: check "
        "samplingRate in the file of answers"
    )


def _reliability(picks: MergedPicks, score: np.ndarray, verdict: Verdict) -> Reliability:
    """Of each picker, from the scores with the answers; NaN where the verdict allows no statement."""
    seen, pickers = votes_of(list(picks.comments))
    expected = score @ seen
    known = 1.0 if verdict.promises else np.full(len(pickers), np.nan)
    unknown = np.full(len(pickers), np.nan)
    precision, recall = expected / np.maximum(1, seen.sum(axis=0)), expected / max(score.sum(), 1e-9)
    return Reliability(pickers, recall * known, unknown, float("nan"), precision * known, score)
