"""The second look joined to the network score, and the centres that it gives."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .log_odds import RIDGE, expit, fit_odds, logit_of

# Correlation of the averages of two halves: below the first number the look counts nothing, from the second on fully. Random
# places reach 0.36 to 0.71; accepted picks that are mostly particles 0.78 to 0.96, and less where the noise hides the particle.
AGREEMENT = (0.72, 0.82)
ROUNDING = 1e-6  # voxels: two picks that move alike come no nearer
MIDWAY = 0.5  # of the way from the pickers' centre to that of the average


def worth_of(agreement: float) -> float:
    """Weight of the second look, 0 to 1, from the correlation of the averages of two halves that share no pick."""
    return float(np.clip((agreement - AGREEMENT[0]) / (AGREEMENT[1] - AGREEMENT[0]), 0, 1))


def joined_scores(
    network: np.ndarray,
    features: np.ndarray,
    agreement: np.ndarray | None,
    worth: float,
    noise: np.ndarray,
    noise_features: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Network score and second look in one: (m,) of the merged picks and (k,) of the noise picks, 0 to 1.

    A logistic regression on the log-odds of the network score and on the features, with picker agreement as uncertain label.
    Without agreement (None: the pickers agree no more often than by chance) the label is pick or noise, as in
    `final_probability_against_noise`. Picks that were not compared are not fitted: their zeros are no
    measurement. If all labels are the same (one picker, all agree on every pick, or no noise), nothing can be fitted. Then, and
    if the look is worth nothing, the network scores are returned as they are.

    network: (m,), noise: (k,) network scores.  features: (m, F), noise_features: (k, F) of the second look, 0 where there is
    none.  agreement: (m,) training label from the votes, NaN for references, which are not fitted.  worth: weight of the result
    against the network score alone, as log-odds.
    """
    of_network = logit_of(np.concatenate([network, noise]))
    looked = np.concatenate([features, noise_features])
    every, compared = np.column_stack([of_network, looked]), looked.any(axis=1)
    if agreement is None:
        label, fitted = (np.arange(len(every)) < len(network)).astype(float), np.flatnonzero(compared)
        label = label[fitted]
    else:
        fitted = np.flatnonzero(np.isfinite(agreement) & compared[: len(network)])
        label = agreement[fitted] ** 2
    if worth == 0 or not len(label) or np.ptp(label) == 0:
        return network, noise
    odds = fit_odds(every[fitted], label, RIDGE).of(every)
    joined = expit(worth * odds + (1 - worth) * of_network)
    return joined[: len(network)], joined[len(network) :]


def moved_midway(
    positions: np.ndarray, shifts: np.ndarray, worth: float, least_distance: float, size: tuple[float, float, float]
) -> np.ndarray:
    """(m, 3) positions of the picks of one tomogram, moved towards the centres of the average.

    The pickers' centre and that of the average err about alike and independently: the mean of both is nearer than either.
    Picks that would come nearer to another than `least_distance`, or nearer still where they are so already, or leave the
    tomogram, stay where they are: two picks of one particle do not become one place.

    positions, shifts: (m, 3) x, y, z, voxels.  worth: see `worth_of`.  size: x, y, z of the tomogram, voxels.
    """
    moved = positions + MIDWAY * worth * shifts
    stay = ((moved < 0) | (moved > np.array(size) - 1)).any(axis=1)
    while len(positions):  # a pick that stays may be in the way of another
        places = np.where(stay[:, None], positions, moved)
        one, other = cKDTree(places).query_pairs(least_distance, output_type="ndarray").T
        nearer = distances(places[one], places[other]) < distances(positions[one], positions[other]) - ROUNDING
        if not nearer.any():
            return places
        stay[one[nearer]] = stay[other[nearer]] = True
    return positions


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,) from each of some points (n, 3) to its partner (n, 3)."""
    return np.asarray(np.linalg.norm(one - other, axis=1))
