"""The boxes of particles that were cut out before, as packed spectra of one band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..core.subtomograms import fill_gaps
from .average import Particles, chunks
from .band import Band, in_wedge


@dataclass(frozen=True)
class ExtractedBoxes:
    """edge: of all boxes, voxels, even.  rate: Å/voxel.  names: (n,) tomogram of each.  tilts: (n, 2) first and last, degrees.

    box_of: gives the box (z, y, x) of a row.
    """

    edge: int
    rate: float
    names: Sequence[str]
    tilts: np.ndarray
    box_of: Callable[[int], np.ndarray]
    threads: int = 1

    def __len__(self) -> int:
        return len(self.names)

    def band(self, resolution: float) -> Band:
        """Of these boxes, up to a resolution in Å."""
        return Band(self.edge, self.rate, resolution)

    def particles(self, band: Band, rows: np.ndarray, *, whitened: bool = False) -> Particles:
        """Spectra of some boxes, read now, each of mean 0 and deviation 1."""
        if whitened:
            raise ValueError("nothing is known of the noise around extracted boxes")

        def part(own: np.ndarray) -> np.ndarray:
            boxes = np.stack([_standardised(self.box_of(int(row))) for row in own])
            seen = np.stack([in_wedge(band.frequencies, (first, last)) for first, last in self.tilts[own]])
            return (band.pack(boxes) * seen).astype(np.complex64)

        with ThreadPoolExecutor(self.threads) as pool:
            parts = list(pool.map(part, (rows[one] for one in chunks(len(rows), self.edge))))
        return Particles(band, np.concatenate(parts), self.tilts[rows], np.ones(len(rows)))


def fault_of(box: np.ndarray) -> str:
    """Why a box cannot be used: 'not numbers', 'flat', or ''."""
    grey = np.array(box, dtype=np.float32)
    return "not numbers" if fill_gaps(grey) else "flat" if grey.max() <= grey.min() else ""


def _standardised(box: np.ndarray) -> np.ndarray:
    grey = np.asarray(box, dtype=np.float32)
    return (grey - grey.mean()) / max(float(grey.std()), 1e-12)
