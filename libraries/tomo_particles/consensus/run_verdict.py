"""The final scores of merged picks and the verdict on them, from the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..core.errors import parameter
from ..formats.xmd import positions_of
from .chance_agreement import agreement_informs
from .final_score import expit, odds_by_network_score, score_merged_picks
from .labels import agreement_of
from .merged_picks import NETWORK, references_of, votes_of
from .picker_reliability import Reliability, votes_of_witnesses, witnesses_of
from .training_examples import contrast_outliers_of
from .verdict import VOTES_ALONE, WEAK, ScoredPlaces, Verdict, among, too_few_agreed, verdict_of, verdict_without_agreement


@dataclass(frozen=True)
class FinalScores:
    """score: (m,) probability of each merged pick to be a particle.  pickers: their reliability; NaN where nothing is known."""

    score: np.ndarray
    verdict: Verdict
    pickers: Reliability


def final_scores(
    columns: Mapping[str, list],
    noise: Mapping[str, list],
    out_of_fold: bool,
    network_alone: bool,
    looked_twice: bool = False,
) -> FinalScores:
    """Final scores of a table of merged picks.

    columns, noise: tables of merged picks and of noise picks, with the column zScoreDeepLearning1; without it in `columns` the
    votes give the scores.  out_of_fold: see `verdict_of`.  network_alone: the network score is the final one, as in the paper.
    looked_twice: whether a second look is joined to the network scores.
    """
    labels = np.array(columns["enabled"])
    informs = agreement_informs(columns)
    agreed, same = _agreed(columns, labels)
    # The same picks as in training are the measure of contrast.
    outlying = contrast_outliers_of(columns, labels == 1 if informs else np.ones(len(labels), dtype=bool))
    network_score = np.array(columns[NETWORK]) if columns.get(NETWORK) else None

    two_groups = looked_twice and len(set(witnesses_of(votes_of(columns["comment"])[0]))) == 2

    def scored(verdict: Verdict) -> tuple[np.ndarray, Reliability]:
        calibration = (
            {}
            if informs or network_score is None
            else {"noise": np.array(noise[NETWORK]), "comparable": among(_places(columns), _places(noise)) & ~outlying}
        )
        found = score_merged_picks(
            columns["comment"],
            labels,
            network_score,
            columns.get("keywords"),
            verdict.network_weight,
            **calibration,
            two_groups=two_groups,
        )
        return np.where(outlying, 0.0, verdict.bounded(found.posterior, agreed)), found

    if network_score is None:
        verdict = too_few_agreed(int(agreed.sum()))
    else:
        verdict = verdict_on(columns, outlying, noise, informs, out_of_fold)
    score, pickers = scored(verdict)
    if network_score is not None and (network_alone or len(pickers.pickers) < 2):  # votes that nobody asked for, or none
        score = network_score if network_alone else np.where(outlying, 0.0, network_score)
        kind = WEAK if verdict.kind == VOTES_ALONE else verdict.kind
        verdict = replace(verdict, kind=kind, reason=f"{verdict.reason}; the network score decides all the same")
    elif verdict.promises:
        verdict = verdict.checked(*_confirmed(columns, score, verdict.unlike_noise, two_groups))
        score, pickers = scored(verdict)
    if verdict.promises:
        confirmed, lookalikes = _confirmed(columns, score, verdict.unlike_noise, two_groups)
        verdict = replace(verdict, confirmed=confirmed, lookalikes=lookalikes)
    verdict = replace(verdict, reason=verdict.reason + same)
    known = 1.0 if verdict.promises else np.full(len(pickers.pickers), np.nan)
    return FinalScores(score, verdict, replace(pickers, recall=pickers.recall * known, precision=pickers.precision * known))


def _agreed(columns: Mapping[str, list], labels: np.ndarray) -> tuple[np.ndarray, str]:
    """(m,) bool, the picks that count as agreed; and a text that names pickers that find the same picks.

    Where there are two witnesses or more, pickers that find the same picks do not confirm each other.
    """
    agreed = labels == 1
    seen, pickers = votes_of(columns["comment"])
    witness = witnesses_of(seen)
    groups = [pickers[witness == k] for k in range(witness.max(initial=-1) + 1)]
    if len(groups) > 1:
        agreed &= references_of(columns["comment"]) | (votes_of_witnesses(seen).sum(axis=1) > 1)
    same = [" and ".join(f"picker {picker}" for picker in group) for group in groups if len(group) > 1]
    return agreed, "".join(f"; {names} find the same picks and count as one" for names in same)


def verdict_on(
    columns: Mapping[str, list], outlying: np.ndarray, noise: Mapping[str, list], informs: bool, out_of_fold: bool
) -> Verdict:
    """The verdict on the network scores of merged picks and of noise picks.

    columns, noise: tables with scores.  outlying: (m,) picks of outlying contrast; they and the user's references are left out.
    informs: whether the pickers agree more often than by chance.  out_of_fold: see `verdict_of`.
    """
    labels = np.array(columns["enabled"])
    free = ~references_of(columns["comment"]) & ~outlying
    seen, pickers = votes_of([comment for comment, own in zip(columns["comment"], free, strict=True) if own])
    if not informs:
        return verdict_without_agreement(_places(columns)[free], _places(noise), seen, pickers)
    return verdict_of(
        _places(columns)[free],
        _places(noise),
        agreement_of(columns["comment"], labels)[free],
        (labels == 1)[free],
        len(set(witnesses_of(seen))),
        out_of_fold,
    )


def _places(columns: Mapping[str, list]) -> ScoredPlaces:
    if not columns.get("image"):
        return ScoredPlaces(np.zeros(0), np.zeros(0, dtype=str), np.zeros((0, 3)))
    return ScoredPlaces(
        np.array(columns[NETWORK]),
        np.array(columns["tiltSeriesId"], dtype=str),
        positions_of(columns, "the picks", parameter("input")),
    )


def _confirmed(columns: Mapping[str, list], score: np.ndarray, unlike_noise: float, two_groups: bool) -> tuple[float, float]:
    """The shares `confirmed` and `lookalikes` of a verdict, for final scores (m,).

    Confirmed: the share of the expected particles among the picks with a score of at least one half that the network scores alone
    also expect; at most 1, and not more than the picks that do not resemble noise (unlike_noise: their share of all picks).
    """
    agreement = agreement_of(columns["comment"], np.array(columns["enabled"]))
    free = np.isfinite(agreement)
    by_network = expit(odds_by_network_score(np.array(columns[NETWORK])[free], agreement[free], two_groups))
    promised = score[free] >= 0.5
    most = min(by_network[promised].sum(), unlike_noise * free.sum())
    confirmed = min(1.0, most / max(score[free][promised].sum(), 1e-9))
    return float(confirmed), max(0.0, unlike_noise - float(score.mean()))
