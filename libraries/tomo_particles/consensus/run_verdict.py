"""The verdict on the scores of merged picks, from the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core.errors import parameter
from ..formats.xmd import positions_of
from .final_score import expit, odds_by_look
from .labels import agreement_of
from .merged_picks import references_of, votes_of
from .picker_reliability import witnesses_of
from .verdict import ScoredPlaces, Verdict, verdict_of


def verdict_on(columns: Mapping[str, list], outlying: np.ndarray, noise: Mapping[str, list], out_of_fold: bool) -> Verdict:
    """What the network's scores of merged picks and of noise picks are worth.

    columns, noise: tables with scores.  outlying: (m,) picks of outlying contrast; they and the user's references are left out.
    out_of_fold: see `verdict_of`.
    """
    labels = np.array(columns["enabled"])
    free = ~references_of(columns["comment"]) & ~outlying
    seen, _ = votes_of([comment for comment, own in zip(columns["comment"], free, strict=True) if own])
    return verdict_of(_places(columns)[free], _places(noise), agreement_of(columns["comment"], labels)[free], (labels == 1)[free],
                      len(set(witnesses_of(seen))), out_of_fold)


def _places(columns: Mapping[str, list]) -> ScoredPlaces:
    if not columns.get("image"):
        return ScoredPlaces(np.zeros(0), np.zeros(0, dtype=str), np.zeros((0, 3)))
    return ScoredPlaces(np.array(columns["zScoreDeepLearning1"]), np.array(columns["tiltSeriesId"], dtype=str),
                        positions_of(columns, "the picks", parameter("input")))


def confirmed(columns: Mapping[str, list], final: np.ndarray, unlike_noise: float) -> float:
    """Of the particles that the final scores (m,) promise among the picks of at least one half, the share that the network's
    scores alone promise; no more than do not look like noise (unlike_noise: their share of all picks), and at most 1."""
    agreement = agreement_of(columns["comment"], np.array(columns["enabled"]))
    free = np.isfinite(agreement)
    by_network = expit(odds_by_look(np.array(columns["zScoreDeepLearning1"])[free], agreement[free]))
    promised = final[free] >= 0.5
    most = min(by_network[promised].sum(), unlike_noise * free.sum())
    return float(min(1.0, most / max(final[free][promised].sum(), 1e-9)))
