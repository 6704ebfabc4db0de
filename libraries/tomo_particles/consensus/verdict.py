"""Is there anything to see? Whether the network tells picks from noise, and how much its score may therefore count.

Noise picks are the one class whose truth is known. A network that scores boxes it did not learn from must put the picks that
the pickers agree on above noise picks; where it does not, it has nothing to say and the votes decide alone. Both separations
are areas under the ROC curve, with the standard error of the Mann-Whitney statistic under the null hypothesis.
benchmarks/results/honesty.md reports what these limits do on sets without particles and on sets with particles.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

SUPPORTED, WEAK, VOTES_ALONE = "supported", "weak", "votes alone"
ERRORS = 2.0  # standard errors that a separation must lie above its limit
# Limits of the separation of agreed picks from noise (0.5: none). Chosen on seeds 1 and 2 of benchmarks/honesty.py: without
# particles it is 0.43 to 0.59.
SEEN, CHANCE = 0.55, 0.5
SEEN_ALIKE = 0.7  # the limit where agreed picks look like all others: every pick is a particle, or picks differ by their place
LARGEST_ERROR = 0.1  # of a separation that is to tell chance from little
# Noise picks that a pick is compared with, and how much a voxel of depth counts in their distance: tomograms change with depth
# more than along their plane (ice, lamella).
NEIGHBOURS, DEPTH = 5, 6
# From the first of these separations on the network's score begins to count, from the second on it counts in full: agreed picks
# from noise, and the picks that most pickers agree on from all other merged picks. Where these look alike, as where every pick
# is a particle, the network tells nothing that the votes do not.
SAY_BY_NOISE, SAY_BY_OTHERS = (0.65, 0.9), (0.5, 0.58)
FEWEST_COMPARED = 20  # picks of the highest agreement; with fewer of them every agreed pick is compared
UNCONFIRMED = 0.49  # highest score of a pick on which too few pickers agree, where the network has no say
FEWEST_AGREED = 10  # agreed picks, below which a network has nothing to learn from and the votes score alone


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
        """The separation less its standard errors; 0 where nothing could be compared."""
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
    """What the scores of a run rest on.

    kind: SUPPORTED, WEAK or VOTES_ALONE.  reason: one sentence.  say: how much the network's score counts, in [0, 1].
    from_noise: agreed picks from noise picks.  from_others: the picks most agreed on from all other merged picks.
    unlike_noise: estimated share of the merged picks that do not look like noise; NaN without noise picks.  confirmed: of the
    particles that the final scores promise among the accepted picks, the share that the network's scores promise without votes
    and pickers' scores; 0 where it is not known.
    """

    kind: str
    reason: str
    say: float
    from_noise: Separation | None = None
    from_others: Separation | None = None
    unlike_noise: float = float("nan")
    confirmed: float = 0.0

    @property
    def promises(self) -> bool:
        """Whether an expected precision and recall can be told at all."""
        return self.kind == SUPPORTED

    def bounded(self, probability: np.ndarray, agreed: np.ndarray) -> np.ndarray:
        """Probabilities (m,) where the network has no say: at least one half where enough pickers agree (m,) bool, else less."""
        if self.kind == SUPPORTED or self.say > 0:
            return probability
        return np.where(agreed, np.maximum(probability, 0.5), np.minimum(probability, UNCONFIRMED))

    @property
    def text(self) -> str:
        """The verdict in one line, for a summary."""
        return f"{self.kind}: {self.reason}"

    def to_json(self) -> str:
        """Text that `from_json` reads; unknown numbers are null."""
        return json.dumps({"text": self.text, **_without_nan(asdict(self))}, indent=1, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Verdict:
        """Raises ValueError for what is no verdict."""
        try:
            values: dict[str, Any] = json.loads(text)
            parts = {name: values[name] and Separation(**_with_nan(values[name])) for name in ("from_noise", "from_others")}
            share = values["unlike_noise"]
            found = Verdict(str(values["kind"]), str(values["reason"]), float(values["say"]), **parts,
                            unlike_noise=float("nan") if share is None else float(share), confirmed=float(values["confirmed"]))
            shares = (found.say, found.confirmed, *(part.auc for part in parts.values() if part))
            if not all(0 <= share <= 1 or np.isnan(share) for share in shares):
                raise ValueError("a share is outside [0, 1]")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no verdict of a run: {error}") from error
        if found.kind not in (SUPPORTED, WEAK, VOTES_ALONE):
            raise ValueError(f"no verdict of a run: kind is '{found.kind}'")
        return found


def separation(scores: np.ndarray, others: np.ndarray) -> Separation:
    """How well scores (n,) lie above the scores of others (m,)."""
    n, m = len(scores), len(others)
    if not n or not m:
        return Separation(float("nan"), float("nan"), n, m)
    ranked = np.sort(others)
    wins = (np.searchsorted(ranked, scores, "left") + np.searchsorted(ranked, scores, "right")).sum() / 2  # ties are half a win
    return Separation(float(wins / (n * m)), float(np.sqrt((n + m + 1) / (12 * n * m))), n, m)


def separation_from_neighbours(picks: ScoredPlaces, noise: ScoredPlaces) -> Separation:
    """How well picks score above the noise picks nearest to each, in the same tomogram and about as deep.

    Noise lies everywhere, picks need not: in a lamella picks and noise would differ by their surroundings alone, whatever is
    picked. n: picks in tomograms with noise.  m: noise picks that were compared with.
    """
    from scipy.spatial import cKDTree  # here: whoever only reads or shows a verdict need not wait for it

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
    """(n,) which picks lie among the noise picks of their tomogram, within the box that holds them all.

    Noise is never picked at the border of a tomogram, where boxes are partly empty.
    """
    inside = np.zeros(len(picks.score), dtype=bool)
    for tomo_id in np.unique(noise.tomo_ids):
        places = noise.positions[noise.tomo_ids == tomo_id]
        within = ((picks.positions >= places.min(axis=0)) & (picks.positions <= places.max(axis=0))).all(axis=1)
        inside |= (picks.tomo_ids == tomo_id) & within
    return inside


def verdict_of(picks: ScoredPlaces, noise: ScoredPlaces, agreement: np.ndarray, agreed: np.ndarray, n_witnesses: int,
               out_of_fold: bool = True) -> Verdict:
    """The verdict on the network's scores of m merged picks and of noise picks.

    agreement: (m,) label of its votes, in [0, 1].  agreed: (m,) bool, enough pickers agree.  n_witnesses: pickers, those that
    find the same picks counted once.  out_of_fold: whether each score is by a network that did not learn from its pick.
    """
    comparable, most = among(picks, noise), agreement >= agreement.max(initial=0)
    from_others = separation(picks.score[most], picks.score[~most])
    few = (most & comparable).sum() < FEWEST_COMPARED
    compared = agreed & comparable if few and (agreed & comparable).any() else most & comparable
    from_noise = separation_from_neighbours(picks[compared], noise)
    share = share_unlike_noise(picks.score, noise.score)
    by_others = _ramp(from_others.at_least, *SAY_BY_OTHERS) if agreement.any() else 1.0  # one picker: there are no votes to ask
    say = _ramp(from_noise.at_least, *SAY_BY_NOISE) * by_others
    kind, reason = _judged(from_noise, by_others, n_witnesses, out_of_fold, len(noise.score))
    if kind == SUPPORTED:
        reason += f"; about {share:.0%} of the merged picks do not look like noise"
    return Verdict(kind, reason, say if from_noise.at_least > SEEN else 0.0, from_noise, from_others, share)


def _judged(found: Separation, by_others: float, n_witnesses: int, out_of_fold: bool, n_noise: int) -> tuple[str, str]:
    """Kind and reason."""
    if not n_noise:
        return WEAK, "there are no noise picks to compare the picks with"
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
        return WEAK, (f"agreed picks look like all other picks and differ little from noise ({shown}): they may show nothing but "
                      "their surroundings")
    return SUPPORTED, f"the network tells the agreed picks from noise ({shown})"


def too_few_agreed(n: int) -> Verdict:
    """The verdict where so few merged picks (n) are agreed on that no network was trained."""
    reason = f"the pickers agree on only {n} picks; a network needs {FEWEST_AGREED} of them to learn from"
    return Verdict(VOTES_ALONE, reason, 0.0)


def share_unlike_noise(score: np.ndarray, noise: np.ndarray) -> float:
    """Share of the picks (m,) that are not like noise picks (k,): twice the deficit below the median of noise.

    The share of true null hypotheses of Storey (J. R. Stat. Soc. B 64, 479, 2002), at one half; NaN where one side is empty.
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
