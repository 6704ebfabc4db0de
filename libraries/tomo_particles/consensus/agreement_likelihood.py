"""How well network scores foretell the agreement of the pickers: what trainings are compared by without a truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core.errors import InputError, parameter
from .chance_agreement import agreement_informs
from .final_score import odds_by_network_score
from .labels import agreement_of
from .log_odds import expit, label_rates_of
from .merged_picks import NETWORK
from .training_examples import contrast_outliers_of

SMALLEST = 1e-6  # expected agreement, so that no logarithm is infinite


def require_agreement(columns: Mapping[str, list]) -> None:
    """Raise InputError where the agreement of the pickers tells nothing about the merged picks of a table."""
    agreement = _agreement(columns) if {"comment", "enabled"} <= set(columns) else np.zeros(0)
    if not len(agreement) or np.ptp(agreement) == 0 or not agreement_informs(columns):
        raise InputError(
            f"{parameter('positives')}: the pickers of these picks agree on all, on none, or no more often than by chance; "
            "trainings cannot be compared; give the merged picks of two or more pickers that find the same particles"
        )


def agreement_likelihood(columns: Mapping[str, list]) -> float:
    """Mean log-likelihood of the agreement of a merged pick, given its network score; 0 would be certainty.

    columns: table of merged picks with network scores, each by a network that was not trained on the pick. The scores are
    calibrated against the agreement as for the final score, so that only their order and distances count. References of the user
    and picks of outlying contrast are left out.
    """
    used = _used(columns)
    agreement = _agreement(columns)
    odds = odds_by_network_score(np.array(columns[NETWORK], dtype=float)[used], agreement)
    probability = expit(odds)
    of_particles, of_others = label_rates_of(agreement, probability)
    expected = np.clip(of_others + (of_particles - of_others) * probability, SMALLEST, 1 - SMALLEST)
    return float((agreement * np.log(expected) + (1 - agreement) * np.log(1 - expected)).mean())


def _used(columns: Mapping[str, list]) -> np.ndarray:
    """(m,) merged picks whose agreement counts."""
    labels = np.array(columns["enabled"])
    return np.isfinite(agreement_of(columns["comment"], labels)) & ~contrast_outliers_of(columns, labels == 1)


def _agreement(columns: Mapping[str, list]) -> np.ndarray:
    """The agreement of those that count, 0 to 1."""
    return agreement_of(columns["comment"], np.array(columns["enabled"]))[_used(columns)]
