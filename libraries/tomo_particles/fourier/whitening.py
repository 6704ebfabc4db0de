"""Whitening: division by the noise spectrum of a tomogram. In back-projections noise is strongest where proteins are weak.

Correlating whitened data with a whitened template is the matched filter in coloured noise (Turin, IRE Trans. Inf. Th. 6, 1960).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from ..core.grey_values import grey_limits, without_gaps
from .filters import radial_frequency, wedge_mask

FLOOR = 0.05  # of the highest amplitude: frequencies that a filter has removed from a tomogram are not amplified


@dataclass(frozen=True)
class Whitening:
    """amplitude: (n,) of a tomogram's spectrum, highest 1, at the frequencies k: (n,), 1/Å, rising."""

    k: np.ndarray
    amplitude: np.ndarray

    def transfer(self, shape: tuple[int, int, int], sampling_rate: float) -> np.ndarray:
        """1 / amplitude on the half spectrum of a volume (z, y, x) of that rate (Å/voxel), float32."""
        wanted = radial_frequency(shape, sampling_rate)
        return (1 / np.interp(wanted, self.k, self.amplitude)).astype(np.float32)


def whitening_of(volume: np.ndarray, sampling_rate: float, tilts: tuple[float, float] | None, workers: int = 1) -> Whitening:
    """Mean amplitude of a tomogram (z, y, x; any type) in shells of frequency, within the measured tilts.

    Nearly all of it is noise. The grey values of gold beads are limited to the contrast of the rest.
    """
    centre, largest = grey_limits(volume)
    grey, _ = without_gaps(volume)
    grey -= np.float32(centre)
    np.clip(grey, -largest, largest, out=grey)
    grey -= np.float32(grey.mean(dtype=float))
    power = np.square(np.abs(scipy.fft.rfftn(grey, workers=workers)))
    width = 1 / (min(volume.shape) * sampling_rate)  # a shell is as wide as the coarsest sampling of the spectrum
    shape = (volume.shape[0], volume.shape[1], volume.shape[2])
    shells = np.rint(radial_frequency(shape, sampling_rate) / width).astype(np.int32)
    if tilts is not None:
        power *= wedge_mask(shape, tilts)
        seen = np.broadcast_to(wedge_mask(shape, tilts), shells.shape).ravel()
    else:
        seen = np.ones(shells.size, dtype=np.float32)
    counts = np.bincount(shells.ravel(), seen)
    amplitude = np.sqrt(np.bincount(shells.ravel(), power.ravel()) / np.maximum(counts, 1))
    amplitude[0] = amplitude[1] if len(amplitude) > 1 else 1.0  # the mean was subtracted
    highest = float(amplitude.max()) or 1.0
    return Whitening(np.arange(len(amplitude)) * width, np.maximum(amplitude / highest, FLOOR))
