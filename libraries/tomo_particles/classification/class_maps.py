"""The averages of classes at the full resolution of their boxes."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..averaging.average import Particles, Sum, chunks, turned_back
from ..averaging.band import Band
from ..averaging.poses import Poses

AT_ONCE = 512  # boxes that are read at once


class Boxes(Protocol):
    """What boxes must say of themselves, be they cut from tomograms now or before."""

    @property
    def edge(self) -> int: ...

    @property
    def rate(self) -> float: ...

    def __len__(self) -> int: ...

    def band(self, resolution: float) -> Band:
        """Of these boxes, up to a resolution in Å."""

    def particles(self, band: Band, rows: np.ndarray, *, whitened: bool) -> Particles:
        """Spectra of some boxes."""


def weighted_sums(boxes: Boxes, poses: Poses, weights: np.ndarray) -> list[Sum]:
    """The sums of all boxes in the frame of the average, for each column of weights (n, k)."""
    band = boxes.band(2 * boxes.rate)
    m, k = len(band.integers), weights.shape[1]
    values, coverage = np.zeros((k, m), dtype=np.complex128), np.zeros((k, m))
    for first in range(0, len(boxes), AT_ONCE):
        rows = np.arange(first, min(first + AT_ONCE, len(boxes)))
        particles = boxes.particles(band, rows, whitened=False)
        for part in chunks(len(rows), band.edge):
            turned, own = turned_back(particles[part], poses[rows[part]]), weights[rows[part]].T
            values += own @ turned.spectra
            coverage += own @ turned.seen
    return [Sum(band, one, other) for one, other in zip(values, coverage, strict=True)]
