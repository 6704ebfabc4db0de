"""Whether two halves agree, as every program says it that averages picks."""

from __future__ import annotations

import numpy as np

from tomo_particles.fourier.shell_correlation import HalfMapCorrelation

from .config import AverageConfig

# Mean correlation of the halves from the diameter to the first low-pass: 0.97 for particles (results/averages.md), 0.53 for noise
# (results/branches.md). The best turn lays any two averages of few shells on each other to some degree.
SUPPORTED = 0.7


def mean_agreement(fsc: HalfMapCorrelation, extent: float, config: AverageConfig) -> float:
    """The mean correlation of the halves from the diameter to the first low-pass. extent: edge of the box, Å."""
    first, last = max(1, round(extent / config.diameter)), round(extent / config.lowpass)
    return round(float(np.nanmean(fsc.corrected[first : last + 1])), 3)


def verdict_of(agreement: float | None) -> str:
    """In words; None without halves."""
    return "no halves" if agreement is None else "supported" if agreement >= SUPPORTED else "not supported"
