"""Merged picks: who saw them, with which scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def votes_of(comments: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(m, K) bool who saw each merged pick and (K,) ids of the pickers, from texts such as "1+3" (0: a reference)."""
    ids = [{int(picker) for picker in comment.split("+")} for comment in comments]
    pickers = np.array(sorted(set().union(*ids) - {0}), dtype=int)
    seen = np.array([[picker in row for picker in pickers] for row in ids], dtype=bool)
    return seen.reshape(len(comments), len(pickers)), pickers


def scores_of(comments: Sequence[str], scores: Sequence[str] | None, pickers: np.ndarray) -> np.ndarray:
    """(m, K) score of each picker for each pick, NaN for none, from texts such as "1+3" and "0.8+nan"."""
    table = np.full((len(comments), len(pickers)), np.nan)
    column = {int(picker): k for k, picker in enumerate(pickers)}
    for row, (ids, values) in enumerate(zip(comments, scores or [], strict=False)):
        for picker, value in zip(ids.split("+"), values.split("+"), strict=True):
            if int(picker) in column:
                table[row, column[int(picker)]] = float(value)
    return table
