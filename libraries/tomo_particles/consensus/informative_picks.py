"""Which picks of a run teach most if a person says of them what they are.

Three of four are those whose score is nearest to one half. The others test what the scores seem to be sure of: the best rejected
picks of each kind of lookalike, because most wrong scores are those of particles that were rejected, and picks of every score.
Without these, nobody would see that scores near 0 or 1 are wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .log_odds import logit_of
from .merged_picks import MergedPicks

DOUBTFUL, ANY_SCORE, LOOKALIKE = "doubtful", "any score", "lookalike"
AGAIN = "asked again: the other answers speak against this one"
TENTHS = 10
# Order in which the kinds are asked, again and again; chosen on simulations with seeds 1 to 3
# (benchmarks/results/curation_what_helped.md).
ORDER = (*(DOUBTFUL,) * 3, LOOKALIKE, *(DOUBTFUL,) * 3, LOOKALIKE, *(DOUBTFUL,) * 3, ANY_SCORE)
CHOICE = 5  # among so many of the best of a kind, the tomogram that was asked least decides


@dataclass(frozen=True)
class Proposal:
    """A pick to be shown. row: of the merged picks.  why: its kind."""

    row: int
    why: str


def informative_picks(
    picks: MergedPicks, probability: np.ndarray, asked: Sequence[int], number: int, seed: int, again: Sequence[int] = ()
) -> list[Proposal]:
    """Up to `number` proposals, in the order in which to show them; fewer if there are no more picks.

    probability: (m,) of the merged picks to be particles, with the answers so far.  asked: rows that were shown.  seed: with the
    number of picks asked so far, decides which picks of any score are drawn.  again: rows among those asked of which one more
    answer is wanted; the first of them is proposed, no more at a time.
    """
    rng = np.random.default_rng([seed, len(asked)])
    free = np.ones(len(picks), dtype=bool)
    free[list(asked)] = False
    shown = list(asked)
    found = [Proposal(int(row), AGAIN) for row in again[:1]]
    while len(found) < number and free.any():
        why = ORDER[len(shown) % len(ORDER)]
        rows = np.flatnonzero(free)
        if why == ANY_SCORE:
            best = _of_any_score(rows, probability, rng)
        elif why == LOOKALIKE:
            best = _lookalikes(rows, picks, probability, shown)
        else:
            best = rows[np.argsort(np.abs(logit_of(probability[rows])), kind="stable")]
        row = _of_least_asked(best[:CHOICE], picks.tomo_id, shown)
        found.append(Proposal(row, why))
        shown.append(row)
        free[row] = False
    return found


def _of_any_score(rows: np.ndarray, probability: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of one tenth of the scores, in a random order; each tenth that has picks is as likely."""
    tenth = np.minimum((probability[rows] * TENTHS).astype(int), TENTHS - 1)
    return rng.permutation(rows[tenth == rng.choice(np.unique(tenth))])


def _lookalikes(rows: np.ndarray, picks: MergedPicks, probability: np.ndarray, shown: Sequence[int]) -> np.ndarray:
    """Rows of rejected picks by network score, without a network by probability; the kind that was shown least first. Picks of
    the same pickers are one kind."""
    rejected = rows[probability[rows] < 0.5]
    rows = rejected if len(rejected) else rows
    times = Counter(picks.comments[row] for row in shown)
    of_kind = np.array([times[picks.comments[row]] for row in rows])
    rank = np.where(np.isfinite(picks.network), picks.network, probability)
    best = rows[np.lexsort((-rank[rows], of_kind))]
    first = {picks.comments[row]: row for row in best[::-1]}  # the best of each kind
    return np.array([row for row in best if first[picks.comments[row]] == row])


def _of_least_asked(best: np.ndarray, tomo_id: np.ndarray, shown: Sequence[int]) -> int:
    """The row of the tomogram that was asked least; the first of several."""
    times = Counter(tomo_id[row] for row in shown)
    return int(min(best, key=lambda row: times[tomo_id[row]]))
