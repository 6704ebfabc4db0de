"""Merged picks: who saw them, with which scores, and which of them are accepted.

A table names the pickers that saw a merged pick in a text such as "1+3" and their scores, in the same order, in "0.8+nan".
Picker 0 is a reference of the user; it always stands first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

REFERENCE = 0


def write_pickers(pickers: Iterable[int | str]) -> str:
    """The text "1+3" of the pickers 1 and 3, or of their names."""
    return "+".join(map(str, pickers))


def write_scores(scores: Iterable[float]) -> str:
    """The text "0.8+nan" of the scores 0.8 and NaN."""
    return "+".join(f"{score:.6g}" for score in scores)


def read_pickers(comment: str) -> list[int]:
    """The pickers 1 and 3 of the text "1+3". Raises ValueError for another text."""
    return [int(picker) for picker in comment.split("+")]


def read_scores(text: str) -> list[float]:
    """The scores 0.8 and NaN of the text "0.8+nan". Raises ValueError for another text."""
    return [float(score) for score in text.split("+")]


def is_reference(comment: str) -> bool:
    """Whether a merged pick is a reference of the user, positive or negative."""
    return comment.partition("+")[0] == str(REFERENCE)


def references_of(comments: Iterable[str]) -> np.ndarray:
    """(m,) bool which merged picks are references of the user, positive or negative."""
    return np.array([is_reference(comment) for comment in comments], dtype=bool)


def named_pickers(comment: str, names: Mapping[int, str]) -> str:
    """The text "1+3" with the names of the pickers in place of their numbers; an empty text stays empty."""
    return write_pickers(names[picker] for picker in read_pickers(comment)) if comment else ""


def votes_of(comments: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(m, K) bool who saw each merged pick and (K,) ids of the pickers, without the references."""
    ids = [set(read_pickers(comment)) for comment in comments]
    pickers = np.array(sorted(set().union(*ids) - {REFERENCE}), dtype=int)
    seen = np.array([[picker in row for picker in pickers] for row in ids], dtype=bool)
    return seen.reshape(len(comments), len(pickers)), pickers


def scores_of(comments: Sequence[str], scores: Sequence[str] | None, pickers: np.ndarray) -> np.ndarray:
    """(m, K) score of each picker for each pick, NaN for none."""
    table = np.full((len(comments), len(pickers)), np.nan)
    column = {int(picker): k for k, picker in enumerate(pickers)}
    for row, (comment, text) in enumerate(zip(comments, scores or [], strict=False)):
        for picker, value in zip(read_pickers(comment), read_scores(text), strict=True):
            if picker in column:
                table[row, column[picker]] = value
    return table
