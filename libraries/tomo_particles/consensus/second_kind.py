"""Whether accepted picks are of two kinds by what a second look sees of them: another particle, or false picks.

Pickers that agree on a second particle mislead both votes and network, because agreement is what these learn from. The average
is then of the kind that is more common or larger, and the picks of the other kind are less like it, or less like its mean over
all rotations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.mixture import evidence_of_two, fit_mixture

# Chosen on simulated tomograms of seeds 1 and 11; benchmarks/results/second_kind.md has these and others.
LEAST_APART = 2.5  # distance of the groups in their width; one skewed group is divided into two that are nearer
LEAST_SHARE = 0.18  # of the smaller group: a tenth of the accepted picks is often false
# Difference of the Bayesian information criteria: strong (Kass & Raftery, J. Am. Stat. Assoc. 90, 773, 1995)
LEAST_EVIDENCE = 6.0
FEWEST = 40  # picks
STARTS = (0.2, 0.35, 0.5, 0.65, 0.8)  # quantiles at which the groups are divided first


def second_kind(features: np.ndarray) -> float:
    """Share of the smaller group of the accepted picks, if they are of two kinds by one of the features (n, F), else 0."""
    if len(features) < FEWEST:
        return 0.0
    found = [two_groups(values) for values in features.T]
    return max(
        (own.share for own in found if own.share >= LEAST_SHARE and own.apart >= LEAST_APART and own.evidence >= LEAST_EVIDENCE),
        default=0.0,
    )


@dataclass(frozen=True)
class Groups:
    """Two groups of values, normal and of one width. share: of the smaller.  apart: distance of their means, in widths.

    evidence: that they are two and not one, the difference of the Bayesian information criteria.
    """

    share: float
    apart: float
    evidence: float


def two_groups(values: np.ndarray) -> Groups:
    """The best division of values (n,) in two groups: expectation and maximisation from several starts."""
    if not values.std() > 0:
        return Groups(0.0, 0.0, -np.inf)
    fits = [fit_mixture(values, values > np.quantile(values, start)) for start in STARTS]
    best = max(fits, key=lambda fit: fit.log_likelihood(values))
    apart = (best.high - best.low) / np.sqrt(best.variance)
    return Groups(min(best.share, 1 - best.share), float(apart), evidence_of_two(values, best))
