"""Patches to learn from: drawn around particles of each class alike, around known wrong places, and anywhere; varied at random.

Every patch depends on the seed and its number alone, so that an interrupted training goes on as if it had not been interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..folds import Region, fold_of, may_train
from .grey import SeenTomogram, folded
from .recipes import Recipe
from .targets import MIDDLE, Labels, MapGrid, ParticleClass, Shape, make_target

HARD = 0.2  # of the patches: around what is known to be no particle, if there is any
GAIN, NOISE = 0.1, 0.3  # largest relative change of contrast, and largest deviation of added noise
TRIES = 20  # at uniform places until one may be learned from
# Half turns about x, y and z keep the missing wedge and the hand; the flips along single axes also change the hand
HALF_TURNS = ((False,) * 3, (True, True, False), (True, False, True), (False, True, True))
MIRRORS = tuple(product((False, True), repeat=3))


@dataclass(frozen=True)
class Batch:
    """n patches of a map of m voxels to a side. grey: (n, m, m, m, channels); answer: (n, k, k, k, C + 1); weight: (n, k, k, k),
    where k is m, or 1 for networks that answer for the middle only.  density: as grey, without noise; zeros where it is unknown.
    """

    grey: np.ndarray
    answer: np.ndarray
    weight: np.ndarray
    density: np.ndarray


class PatchSource:
    """Batches from labelled tomograms, of which some regions are closed or are the only ones open."""

    def __init__(
        self,
        tomograms: Sequence[SeenTomogram],
        labels: Sequence[Labels],
        classes: Sequence[ParticleClass],
        recipe: Recipe,
        *,
        densities: Sequence[SeenTomogram] = (),
        shapes: Sequence[Shape] = (),
        patch: int,
        closed: Sequence[Region] = (),
        only: Sequence[Region] = (),
        seed: int,
        varied: bool = True,
        mirror: bool = False,
    ) -> None:
        """densities: noise-free, one for each tomogram, or none.  shapes: one for each class, for that target.
        patch: edge, voxels.  closed: regions that no patch may overlap.  only: regions that the middle of a patch lies in, if
        there are any.
        Raises ValueError where no particle is left."""
        self._tomograms, self._labels, self._classes, self._recipe = tomograms, labels, classes, recipe
        self._densities, self._shapes = densities, shapes
        self._patch, self._seed, self._varied = patch, seed, varied
        self._closed, self._only = closed, only
        self._turns = MIRRORS if mirror else HALF_TURNS
        self._of_class: dict[int, list[tuple[int, int]]] = {}
        for place, (tomogram, known) in enumerate(zip(tomograms, labels, strict=True)):
            open_ = self._open(tomogram.tomo_id, known.positions)
            for row in np.flatnonzero(open_ & ((known.weight > 0) | (known.classes == 0))):
                self._of_class.setdefault(int(known.classes[row]), []).append((place, int(row)))
        self._hard = self._of_class.pop(0, [])
        if not self._of_class:
            raise ValueError("no particle is left to learn from")

    @property
    def counts(self) -> dict[int, int]:
        """Particles of each class that patches are drawn around."""
        return {which: len(rows) for which, rows in sorted(self._of_class.items())}

    def batch(self, number: int, size: int) -> Batch:
        """Batch `number` of `size` patches; the same number gives the same batch."""
        patches = [self._one(np.random.default_rng([self._seed, number, k])) for k in range(size)]
        return Batch(*(np.stack(part) for part in zip(*patches, strict=True)))

    def _one(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        edge, recipe = self._patch, self._recipe
        place, middle = self._choose(rng)
        start = np.rint(middle[::-1] - (edge - 1) / 2).astype(int)
        tomogram = self._tomograms[place]
        grey, known = tomogram.crop(start, (edge,) * 3)
        step = recipe.step
        grid = MapGrid(start, (edge // step,) * 3, step, recipe.offset)
        known_there = self._labels[place]
        answer, weight = make_target(recipe.target, known_there, self._classes, tomogram.sampling_rate, grid, self._shapes)
        weight = weight * folded(known).all(axis=-1) if recipe.folded else weight * known
        density = self._densities[place].crop(start, (edge,) * 3)[0] if self._densities else np.zeros_like(grey)
        if self._varied:
            axes = tuple(int(axis) for axis in np.flatnonzero(self._turns[int(rng.integers(len(self._turns)))]))
            grey, answer, weight, density = (np.flip(values, axes) for values in (grey, answer, weight, density))
            grey = _vary(grey, rng)
        if recipe.valid:
            middle_voxel = tuple(slice(length // 2, length // 2 + 1) for length in weight.shape)
            answer, weight = answer[middle_voxel], weight[middle_voxel]
        grey, density = (folded(values) if recipe.folded else values[..., None] for values in (grey, density))
        return grey, answer, weight, density

    def _choose(self, rng: np.random.Generator) -> tuple[int, np.ndarray]:
        """A tomogram and the middle of a patch in it, x, y, z, voxels."""
        kind = rng.random()
        if kind < self._recipe.anywhere:
            for _ in range(TRIES):
                place = int(rng.integers(len(self._tomograms)))
                tomogram = self._tomograms[place]
                middle = rng.uniform(0, np.array(tomogram.data.shape[::-1]) - 1)
                if self._open(tomogram.tomo_id, middle[None])[0]:
                    return place, middle
        rows = self._hard
        if not rows or kind >= self._recipe.anywhere + HARD:
            which = sorted(self._of_class)[int(rng.integers(len(self._of_class)))]
            rows = self._of_class[which]
        place, row = rows[int(rng.integers(len(rows)))]
        tomogram, labels = self._tomograms[place], self._labels[place]
        particle = labels.positions[row]
        radius = self._classes[max(int(labels.classes[row]), 1) - 1].radius / tomogram.sampling_rate
        # A label for the middle alone: the particle stays within MIDDLE of its radius, also along the diagonal
        most = MIDDLE * radius / np.sqrt(3) if self._recipe.target == "centre" else max(0.0, self._patch / 2 - radius)
        middle = particle + rng.uniform(-most, most, 3)
        return (place, middle) if self._open(tomogram.tomo_id, middle[None])[0] else (place, particle)

    def _open(self, tomo_id: str, positions: np.ndarray) -> np.ndarray:
        """(n,) bool: whether a patch may have its middle at the positions (n, 3)."""
        names = np.full(len(positions), tomo_id)
        inside = fold_of(self._only, names, positions) >= 0 if self._only else np.ones(len(names), dtype=bool)
        for fold in {region.fold for region in self._closed}:
            inside &= may_train(self._closed, fold, names, positions, self._patch / 2)
        return inside


def _vary(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another contrast, more noise."""
    noise = rng.standard_normal(grey.shape, dtype=np.float32) * np.float32(rng.uniform(0, NOISE))
    return grey * np.float32(1 + rng.uniform(-GAIN, GAIN)) + noise
