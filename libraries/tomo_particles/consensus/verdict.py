"""The verdict: whether the network separates picks from noise, and the weight that its score therefore gets.

Noise picks are the only class whose truth is known. A network must score agreed picks higher than noise picks, on boxes that were
not in its training. If it does not, its score gets no weight and the votes alone decide. Both separations are areas under the
ROC curve, with the standard error of the Mann-Whitney statistic under the null hypothesis. benchmarks/results/honesty.md reports
the effect of these limits on sets without particles and on sets with particles.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..core.errors import listed

SUPPORTED, WEAK, VOTES_ALONE = "supported", "weak", "votes alone"
ERRORS = 2.0  # a separation must exceed its limit by this number of standard errors
# Limits of the separation of agreed picks from noise (0.5: no separation). Chosen on seeds 1 and 2 of benchmarks/honesty.py.
# There, sets without particles have a separation of 0.43 to 0.59.
SEEN, CHANCE = 0.55, 0.5
SEEN_ALIKE = 0.7  # the limit if agreed picks score like all others: every pick is a particle, or the picks differ by position
LARGEST_ERROR = 0.1  # with a larger standard error a separation cannot distinguish chance from a small difference
# Number of noise picks with which a pick is compared, and the weight of a voxel of depth in their distance. Tomograms change more
# with depth than along their plane (ice, lamella).
NEIGHBOURS, DEPTH = 5, 6
# The weight of the network score is the product of two factors. Each factor is 0 up to the first of its two separations, 1 from
# the second on, and rises linearly between them. One factor depends on the separation of agreed picks from noise, the other on
# that of the picks with the highest agreement from all other merged picks. If the latter is small, for example because every pick
# is a particle, the network adds nothing to the votes.
WEIGHT_BY_NOISE, WEIGHT_BY_OTHERS = (0.65, 0.9), (0.5, 0.58)
FEWEST_COMPARED = 20  # with fewer picks of the highest agreement, all agreed picks are compared with noise
UNCONFIRMED = 0.49  # highest score of a pick on which too few pickers agree, if the network score has no weight
# Noise picks of a tomogram, at most, for our recipe: three times as many made no score better, and took time for their boxes and
# scores (docs/measurements.md). The recipe of the paper learns from as much noise as the user asks for.
MOST_NOISE = 1000
NO_NOISE = "there are no noise picks to compare the picks with"
FEWEST_AGREED = 10  # with fewer agreed picks a network cannot learn from the agreement
FEWEST_UNCONFIRMED = 100  # with fewer merged picks a network cannot learn from noise and picks that nobody confirms
# If the network scores alone expect at most the first of these shares of the particles that the final scores promise, the network
# score loses its weight; from the second share on it keeps all of it, and the weight rises linearly between them. Below the
# second share, with more than MOST_LOOKALIKES, the pickers agree on objects of several kinds, and nothing can be promised.
# Chosen on seeds 1 to 3.
WEIGHT_BY_CONFIRMED, MOST_LOOKALIKES = (0.4, 0.7), 0.3
KEYS = {"network_weight": "say"}  # of the JSON file, where they differ from the attributes: older runs have the key "say"


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
class ScoredPlaces:
    """Arrays of length n: score of the network, tomo_ids, positions (n, 3) x, y, z in voxels."""

    score: np.ndarray
    tomo_ids: np.ndarray
    positions: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> ScoredPlaces:
        return ScoredPlaces(self.score[rows], self.tomo_ids[rows], self.positions[rows])


@dataclass(frozen=True)
class Verdict:
    """The evidence for the scores of a run.

    kind: SUPPORTED, WEAK or VOTES_ALONE.  reason: one sentence.  network_weight: weight of the network score, in [0, 1].
    from_noise: separation of agreed picks from noise picks.  from_others: separation of the picks with the highest agreement
    from all other merged picks.  unlike_noise: estimated fraction of the merged picks that do not resemble noise; NaN without
    noise picks.  confirmed: fraction of the expected particles among the accepted picks that the network scores alone, without
    votes and picker scores, also expect; 0 if not known.  lookalikes: estimated fraction of the merged picks that do not
    resemble noise and are not expected to be particles.
    """

    kind: str
    reason: str
    network_weight: float
    from_noise: Separation | None = None
    from_others: Separation | None = None
    unlike_noise: float = float("nan")
    confirmed: float = 0.0
    lookalikes: float = 0.0

    @property
    def trust(self) -> float:
        """Factor of the expected number of particles. If many picks do not resemble noise and are no particles, the pickers make
        the same errors, and the votes alone are not evidence."""
        return 1 - self.lookalikes * (1 - self.confirmed)

    @property
    def promises(self) -> bool:
        """Whether expected precision and recall can be stated."""
        return self.kind == SUPPORTED

    def checked(self, confirmed: float, lookalikes: float) -> Verdict:
        """The verdict after a first scoring: with these values, and with less weight of the network if it confirms little."""
        weight = self.network_weight * _ramp(confirmed, *WEIGHT_BY_CONFIRMED)
        found = replace(self, confirmed=confirmed, lookalikes=lookalikes, network_weight=weight)
        if self.kind == SUPPORTED and confirmed < WEIGHT_BY_CONFIRMED[1] and lookalikes > MOST_LOOKALIKES:
            reason = f"{self.reason}, but the pickers agree on objects of more than one kind that are unlike noise"
            return replace(found, kind=WEAK, reason=reason)
        return found

    def bounded(self, probability: np.ndarray, agreed: np.ndarray) -> np.ndarray:
        """Probabilities (m,). If the network score has no weight: at least 0.5 for picks `agreed` (m,) bool, less for others."""
        if self.network_weight > 0:
            return probability
        highest = 1.0 if self.kind == SUPPORTED else UNCONFIRMED  # supported: all picks look alike, unlike noise
        return np.where(agreed, np.maximum(probability, 0.5), np.minimum(probability, highest))

    @property
    def text(self) -> str:
        """The verdict in one line, for a summary."""
        return f"{self.kind}: {self.reason}"

    def with_names(self, names: Mapping[int, str]) -> Verdict:
        """The same verdict with the names of the pickers in place of "picker 1"."""

        def named(match: re.Match[str]) -> str:
            return f"'{names[int(match[1])]}'" if int(match[1]) in names else match[0]

        return replace(self, reason=re.sub(r"\bpicker (\d+)\b", named, self.reason))

    def judged_by(self, judge: str) -> Verdict:
        """The same verdict, said of what scored the picks if that is no network, such as "the second look"."""
        reason = self.reason.replace("the network score", f"the score of {judge}")
        return replace(self, reason=reason.replace("the network", judge))

    def to_json(self) -> str:
        """Text that `from_json` reads; unknown numbers are null."""
        values = {KEYS.get(name, name): value for name, value in asdict(self).items()}
        return json.dumps({"text": self.text, **_without_nan(values)}, indent=1, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Verdict:
        """Raises ValueError if the text is not a verdict."""
        try:
            values: dict[str, Any] = json.loads(text)
            parts = {name: values[name] and Separation(**_with_nan(values[name])) for name in ("from_noise", "from_others")}
            share = values["unlike_noise"]
            found = Verdict(
                str(values["kind"]),
                str(values["reason"]),
                float(values[KEYS["network_weight"]]),
                **parts,
                unlike_noise=float("nan") if share is None else float(share),
                confirmed=float(values["confirmed"]),
                lookalikes=float(values["lookalikes"]),
            )
            shares = (found.network_weight, found.confirmed, found.lookalikes, *(part.auc for part in parts.values() if part))
            if not all(0 <= share <= 1 or np.isnan(share) for share in shares):
                raise ValueError("a share is outside [0, 1]")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
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


def separation_from_neighbours(picks: ScoredPlaces, noise: ScoredPlaces) -> Separation:
    """Separation of picks from their nearest noise picks, in the same tomogram and at a similar depth.

    Noise picks lie everywhere, but picks may not: in a lamella picks and noise would differ by their surroundings only, whatever
    was picked. n: number of picks in tomograms with noise.  m: number of noise picks that were used.
    """
    from scipy.spatial import cKDTree  # imported here: code that only reads or shows a verdict does not need it

    wins: list[np.ndarray] = []
    used: set[int] = set()
    for tomo_id in np.unique(picks.tomo_ids):
        own, others = np.flatnonzero(picks.tomo_ids == tomo_id), np.flatnonzero(noise.tomo_ids == tomo_id)
        if not len(others):
            continue
        n_nearest = min(NEIGHBOURS, len(others))
        tree = cKDTree(noise.positions[others] * (1, 1, DEPTH))
        nearest = others[tree.query(picks.positions[own] * (1, 1, DEPTH), k=n_nearest)[1].reshape(len(own), n_nearest)]
        score, compared = picks.score[own][:, None], noise.score[nearest]
        wins.append(((compared < score) + 0.5 * (compared == score)).mean(axis=1))
        used.update(nearest.ravel().tolist())
    n, m = sum(map(len, wins)), len(used)
    if not n:
        return Separation(float("nan"), float("nan"), 0, len(noise.score))
    return Separation(float(np.concatenate(wins).mean()), float(np.sqrt((n + m + 1) / (12 * n * m))), n, m)


def among(picks: ScoredPlaces, noise: ScoredPlaces) -> np.ndarray:
    """(n,) whether each pick lies within the bounding box of the noise picks of its tomogram.

    There is no noise at the border of a tomogram, where boxes are partly empty.
    """
    inside = np.zeros(len(picks.score), dtype=bool)
    for tomo_id in np.unique(noise.tomo_ids):
        places = noise.positions[noise.tomo_ids == tomo_id]
        within = ((picks.positions >= places.min(axis=0)) & (picks.positions <= places.max(axis=0))).all(axis=1)
        inside |= (picks.tomo_ids == tomo_id) & within
    return inside


def verdict_of(
    picks: ScoredPlaces,
    noise: ScoredPlaces,
    agreement: np.ndarray,
    agreed: np.ndarray,
    n_witnesses: int,
    out_of_fold: bool = True,
) -> Verdict:
    """The verdict from the network scores of m merged picks and of noise picks.

    agreement: (m,) training label from the votes, in [0, 1].  agreed: (m,) bool, whether enough pickers agree.  n_witnesses:
    number of pickers; pickers that find the same picks count once.  out_of_fold: whether each pick was scored by a network that
    was not trained on it.
    """
    comparable, most = among(picks, noise), agreement >= agreement.max(initial=0)
    from_others = separation(picks.score[most], picks.score[~most])
    few = (most & comparable).sum() < FEWEST_COMPARED
    compared = agreed & comparable if few and (agreed & comparable).any() else most & comparable
    from_noise = separation_from_neighbours(picks[compared], noise)
    share = share_unlike_noise(picks.score, noise.score)
    by_others = _ramp(from_others.at_least, *WEIGHT_BY_OTHERS) if agreement.any() else 1.0  # with one picker there are no votes
    network_weight = _ramp(from_noise.at_least, *WEIGHT_BY_NOISE) * by_others
    kind, reason = _kind_and_reason(from_noise, by_others, n_witnesses, out_of_fold, len(noise.score))
    if kind == SUPPORTED:
        reason += f"; about {share:.0%} of the merged picks do not look like noise"
    return Verdict(kind, reason, network_weight if from_noise.at_least > SEEN else 0.0, from_noise, from_others, share)


def _kind_and_reason(found: Separation, by_others: float, n_witnesses: int, out_of_fold: bool, n_noise: int) -> tuple[str, str]:
    """Kind and reason."""
    if not n_noise:
        return WEAK, NO_NOISE
    if not found.n:
        return WEAK, "no agreed pick lies where noise could be picked, so that nothing can be compared"
    shown = f"separation {found.auc:.2f} ± {found.error:.2f}, {found.n} picks compared; chance is 0.5"
    if found.error > LARGEST_ERROR and found.at_least <= SEEN:
        return WEAK, f"too few agreed picks can be compared with noise ({shown})"
    if found.at_least <= CHANCE:
        return VOTES_ALONE, f"the network tells these picks from noise no better than chance ({shown})"
    if found.at_least <= SEEN:
        return WEAK, f"the network hardly tells the agreed picks from noise ({shown})"
    if not out_of_fold:
        return WEAK, "the model is a single network, which may have learned from these very picks"
    if n_witnesses < 2:
        return WEAK, "there is one picker, or all pickers find the same picks, so that nobody confirms them"
    if not by_others and found.at_least <= SEEN_ALIKE:
        return WEAK, (
            f"agreed picks look like all other picks and differ little from noise ({shown}): they may show nothing but "
            "their surroundings"
        )
    return SUPPORTED, f"the network tells the agreed picks from noise ({shown})"


def can_learn(agreed: int, merged: int) -> bool:
    """Whether a network is trained with so many agreed picks among so many merged picks: from their agreement, or from noise and
    picks on which nearly nobody agrees."""
    return agreed >= FEWEST_AGREED or merged >= FEWEST_UNCONFIRMED


def verdict_without_agreement(picks: ScoredPlaces, noise: ScoredPlaces, seen: np.ndarray, pickers: np.ndarray) -> Verdict:
    """The verdict if the pickers agree no more often than by chance: each of them is compared with noise on its own.

    seen: (m, K) bool, whether each of the `pickers` (K,) found the pick. Never SUPPORTED: no picker confirms another.
    """
    if not len(noise.score):
        return Verdict(WEAK, NO_NOISE, 0.0)
    comparable = among(picks, noise)
    found = [separation_from_neighbours(picks[comparable & of_picker], noise) for of_picker in seen.T]
    limit = WEIGHT_BY_NOISE[0]
    apart = [k for k, own in enumerate(found) if own.n >= FEWEST_COMPARED and own.at_least > limit]
    best = max(found, key=lambda own: own.at_least if own.n >= FEWEST_COMPARED else -1.0)
    agreed = bool((seen.sum(axis=1) > 1).any())
    reason = (
        "the pickers agree no more often than by chance, so that none confirms another"
        if agreed
        else "the pickers agree on no pick; one file may have another origin, unit or binning"
    )
    if not apart:
        return Verdict(VOTES_ALONE, f"{reason}, and the network tells the picks of no picker from noise", 0.0, best)
    each = listed([f"picker {pickers[k]} (separation {found[k].auc:.2f} ± {found[k].error:.2f})" for k in apart], quote="")
    return Verdict(
        WEAK,
        f"{reason}; the network tells only the picks of {each} from noise",
        1.0,
        best,
        unlike_noise=share_unlike_noise(picks.score, noise.score),
    )


def verdict_without_scores(n: int) -> Verdict:
    """The verdict if nothing but the votes scored the picks. n: merged picks that are agreed on; too few train no network."""
    few = f"the pickers agree on only {n} picks; a network needs {FEWEST_AGREED} of them to learn from"
    return Verdict(VOTES_ALONE, few if n < FEWEST_AGREED else "no network scored the picks", 0.0)


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


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _with_nan(values: dict[str, Any]) -> dict[str, Any]:
    return {name: float("nan") if value is None else value for name, value in values.items()}
