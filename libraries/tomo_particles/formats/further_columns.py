"""Columns of a file that mean nothing to this plugin, on their way to a file of the same kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.picks import Picks


def labels_of(every: Sequence[Picks]) -> list[str]:
    """The labels that any of some picks have, each once."""
    return list(dict.fromkeys(label for one in every for label in one.further))


def star_columns(every: Sequence[Picks]) -> tuple[dict[str, list[str]], list[str]]:
    """The columns that can stand in a star file, and the labels of those that cannot: a value lacks, or has a blank in it."""
    columns, lost = {}, []
    for label in labels_of(every):
        values = np.concatenate([one.further_of(label) for one in every]).tolist()
        if all(len(value.split()) == 1 for value in values):
            columns[label] = values
        else:
            lost.append(label)
    return columns, lost
