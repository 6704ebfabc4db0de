"""The verdict on the scores of merged picks, from the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .verdict import Verdict


def verdict_on(columns: Mapping[str, list], outlying: np.ndarray, noise: Mapping[str, list]) -> Verdict:
    """What the network's scores of merged picks and of noise picks are worth.

    columns, noise: tables with scores.  outlying: (m,) picks of outlying contrast; they and the user's references are left out.
    """
    from ..formats.xmd import positions_of
    from .labels import agreement_of
    from .merged_picks import votes_of
    from .picker_reliability import witnesses_of
    from .verdict import verdict_of

    labels = np.array(columns["enabled"])
    free = np.array([comment.split("+")[0] != "0" for comment in columns["comment"]], dtype=bool) & ~outlying
    seen, _ = votes_of([comment for comment, own in zip(columns["comment"], free, strict=True) if own])
    comparable = np.ones(len(labels), dtype=bool)
    if noise.get("image"):
        comparable = _between(columns["tiltSeriesId"], positions_of(columns, "the picks", "--input"),
                              noise["tiltSeriesId"], positions_of(noise, "the noise", "--inputNeg"))
    return verdict_of(
        np.array(columns["zScoreDeepLearning1"])[free], agreement_of(columns["comment"], labels)[free], (labels == 1)[free],
        np.array(noise.get("zScoreDeepLearning1", [])), len(set(witnesses_of(seen))), comparable[free])


def confirmed(columns: Mapping[str, list], final: np.ndarray) -> float:
    """Of the particles that the final scores (m,) promise among the picks of at least one half, the share that the network's
    scores alone promise; at most 1, and 0 where there is no such pick."""
    from .final_score import expit, odds_by_look
    from .labels import agreement_of

    agreement = agreement_of(columns["comment"], np.array(columns["enabled"]))
    free = np.isfinite(agreement)
    by_network = expit(odds_by_look(np.array(columns["zScoreDeepLearning1"])[free], agreement[free]))
    promised = final[free] >= 0.5
    return float(min(1.0, by_network[promised].sum() / max(final[free][promised].sum(), 1e-9)))


def _between(tomo_ids: list[str], positions: np.ndarray, noise_ids: list[str], noise: np.ndarray) -> np.ndarray:
    """(m,) which positions lie among the noise picks of their tomogram: within the box that holds them all."""
    inside = np.zeros(len(positions), dtype=bool)
    ids, of_noise = np.array(tomo_ids, dtype=str), np.array(noise_ids, dtype=str)
    for tomo_id in np.unique(of_noise):
        low, high = noise[of_noise == tomo_id].min(axis=0), noise[of_noise == tomo_id].max(axis=0)
        inside |= (ids == tomo_id) & ((positions >= low) & (positions <= high)).all(axis=1)
    return inside
