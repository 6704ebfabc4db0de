"""Particles and others by their network scores alone: a mixture of two normal distributions, without votes.

The calibration by picker agreement assumes that particles of every network score are agreed equally often. Where a picker misses
the faint particles, agreed picks look better than the rest, and the calibration takes the faint ones for others. The mixture does
not use agreement, but it needs two groups that are set apart.
"""

from __future__ import annotations

import numpy as np

LEAST_SPREAD = 0.3  # of each group, as a fraction of the spread of all
LEAST_SHARE = 0.02  # of each group among all
STEPS = 200
SUREST = 8.0  # log-odds


def odds_of_two_normals(values: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """(m,) log-odds to belong to the group of larger values, within -SUREST to SUREST; they never fall with the value.

    Expectation and maximisation (Dempster, Laird & Rubin, J. R. Stat. Soc. B 1977) from the start `odds`.

    values: (m,) log-odds of the network scores.  odds: (m,) first log-odds, such as those by picker agreement; returned as they
    are if all values are equal.
    """
    spread = values.std()
    if not spread > 0:
        return np.clip(odds, -SUREST, SUREST)
    found = np.clip(odds, -SUREST, SUREST)
    for _ in range(STEPS):
        before, upper = found, 1 / (1 + np.exp(-found))
        found = _odds(values, upper, spread)
        if np.abs(found - before).max() < 1e-6:
            break
    return found


def separation(values: np.ndarray, probability: np.ndarray) -> float:
    """Difference of the mean values of two groups; (m,) values and the probability of each to be of the second group."""
    return float(np.average(values, weights=probability) - np.average(values, weights=1 - probability))


def _odds(values: np.ndarray, upper: np.ndarray, spread: float) -> np.ndarray:
    """(m,) log-odds after one step, from the (m,) probability `upper` of the group of larger values."""
    share = np.clip(upper.mean(), LEAST_SHARE, 1 - LEAST_SHARE)
    (low, width_of_low), (high, width_of_high) = (_normal(values, weight, spread) for weight in (1 - upper, upper))
    # A quadratic function; it turns where the wider group wins again, and stays constant from there on.
    curvature = 1 / width_of_low**2 - 1 / width_of_high**2
    if curvature:
        turn = (low / width_of_low**2 - high / width_of_high**2) / curvature
        values = np.minimum(values, turn) if curvature < 0 else np.maximum(values, turn)
    odds = ((values - low) / width_of_low) ** 2 / 2 - ((values - high) / width_of_high) ** 2 / 2
    odds += np.log(share / (1 - share)) + np.log(width_of_low / width_of_high)
    return np.clip(odds, -SUREST, SUREST)


def _normal(values: np.ndarray, weight: np.ndarray, spread: float) -> tuple[float, float]:
    mean = np.average(values, weights=weight)
    width = np.sqrt(np.average((values - mean) ** 2, weights=weight))
    return float(mean), float(max(width, LEAST_SPREAD * spread))
