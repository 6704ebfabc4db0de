"""What others would do with the same projections; all are compared up to the resolution that our split was."""

from __future__ import annotations

import numpy as np
from _classification_data import Simulated
from scipy.cluster.vq import kmeans2

from tomo_particles.classification.observations import Space, dot
from tomo_particles.classification.principal_component import places_along
from tomo_particles.classification.residuals import NOISE, Residuals, consensus_of, residuals_of
from tomo_particles.classification.split_projections import published
from tomo_particles.classification.split_set import on_grid_of
from tomo_particles.classification.two_classes import (
    agreement_of,
    by_component,
    classes_of,
    folds,
    log_odds_of,
    posterior,
    refined,
)
from tomo_particles.classification.view_graph import Views
from tomo_particles.core.mixture import fit_mixture
from tomo_particles.geometry.symmetry import symmetry_group

STARTS = 5  # random ones, of expectation and maximisation and of the principal component
ROUNDS = 8  # of either from a random start
COMPONENTS = 3  # of the PCA before k-means
THESIS = 7.5  # degrees, of its cones and between its directions


class Rivals:
    """What the others find: (n,) classes each."""

    def __init__(self, simulated: Simulated, resolution: float) -> None:
        self.simulated, self.seed, particles = simulated, simulated.seed, simulated.particles
        self.band = particles.band(resolution)
        self.space = Space(self.band, on_grid_of(self.band, simulated.mask))
        self.seen = particles.observed(self.space)
        self.consensus = consensus_of(self.seen)
        self.residuals: Residuals = residuals_of(self.seen, self.consensus)

    def oracle(self) -> np.ndarray:
        """Whoever knows the structures, but has the given poses and must find the noise."""
        noise, trial = self.consensus.noise, self.simulated.trial
        known = [self.band.volume(self.band.pack(one)) * self.space.mask for one in self.simulated.structures]
        seen = [self.seen.of_volume(volume) / noise for volume in known]
        shares = np.log(np.array(trial.shares) / sum(trial.shares))
        scores = [2 * dot(self.seen.values / noise - one / 2, one) + share for one, share in zip(seen, shares, strict=True)]
        return np.argmax(scores, axis=0)

    def thesis(self) -> np.ndarray:
        """The published recipe, in cones of 7.5 degrees or, where these hold too few, wider."""
        views = Views(THESIS, THESIS, symmetry_group("c1"), cross_fit=False)
        return published(self.simulated.particles, self.simulated.mask, views, 1).log_odds > 0

    def pca(self) -> np.ndarray:
        """Principal components of the images with the CTF undone, and k-means: no poses."""
        images = self.simulated.particles.corrected(self.band)
        pixels = images[:, self.space.mask.max(axis=0) > 0.5]
        left, sizes, _ = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
        return kmeans2(left[:, :COMPONENTS] * sizes[:COMPONENTS], 2, minit="++", seed=self.seed, iter=50)[1]

    def em(self) -> np.ndarray:
        """Expectation and maximisation of two classes from random ones; of the starts the most likely end, judged by folds."""
        ends = []
        for start in range(STARTS):
            odds = np.random.default_rng([self.seed, start]).standard_normal(len(self.residuals))
            odds, _ = refined(self.residuals, odds, ROUNDS)
            ends.append((self._likelihood(odds), odds))
        return max(ends, key=lambda end: end[0])[1] > 0

    def ppca(self) -> np.ndarray:
        """The principal component of all particles in 3D with missing data, from random directions; the one of most variance.

        Then the same mixture and refinement that our split has.
        """
        ends = []
        for start in range(STARTS):
            rng = np.random.default_rng([self.seed, 1, start])
            white = rng.standard_normal(self.space.mask.shape).astype(np.float32)
            direction = self.space.mask * self.space.filtered(white, self.residuals.expected)
            power = float(np.mean(self._power(direction)))
            direction *= np.float32(power**-0.5)
            for _ in range(2 * ROUNDS):
                places, variance = places_along(self.residuals, direction)
                direction = self.residuals.mean(places, places**2 + variance)
            ends.append((float(np.mean(self._power(direction))), places_along(self.residuals, direction)[0]))
        places = max(ends, key=lambda end: end[0])[1]
        first = np.clip(posterior(fit_mixture(places).log_odds(places)), 1e-9, 1 - 1e-9)
        return refined(self.residuals, np.log(first / (1 - first)), 2)[0] > 0

    def component(self) -> np.ndarray:
        """The same from the largest eigenvector, as our program has it for subtomograms."""
        first = np.clip(by_component(self.residuals, self.seed), 1e-9, 1 - 1e-9)
        return refined(self.residuals, np.log(first / (1 - first)), 2)[0] > 0

    def _power(self, direction: np.ndarray) -> np.ndarray:
        expected = self.residuals.of_volume(direction)
        return dot(expected, expected)

    def _likelihood(self, odds: np.ndarray) -> float:
        """Of all particles, each judged by the classes of the other four fifths; without what does not depend on the classes."""
        first, total = posterior(odds), 0.0
        for own, other in folds(len(odds)):
            judged, classes = self.residuals[own], classes_of(self.residuals[other], first[other])
            second = judged.of_volume(classes.second)
            of_second = dot(judged.values - second / 2, second) / NOISE + np.log(1 - classes.share)
            total += float(np.logaddexp(of_second, of_second + log_odds_of(judged, classes)).sum())
        return total

    def difference(self, probabilities: np.ndarray) -> np.ndarray:
        """(shells,) correlation of the difference of the first two classes with the true one, its sign put right."""
        one, other = (self.residuals.mean(column, column) for column in probabilities.T[:2])
        true = self.simulated.structures[0] - self.simulated.structures[1]
        found = agreement_of(one - other, self.band.volume(self.band.pack(true)) * self.space.mask, self.band)[1:]
        return found if found.mean() >= 0 else -found
