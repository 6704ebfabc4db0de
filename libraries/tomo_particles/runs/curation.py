"""A finished run whose picks a person judges: what to show next, and what the scores are with the answers so far."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from ..consensus.answered_scores import answered_scores, contradicted, evidence_of
from ..consensus.answers import Answer, AnsweredPicks, answered_picks
from ..consensus.chance_agreement import agreement_informs
from ..consensus.informative_picks import AGAIN, ANY_SCORE, Proposal, informative_picks
from ..consensus.merged_picks import POSITIVE, MergedPicks, references_of
from ..consensus.training_examples import contrast_outliers_of
from ..core.errors import InputError, parameter
from ..formats.xmd import read_table
from .answers_file import add_answer, read_answers, take_back
from .results import RunResults, layout_of, read_run

AT_A_TIME = 5  # picks that are proposed before the scores are fitted again
OUTLYING = "stands out by its contrast, as gold or ice does"
RADIUS = 0.35  # of the box, where the run does not say: the default of the consensus


def this_person() -> str:
    """The name of the account, for the answers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        return "unknown"


def radius_of(run: RunResults) -> float:
    """Within which an answer is about a pick: the radius of the consensus, voxels of the common grid."""
    parameters = run.summary.get("parameters", {})
    return float(parameters.get("radius", parameters.get("consensusRadius", RADIUS))) * run.box_size


@dataclass
class Curation:
    """The state of a window in which one person answers; every answer is in the file of the run before `answer` returns.

    file: of the answers.  picks: m merged picks with the scores that the run gave without answers.  outlying: (m,) bool, those
    that stand out by their contrast.  who: name of the person.
    seed: of the choice of picks.  probability: (m,) with the answers.  answered: what was answered, also in earlier sessions.
    """

    run: RunResults
    file: Path
    picks: MergedPicks
    outlying: np.ndarray
    who: str
    seed: int
    answers: list[Answer] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    _own: list[tuple[Answer, Proposal | None]] = field(default_factory=list)  # of this session, for undo
    _queue: list[Proposal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._evidence = evidence_of(self.picks.network, self.picks.comments, self.picks.picker_scores)
        self._fit(read_answers(self.file))

    # ---- what is known
    @property
    def answered(self) -> AnsweredPicks:
        """What the answers of all sessions say of the picks."""
        return self._answered

    @property
    def number(self) -> int:
        """How many picks have an answer, with those that were added."""
        return len(self._answered.rows) + len(self._answered.added)

    def of_row(self, row: int) -> bool | None:
        """The answer to a pick; None for none."""
        found = np.flatnonzero(self._answered.rows == row)
        return bool(self._answered.yes[found[0]]) if len(found) else None

    # ---- questions
    def question(self) -> Proposal | None:
        """The pick to show now; None if every pick was shown."""
        if not self._queue:
            asked = [*self._answered.rows.tolist(), *self.skipped, *self._known]
            self._queue = informative_picks(self.picks, self.probability, asked, AT_A_TIME, self.seed, self._again())
        return self._queue[0] if self._queue else None

    def answer(self, yes: bool) -> None:
        """Save an answer to the pick that is shown."""
        if proposal := self.question():
            why = f"{proposal.why} (seed {self.seed})" if proposal.why == ANY_SCORE else proposal.why
            self._save(self.answer_to(proposal.row, yes, why), proposal)
            self._queue = self._queue[1:]

    def skip(self) -> None:
        """Leave the pick that is shown without an answer; it is not shown again in this session."""
        if proposal := self.question():
            self.skipped.append(proposal.row)
            self._queue = self._queue[1:]

    def mark(self, tomo_id: str, position: np.ndarray, yes: bool, why: str) -> None:
        """Save an answer to any place of a tomogram. position: x, y, z, voxels of the common grid."""
        x, y, z = map(float, position)
        self._save(self._said(tomo_id, (x, y, z), yes, why), None)

    def mark_pick(self, row: int, yes: bool, why: str) -> None:
        """Save an answer to any pick."""
        self._save(self.answer_to(row, yes, why), None)
        self._queue = [proposal for proposal in self._queue if proposal.row != row]

    def undo(self) -> bool:
        """Take back the last answer of this session and show its pick again; whether there was one."""
        if not self._own:
            return False
        answer, proposal = self._own.pop()
        self._fit(take_back(self.file, answer))
        if proposal:
            self._queue = [proposal, *(other for other in self._queue if other.row != proposal.row)]
        return True

    # ---- helpers
    def answer_to(self, row: int, yes: bool, why: str) -> Answer:
        """An answer to a pick, with its score before the first answer to it: an answer must not foretell the next."""
        x, y, z = map(float, self.picks.positions[row])
        earlier = np.flatnonzero(self._answered.rows == row)
        score = self._answered.of[earlier[0]].score if len(earlier) else float(self.probability[row])
        return self._said(str(self.picks.tomo_id[row]), (x, y, z), yes, why, score)

    def _said(self, tomo_id: str, place: tuple[float, float, float], yes: bool, why: str, score: float = float("nan")) -> Answer:
        when = datetime.now().astimezone().isoformat(timespec="milliseconds")
        return Answer(tomo_id, place, self.run.sampling_rate, yes, self.who, when, why, score)

    def _save(self, answer: Answer, proposal: Proposal | None) -> None:
        self._fit(add_answer(self.file, answer))
        self._own.append((answer, proposal))

    def _fit(self, answers: list[Answer]) -> None:
        self.answers = answers
        radius, picks = radius_of(self.run), self.picks
        self._answered = answered_picks(answers, picks.tomo_id, picks.positions, self.run.sampling_rate, radius)
        self.probability = answered_scores(picks.score, self._evidence, self._answered.rows, self._answered.yes)

    @property
    def _known(self) -> list[int]:
        """Rows of the references that the run was given."""
        return np.flatnonzero(references_of(self.picks.comments)).tolist()

    def _again(self) -> list[int]:
        """Rows whose answer the others speak against, and that were not asked twice."""
        found = self._answered
        rows = contradicted(self.picks.score, self._evidence, found.rows, found.yes)
        once = {int(row) for row, answer in zip(found.rows, found.of, strict=True) if answer.why != AGAIN}
        return [int(row) for row in rows if int(row) in once and int(row) not in self.skipped]


def open_curation(
    folder: str | os.PathLike,
    who: str,
    seed: int,
    option: str = parameter("run"),
    answers: str | os.PathLike | None = None,
) -> Curation:
    """Open a finished run. answers: another file than that of the run.

    Raises InputError for a folder that is no such run, or one whose scores cannot be learned.
    """
    run, layout = read_run(folder, option=option), layout_of(folder)
    if run.threshold is None:
        raise InputError(
            f"{option}: the run in '{folder}' voted; its shares of votes cannot learn from answers; run it again with "
            "the network, or with a second look"
        )
    columns = read_table(layout.scored, option)
    picks = MergedPicks.from_columns(columns)
    typical = picks.label == POSITIVE if agreement_informs(columns) else np.ones(len(picks), dtype=bool)  # as in the training
    outlying = contrast_outliers_of(columns, typical)
    return Curation(run, Path(answers or layout.answers), picks, outlying, who, seed)
