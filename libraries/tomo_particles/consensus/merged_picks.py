"""Merged picks: their pickers, their scores, and which of them are accepted. In a table, the pickers of a merged pick are a text
such as "1+3", and their scores, in the same order, a text such as "0.8+nan". Picker 0 is a reference of the user; it always
stands first. Negative numbers are derived pickers (`derived`), which are no witnesses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from ..core.coordinates import require_places
from ..core.errors import parameter
from ..formats.headers import ANGLES

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = 0
NEGATIVE, DOUBTFUL, POSITIVE = -1, 0, 1  # labels: known to be wrong, unknown, agreed on or known to be true
SCORE, NETWORK = "CoordConsScore", "zScoreDeepLearning1"  # columns of XMD tables
SPREAD = "orientation_disagreement"  # degrees: mean angle of the pickers' orientations to the merged one; a column of CSV tables


@dataclass(frozen=True)
class MergedPicks:
    """m merged picks of one or more tomograms, each column of length m.

    tomo_id: their tomograms.  positions: (m, 3) x, y, z, voxels.  score: the final one.  network: the network's alone; both NaN
    where the table has none.  support: number of pickers.  label: NEGATIVE, DOUBTFUL or POSITIVE.  comments: the pickers of each,
    such as "1+3".  picker_scores: their scores, such as "0.8+nan".
    """

    tomo_id: np.ndarray
    positions: np.ndarray
    score: np.ndarray
    network: np.ndarray
    support: np.ndarray
    label: np.ndarray
    comments: np.ndarray
    picker_scores: np.ndarray

    @staticmethod
    def from_columns(columns: Mapping[str, Sequence]) -> MergedPicks:
        """The picks of an XMD table. A table of picks that were not merged has one picker each and no label."""
        n = len(columns.get("x", []))
        network = columns.get(NETWORK, [np.nan] * n)
        positions = np.array([columns.get(axis, []) for axis in "xyz"], dtype=float).T.reshape(-1, 3)
        require_places(positions, f"{parameter('input')}: the merged picks")
        return MergedPicks(
            np.array(columns.get("tiltSeriesId", [""] * n), dtype=object),
            positions,
            np.asarray(columns.get(SCORE, network), dtype=float),
            np.asarray(network, dtype=float),
            np.asarray(columns.get("count", [1] * n), dtype=int),
            np.asarray(columns.get("enabled", [DOUBTFUL] * n), dtype=int),
            np.array(columns.get("comment", [""] * n), dtype=object),
            np.array(columns.get("keywords", ["nan"] * n), dtype=object),
        )

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, index: np.ndarray | slice) -> MergedPicks:
        """The picks that a slice, a boolean mask or an index array selects."""
        return MergedPicks(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    @property
    def known(self) -> np.ndarray:
        """(m,) bool: a positive reference of the user."""
        return (self.label == POSITIVE) & references_of(self.comments)

    @property
    def derived(self) -> np.ndarray:
        """(m,) bool: found by derived pickers alone."""
        return np.array([comment.startswith("-") for comment in self.comments], dtype=bool)

    def accepted(self, threshold: float | None) -> np.ndarray:
        """(m,) bool: scored at least the threshold, or known to be true; never what is known to be wrong.

        Without a threshold (voting) the label decides: enough pickers agreed, or it is known to be true.
        """
        if threshold is None:
            return self.label == POSITIVE
        return ((self.score >= threshold) | self.known) & (self.label != NEGATIVE)

    @property
    def probability(self) -> np.ndarray:
        """(m,) the scores, with 1 and 0 for positive and negative references; probabilities with recipe consensus."""
        return np.where(self.label == NEGATIVE, 0.0, np.where(self.known, 1.0, self.score))

    def vote_share(self, n_pickers: int) -> np.ndarray:
        """(m,) the fraction of the pickers of the run that saw each pick."""
        return self.support / n_pickers

    def voted(self, n_pickers: int) -> MergedPicks:
        """With the share of votes as the score."""
        return replace(self, score=self.vote_share(n_pickers))

    def table(self) -> pd.DataFrame:
        """One row per pick: tomo_id, x, y, z, score, network, support, label."""
        import pandas as pd

        places = dict(zip("xyz", self.positions.T, strict=True))
        columns = {name: getattr(self, name) for name in ("score", "network", "support", "label")}
        return pd.DataFrame({"tomo_id": self.tomo_id} | places | columns)


def identity_columns(table: pd.DataFrame) -> list[str]:
    """The columns of a CSV table, besides those that are always there, of which the picks have any value."""
    given = {
        ("class",): (table["class"] != "").any(),
        (*ANGLES, SPREAD): table["rot"].notna().any(),
        ("group",): (table["group"] != 0).any(),
    }
    return [name for names, any_value in given.items() if any_value for name in names]


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


def references_of(comments: Collection[str]) -> np.ndarray:
    """(m,) bool which merged picks are references of the user, positive or negative."""
    known = {comment: is_reference(comment) for comment in set(comments)}  # few are different
    return np.array([known[comment] for comment in comments], dtype=bool)


def named_pickers(comment: str, names: Mapping[int, str]) -> str:
    """The text "1+3" with the names of the pickers in place of their numbers; an empty text stays empty."""
    return write_pickers(names[picker] for picker in read_pickers(comment)) if comment else ""


def votes_of(comments: Sequence[str], pickers: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(m, K) bool, whether each picker found the pick, and (K,) ids of the pickers, without the references and without derived
    pickers, whose numbers are negative.

    pickers: (K,) ids, for picks that shall have the columns of others; without it those of these picks.
    """
    ids = {comment: set(read_pickers(comment)) for comment in set(comments)}  # few are different
    if pickers is None:
        pickers = np.array(sorted(picker for picker in set().union(*ids.values()) if picker > REFERENCE), dtype=int)
    rows = {comment: [picker in own for picker in pickers] for comment, own in ids.items()}
    seen = np.array([rows[comment] for comment in comments], dtype=bool)
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
