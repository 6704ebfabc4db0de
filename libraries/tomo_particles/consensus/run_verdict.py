"""The final scores of merged picks and the verdict on them, from the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .chance_agreement import agreement_informs
from .final_score import odds_by_network_score, reliability_of
from .fitted_score import NETWORK_ALONE, PAPER, FittedScore, places_of
from .labels import agreement_of
from .log_odds import expit
from .merged_picks import NETWORK, references_of, votes_of
from .picker_reliability import Reliability, witnesses_of
from .verdict import VOTES_ALONE, WEAK, Verdict, verdict_of, verdict_without_agreement, verdict_without_scores

# Seeds 1 to 3, two pickers after a second look: 1.0 to 1.04 where agreement and looks tell the same, 1.7 to 2.0 elsewhere.
# Of three that differed, one was right by its looks, one by its agreement, one by neither.
DIFFERENT_NUMBER = 1.25


@dataclass(frozen=True)
class FinalScores:
    """score: (m,) probability of each merged pick to be a particle.  pickers: their reliability; NaN where nothing is known.

    fitted: how the scores come about, to score other picks alike.
    """

    score: np.ndarray
    verdict: Verdict
    pickers: Reliability
    fitted: FittedScore


def final_scores(
    columns: Mapping[str, list],
    noise: Mapping[str, list],
    out_of_fold: bool,
    network_alone: bool,
    looked_twice: bool = False,
) -> FinalScores:
    """Final scores of a table of merged picks, by what they show together.

    columns, noise: tables of merged picks and of noise picks, with the column zScoreDeepLearning1; without it in `columns` the
    votes give the scores.  out_of_fold: see `verdict_of`.  network_alone: the network score is the final one, as in the paper.
    looked_twice: whether a second look is joined to the network scores.
    """
    informs = agreement_informs(columns)
    network_score = np.array(columns[NETWORK]) if columns.get(NETWORK) else None
    fitted = FittedScore.by_votes(columns, informs)
    same = _same_witnesses(fitted)
    if network_score is None:
        verdict = verdict_without_scores(int(fitted.agreed(columns).sum()))
    else:
        verdict = verdict_on(columns, fitted.outlying(columns), noise, informs, out_of_fold)
    votes = fitted.fit.votes
    two_groups = looked_twice and votes is not None and votes.witness.max(initial=-1) == 1
    fitted = fitted.weighed(verdict, columns, noise, two_groups)
    if network_score is not None and (network_alone or len(fitted.fit.pickers) < 2):  # votes that nobody asked for, or none
        kind = WEAK if verdict.kind == VOTES_ALONE else verdict.kind
        verdict = replace(verdict, kind=kind, reason=f"{verdict.reason}; the network score decides all the same")
        fitted = replace(fitted, decides=PAPER if network_alone else NETWORK_ALONE)
        pickers = reliability_of(fitted.weighted_fit, columns["comment"], fitted.posterior(columns, noise))
    else:
        if verdict.promises:
            verdict = verdict.checked(*_confirmed(columns, fitted.scores(columns, noise), verdict.unlike_noise, two_groups))
            fitted = replace(fitted, verdict=verdict)
        pickers = reliability_of(fitted.weighted_fit, columns["comment"], fitted.posterior(columns, noise))
    score = fitted.scores(columns, noise)
    if verdict.promises:
        confirmed, lookalikes = _confirmed(columns, score, verdict.unlike_noise, two_groups)
        verdict = replace(verdict, confirmed=confirmed, lookalikes=lookalikes)
        if two_groups:
            verdict = _doubted(verdict, score, fitted.weighed(verdict, columns, noise).scores(columns, noise))
    verdict = replace(verdict, reason=verdict.reason + same)
    known = 1.0 if verdict.promises else np.full(len(pickers.pickers), np.nan)
    pickers = replace(pickers, recall=pickers.recall * known, precision=pickers.precision * known)
    return FinalScores(score, verdict, pickers, replace(fitted, verdict=verdict))


def _doubted(verdict: Verdict, score: np.ndarray, by_agreement: np.ndarray) -> Verdict:
    """Weak, if picks that only one of two pickers found look like particles and the agreement of the pickers says that they are
    none: another particle may look alike, or one picker may miss many. Nothing in the run tells which.

    score: (m,) final scores.  by_agreement: (m,) those that the agreement alone gives.
    """
    looks, agrees = int((score >= 0.5).sum()), int((by_agreement >= 0.5).sum())
    if looks <= DIFFERENT_NUMBER * agrees:
        return verdict
    reason = (
        f"{verdict.reason}, but {looks} picks look like particles and the agreement of the two pickers confirms {agrees}: "
        f"the others may be particles that one picker missed, or another particle that looks alike; a third picker tells"
    )
    return replace(verdict, kind=WEAK, reason=reason)


def _same_witnesses(fitted: FittedScore) -> str:
    """A text that names pickers that find the same picks."""
    if fitted.fit.votes is None:
        return ""
    witness, pickers = fitted.fit.votes.witness, fitted.fit.pickers
    groups = [pickers[witness == k] for k in range(witness.max(initial=-1) + 1)]
    same = [" and ".join(f"picker {picker}" for picker in group) for group in groups if len(group) > 1]
    return "".join(f"; {names} find the same picks and count as one" for names in same)


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
        return verdict_without_agreement(places_of(columns)[free], places_of(noise), seen, pickers)
    return verdict_of(
        places_of(columns)[free],
        places_of(noise),
        agreement_of(columns["comment"], labels)[free],
        (labels == 1)[free],
        len(set(witnesses_of(seen))),
        out_of_fold,
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
