"""A mask of regions: the class of each place of a tomogram, at any sampling rate, and whether it is bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.coordinates import same_sampling_rate
from .classes import BAD, NAMES, OBJECTS


@dataclass(frozen=True)
class RegionMask:
    """labels: (z, y, x) uint8 classes of `classes`.  voxel: edge, Å. Its first corner is that of the tomogram.
    bad: the classes in which nothing may be picked.
    """

    labels: np.ndarray
    voxel: float
    bad: frozenset[int] = BAD

    def classes_at(self, positions: np.ndarray, rate: float) -> np.ndarray:
        """(n,) class at positions (n, 3) x, y, z in voxels of `rate` Å; those outside have the class of the nearest voxel."""
        index = np.floor((np.asarray(positions, dtype=float).reshape(-1, 3) + 0.5) * (self._ratio(rate))).astype(int)
        x, y, z = np.clip(index, 0, np.array(self.labels.shape[::-1]) - 1).T
        return np.asarray(self.labels[z, y, x])

    def is_bad_at(self, positions: np.ndarray, rate: float) -> np.ndarray:
        """(n,) whether positions (n, 3) x, y, z in voxels of `rate` Å lie in a bad region."""
        return np.isin(self.classes_at(positions, rate), list(self.bad))

    def is_bad_on(self, indices: Sequence[np.ndarray], rate: float) -> np.ndarray:
        """(z, y, x) bool: whether the voxels of `rate` Å at the indices z, y and x are bad."""
        places = (
            np.clip(np.floor((index + 0.5) * self._ratio(rate)).astype(int), 0, edge - 1)
            for index, edge in zip(indices, self.labels.shape, strict=True)
        )
        return np.isin(self.labels[np.ix_(*places)], list(self.bad))

    def is_bad(self) -> np.ndarray:
        """(z, y, x) bool in voxels of the mask."""
        return np.isin(self.labels, list(self.bad))

    def is_object(self) -> np.ndarray:
        """(z, y, x) bool in voxels of the mask: objects that pickers take for particles."""
        return np.isin(self.labels, list(OBJECTS))

    def bad_voxels(self, shape: tuple[int, ...], rate: float) -> np.ndarray:
        """(z, y, x) bool of a tomogram of that shape and rate (Å/voxel): whether the centre of each voxel is bad."""
        return on_voxels(self.is_bad(), shape, self._ratio(rate))

    def shares(self) -> dict[str, float]:
        """Share of the volume of each class, by name."""
        counts = np.bincount(self.labels.ravel(), minlength=len(NAMES))
        return {name: float(count) / self.labels.size for name, count in zip(NAMES, counts, strict=True)}

    def _ratio(self, rate: float) -> float:
        return 1.0 if same_sampling_rate(rate, self.voxel) else rate / self.voxel


def on_voxels(values: np.ndarray, shape: tuple[int, ...], ratio: float) -> np.ndarray:
    """Values (z, y, x) at the centres of the voxels of a volume of `shape` z, y, x. ratio: edge of its voxels over those of the
    values; both volumes have their first corner in common."""
    indices = (
        np.minimum(np.floor((np.arange(edge) + 0.5) * ratio).astype(int), own - 1)
        for edge, own in zip(shape, values.shape, strict=True)
    )
    return np.asarray(values[np.ix_(*indices)])
