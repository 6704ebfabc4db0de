"""Subtomograms to learn from: labels, weights, class balance, the eight flips that keep the missing wedge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..core.errors import InputError, parameter

MIN_EXAMPLES = 6  # of each class: fewer are not enough for training and validation
POSITIVE = 0.5  # labels in [0, 1] from here on count as particles where examples are sorted into two classes
# The missing wedge is fixed to the tilt axis y. Rotations by 180 degrees about an axis and mirrors keep it in
# place: they are the 8 combinations of flips along z, y, x. Any other rotation would move the wedge.
FLIPS = tuple(product((False, True), repeat=3))


@dataclass(frozen=True)
class Examples:
    """Subtomograms to learn from; every member has the length n.

    images: Xmipp names "000012@stack.mrcs".  tomo_ids: (n,) str.  positions: (n, 3) x, y, z, voxels.
    labels: (n,) in [0, 1], 1 = particle, 0 = noise.  weights: (n,) >= 0, how much an example counts.
    """

    images: Sequence[str]
    tomo_ids: np.ndarray
    positions: np.ndarray
    labels: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.images)
        for name, dtype, shape in (
            ("tomo_ids", str, (n,)),
            ("positions", float, (n, 3)),
            ("labels", float, (n,)),
            ("weights", float, (n,)),
        ):
            array = np.asarray(getattr(self, name), dtype=dtype)
            if array.shape != shape:
                raise ValueError(f"{name}: expected shape {shape}, received {array.shape}")
            object.__setattr__(self, name, array)
        if not ((self.labels >= 0) & (self.labels <= 1)).all():
            raise ValueError("labels: expected numbers in [0, 1]")
        if not ((self.weights >= 0) & np.isfinite(self.weights)).all():
            raise ValueError("weights: expected finite numbers that are not negative")

    def __len__(self) -> int:
        return len(self.images)


def class_counts(labels: np.ndarray) -> tuple[int, int]:
    """How many labels count as particles, and how many as noise."""
    positives = int((labels >= POSITIVE).sum())
    return positives, len(labels) - positives


def require_enough(examples: Examples) -> None:
    """Raise InputError where a class has too few examples to train with."""
    positives, negatives = class_counts(examples.labels)
    for kind, count, more in (
        ("positives", positives, f"lower {parameter('number_of_agreeing_pickers')}"),
        ("negatives", negatives, f"raise {parameter('noise_amount')}"),
    ):
        if count < MIN_EXAMPLES:
            raise InputError(
                f"{parameter(kind)}: {count} {kind}, at least {MIN_EXAMPLES} are needed; {more}, or add {kind[:-1]} references"
            )


def balanced_weights(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n,) weights whose sums over particles and over noise are equal, and whose mean is 1.

    An example with the soft label p counts as p particles and 1 - p noise.
    """
    labels, weights = np.asarray(labels, dtype=float), np.asarray(weights, dtype=float)
    particles, noise = (weights * labels).sum(), (weights * (1 - labels)).sum()
    if particles == 0 or noise == 0:
        raise ValueError("examples of both classes, with weight, are needed to balance them")
    return weights * (labels / particles + (1 - labels) / noise) * len(labels) / 2


def flip(boxes: np.ndarray, flips: tuple[bool, bool, bool]) -> np.ndarray:
    """Flip (..., z, y, x) boxes along the axes z, y, x that `flips` names: the 8 combinations keep the missing wedge."""
    axes = tuple(axis - 3 for axis in range(3) if flips[axis])
    return np.flip(boxes, axes)
