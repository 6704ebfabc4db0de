"""Whether accepted picks are of two kinds by what a second look sees of them: another particle, or false picks.

Pickers that agree on a second particle mislead both votes and network, because agreement is what these learn from. The average
is then of the kind that is more common or larger, and the picks of the other kind are less like it, or less like its mean over
all rotations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Chosen on simulated tomograms of seeds 1 and 11; benchmarks/results/second_kind.md has these and others.
LEAST_APART = 2.5  # distance of the groups in their width; one skewed group is divided into two that are nearer
LEAST_SHARE = 0.18  # of the smaller group: a tenth of the accepted picks is often false
# Difference of the Bayesian information criteria: strong (Kass & Raftery, J. Am. Stat. Assoc. 90, 773, 1995)
LEAST_EVIDENCE = 6.0
FEWEST = 40  # picks
STARTS = (0.2, 0.35, 0.5, 0.65, 0.8)  # quantiles at which the groups are divided first
STEPS = 200


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
    n, spread = len(values), float(values.std())
    if not spread > 0:
        return Groups(0.0, 0.0, -np.inf)
    z = (values - values.mean()) / spread
    share, apart, likelihood = max((_divided(z, z > np.quantile(z, start)) for start in STARTS), key=lambda one: one[2])
    of_one = -(z**2).sum() / 2
    return Groups(min(share, 1 - share), apart, float(2 * (likelihood - of_one) - 2 * np.log(n)))


def _divided(z: np.ndarray, upper: np.ndarray) -> tuple[float, float, float]:
    """Share of the upper of two groups that begin as `upper` (n,) bool, their distance, and the log-likelihood but for a
    constant."""
    weight = np.where(upper, 0.95, 0.05)
    for _ in range(STEPS):
        share = weight.mean()
        high, low = np.average(z, weights=weight), np.average(z, weights=1 - weight)
        variance = max(float((weight * (z - high) ** 2 + (1 - weight) * (z - low) ** 2).mean()), 1e-3)
        of_high, of_low = (np.log(part) - (z - mean) ** 2 / (2 * variance) for part, mean in ((share, high), (1 - share, low)))
        total = np.logaddexp(of_high, of_low)
        before, weight = weight, np.clip(np.exp(of_high - total), 1e-6, 1 - 1e-6)
        if np.abs(weight - before).max() < 1e-6:
            break
    return float(share), float(abs(high - low) / np.sqrt(variance)), float(total.sum() - len(z) * np.log(variance) / 2)
