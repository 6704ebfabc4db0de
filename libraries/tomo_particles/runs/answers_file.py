"""The answers of persons about the picks of a run: a CSV file, one row for each answer, the latest last.

No run removes or changes it. Each answer is on the disk before the next question is shown.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd

from ..consensus.answers import Answer
from ..core.errors import InputError
from ..core.files import quoting_of, without_comments, written_aside
from ..core.names import from_cell, to_cell

YES, NO = "yes", "no"
NEEDED = ("tomo_id", "x", "y", "z", "samplingRate", "answer")
COLUMNS = (*NEEDED, "who", "when", "why", "score")
TEXTS = ("tomo_id", "answer", "who", "when", "why")


def read_answers(path: str | os.PathLike) -> list[Answer]:
    """The answers, the oldest first; none where there is no file.

    Raises InputError for a file that is damaged. A damaged file is never replaced: it may hold hours of work.
    """
    file = Path(path)
    if not file.is_file():
        return []
    try:
        table = pd.read_csv(
            without_comments(file.read_bytes()),
            dtype=dict.fromkeys(TEXTS, str),
            keep_default_na=False,
            na_values={"score": ["", "nan"]},
        )
        if missing := [name for name in NEEDED if name not in table]:
            raise InputError(
                f"'{file}' is damaged: it has no column {', '.join(missing)}; answers need the columns "
                f"{', '.join(NEEDED)} (yes or no), and may have {', '.join(COLUMNS[len(NEEDED) :])}; mend it, or move it away"
            )
        table = table.assign(**{name: "" for name in TEXTS if name not in table})
        table = table.assign(**{} if "score" in table else {"score": float("nan")})
        numbers = {name: table[name].to_numpy(dtype=float) for name in ("x", "y", "z", "samplingRate", "score")}
        texts = {name: [from_cell(cell) for cell in table[name]] for name in TEXTS}
    except InputError:
        raise
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(f"'{file}' is damaged ({error}); it holds answers about picks: mend it, or move it away") from error
    places = np.column_stack([numbers[axis] for axis in "xyz"])
    right = np.isfinite(places).all(axis=1) & (numbers["samplingRate"] > 0) & np.isin(texts["answer"], (YES, NO))
    if not right.all():
        raise InputError(
            f"'{file}' is damaged (row {int(np.argmin(right)) + 1} needs a place, a sampling rate above 0, and yes or no); it "
            "holds answers about picks: mend it, or move it away"
        )
    return [
        Answer(
            texts["tomo_id"][i],
            (float(places[i, 0]), float(places[i, 1]), float(places[i, 2])),
            float(numbers["samplingRate"][i]),
            texts["answer"][i] == YES,
            texts["who"][i],
            texts["when"][i],
            texts["why"][i],
            float(numbers["score"][i]),
        )
        for i in range(len(table))
    ]


def add_answer(path: str | os.PathLike, answer: Answer) -> list[Answer]:
    """Save one more answer; returns all of them, also those that another window saved meanwhile."""
    with _held(path):
        answers = [*read_answers(path), answer]
        _write(path, answers)
    return answers


def take_back(path: str | os.PathLike, answer: Answer) -> list[Answer]:
    """Remove one answer, the latest of equal ones; returns the others."""
    with _held(path):
        answers = read_answers(path)
        same = [i for i, other in enumerate(answers) if _key(other) == _key(answer)]
        for i in same[-1:]:
            del answers[i]
        _write(path, answers)
    return answers


def _key(answer: Answer) -> tuple:
    """What tells answers apart; scores are read as they were rounded."""
    place = tuple(f"{value:.6g}" for value in answer.position)
    return answer.tomo_id, place, answer.yes, answer.who, answer.when


def _write(path: str | os.PathLike, answers: Sequence[Answer]) -> None:
    rows = [(a.tomo_id, *a.position, a.sampling_rate, YES if a.yes else NO, a.who, a.when, a.why, a.score) for a in answers]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.assign(**{name: [to_cell(cell) for cell in table[name]] for name in TEXTS})
    with written_aside(path) as aside:
        quoting = quoting_of(table) if len(table) else 0
        table.to_csv(aside, index=False, float_format="%.6g", quoting=quoting)


@contextmanager
def _held(path: str | os.PathLike) -> Iterator[None]:
    """Hold the file against other windows that save an answer at the same time."""
    lock = Path(path).with_name(f".{Path(path).name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "a", encoding="utf-8") as stream:
        with suppress(OSError):  # some network disks know no locks
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
