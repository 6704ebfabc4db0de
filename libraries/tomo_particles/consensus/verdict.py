"""The verdict: whether the network separates picks from noise, and the weight that its score therefore gets.

Noise picks are the only class whose truth is known. A network must score agreed picks higher than noise picks, on boxes that were
not in its training. If it does not, its score gets no weight and the votes alone decide. Both separations are areas under the
ROC curve, with the standard error of the Mann-Whitney statistic under the null hypothesis. benchmarks/results/honesty.md reports
the effect of these limits on sets without particles and on sets with particles.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

SUPPORTED, WEAK, VOTES_ALONE = "supported", "weak", "votes alone"
ERRORS = 2.0  # a separation must exceed its limit by this number of standard errors
# Limits of the separation of agreed picks from noise (0.5: no separation). Chosen on seeds 1 and 2 of benchmarks/honesty.py.
# There, sets without particles have a separation of 0.43 to 0.59.
SEEN, CHANCE = 0.55, 0.5
# The weight of the network score is the product of two factors. Each factor is 0 up to the first of its two separations, 1 from
# the second on, and rises linearly between them. One factor depends on the separation of agreed picks from noise, the other on
# that of the picks with the highest agreement from all other merged picks. If the latter is small, for example because every pick
# is a particle, the network adds nothing to the votes.
SAY_BY_NOISE, SAY_BY_OTHERS = (0.65, 0.9), (0.5, 0.58)
FEWEST_COMPARED = 20  # with fewer picks of the highest agreement, all agreed picks are compared with noise
UNCONFIRMED = 0.49  # highest score of a pick on which too few pickers agree, if the network score has no weight
FEWEST_AGREED = 10  # with fewer agreed picks no network is trained, and the votes alone give the score


@dataclass(frozen=True)
class Separation:
    """auc: chance that one of `n` picks has a higher score than one of `m` others (0.5: no difference).  error: its standard
    error if there is no difference. NaN where one side is empty."""

    auc: float
    error: float
    n: int
    m: int

    @property
    def at_least(self) -> float:
        """The separation minus ERRORS standard errors; 0 if nothing could be compared."""
        return self.auc - ERRORS * self.error if self.n and self.m else 0.0


@dataclass(frozen=True)
class Verdict:
    """The evidence for the scores of a run.

    kind: SUPPORTED, WEAK or VOTES_ALONE.  reason: one sentence.  say: weight of the network score, in [0, 1].
    from_noise: separation of agreed picks from noise picks.  from_others: separation of the picks with the highest agreement
    from all other merged picks.  unlike_noise: estimated fraction of the merged picks that do not resemble noise; NaN without
    noise picks.  confirmed: fraction of the expected particles among the accepted picks that the network scores alone, without
    votes and picker scores, also expect; 0 if not known.
    """

    kind: str
    reason: str
    say: float
    from_noise: Separation | None = None
    from_others: Separation | None = None
    unlike_noise: float = float("nan")
    confirmed: float = 0.0

    def bounded(self, probability: np.ndarray, agreed: np.ndarray) -> np.ndarray:
        """Probabilities (m,); without weight of the network score at most UNCONFIRMED for picks not `agreed` (m,) bool."""
        if self.kind == SUPPORTED or self.say > 0:
            return probability
        return np.where(agreed, probability, np.minimum(probability, UNCONFIRMED))

    @property
    def text(self) -> str:
        """The verdict in one line, for a summary."""
        return f"{self.kind}: {self.reason}"

    def to_json(self) -> str:
        """Text that `from_json` reads; unknown numbers are null."""
        return json.dumps({"text": self.text, **_without_nan(asdict(self))}, indent=1, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Verdict:
        """Raises ValueError if the text is not a verdict."""
        try:
            values: dict[str, Any] = json.loads(text)
            parts = {name: values[name] and Separation(**_with_nan(values[name])) for name in ("from_noise", "from_others")}
            share = values["unlike_noise"]
            found = Verdict(str(values["kind"]), str(values["reason"]), float(values["say"]), **parts,
                            unlike_noise=float("nan") if share is None else float(share), confirmed=float(values["confirmed"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no verdict of a run: {error}") from error
        if found.kind not in (SUPPORTED, WEAK, VOTES_ALONE):
            raise ValueError(f"no verdict of a run: kind is '{found.kind}'")
        return found


def separation(scores: np.ndarray, others: np.ndarray) -> Separation:
    """Separation of scores (n,) from the scores of others (m,)."""
    n, m = len(scores), len(others)
    if not n or not m:
        return Separation(float("nan"), float("nan"), n, m)
    ranked = np.sort(others)
    wins = (np.searchsorted(ranked, scores, "left") + np.searchsorted(ranked, scores, "right")).sum() / 2  # ties are half a win
    return Separation(float(wins / (n * m)), float(np.sqrt((n + m + 1) / (12 * n * m))), n, m)


def verdict_of(score: np.ndarray, agreement: np.ndarray, agreed: np.ndarray, noise: np.ndarray, n_witnesses: int,
               comparable: np.ndarray | None = None) -> Verdict:
    """The verdict from the out-of-fold network scores of merged picks (m,) and noise picks (k,).

    agreement: (m,) training label from the votes, in [0, 1].  agreed: (m,) bool, whether enough pickers agree.  n_witnesses:
    number of pickers; pickers that find the same picks count once.  comparable: (m,) bool, whether a pick may be compared with
    noise. Picks at the border of a tomogram may not: their boxes are partly empty, and there is no noise there.
    """
    comparable = np.ones(len(score), dtype=bool) if comparable is None else comparable
    most = agreement >= agreement.max(initial=0)
    from_others = separation(score[most], score[~most])
    few = (most & comparable).sum() < FEWEST_COMPARED
    compared = agreed & comparable if few and (agreed & comparable).any() else most & comparable
    from_noise = separation(score[compared], noise)
    share = share_unlike_noise(score, noise)
    by_others = _ramp(from_others.at_least, *SAY_BY_OTHERS) if agreement.any() else 1.0  # with one picker there are no votes
    say = _ramp(from_noise.at_least, *SAY_BY_NOISE) * by_others
    numbers = (from_noise, from_others, share)
    if not from_noise.n or not from_noise.m:
        return Verdict(WEAK, "there are no noise picks to compare the picks with", by_others, *numbers)
    if from_noise.at_least <= CHANCE:
        return Verdict(VOTES_ALONE, f"the network tells these picks from noise no better than chance ({_shown(from_noise)})", 0.0,
                       *numbers)
    if from_noise.at_least <= SEEN:
        return Verdict(WEAK, f"the network hardly tells the agreed picks from noise ({_shown(from_noise)})", 0.0, *numbers)
    if n_witnesses < 2:
        return Verdict(WEAK, "there is one picker, or all pickers find the same picks, so nobody confirms them", say, *numbers)
    return Verdict(SUPPORTED, f"the network tells the agreed picks from noise ({_shown(from_noise)}); about {share:.0%} of the "
                   "merged picks do not look like noise", say, *numbers)


def too_few_agreed(n: int) -> Verdict:
    """The verdict if too few merged picks (n) are agreed on, so that no network was trained."""
    reason = f"the pickers agree on {n} picks only; a network needs {FEWEST_AGREED} of them to learn from"
    return Verdict(VOTES_ALONE, reason, 0.0)


def share_unlike_noise(score: np.ndarray, noise: np.ndarray) -> float:
    """Fraction of the picks (m,) that do not resemble noise picks (k,): 1 minus twice the fraction below the median of noise.

    It uses the estimate of the fraction of true null hypotheses by Storey (J. R. Stat. Soc. B 64, 479, 2002), at one half. NaN
    if one side is empty.
    """
    if not len(score) or not len(noise):
        return float("nan")
    return float(1 - min(1.0, 2 * np.mean(score < np.median(noise))))


def _ramp(value: float, start: float, full: float) -> float:
    return float(np.clip((value - start) / (full - start), 0, 1))


def _shown(found: Separation) -> str:
    return f"separation {found.auc:.2f} ± {found.error:.2f}, chance is 0.5"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _with_nan(values: dict[str, Any]) -> dict[str, Any]:
    return {name: float("nan") if value is None else value for name, value in values.items()}
