"""Whether the principal component of a cone can see two classes at all (spiked covariance: Baik & Silverstein 2006)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr


@dataclass(frozen=True)
class Detectability:
    """separation: d', norm of the difference in an image over the noise of a pixel.  spike, threshold: above it PCA sees two.

    accuracy: share of the particles that one direction then names right, of two even classes; 0.5 below the threshold.
    """

    separation: float
    spike: float
    threshold: float
    accuracy: float


def detectability(separation: float, share: float, count: float, pixels: float) -> Detectability:
    """Of `count` images with `pixels` independent pixels, a `share` of them in one class."""
    spike, ratio = share * (1 - share) * separation**2, pixels / max(count, 1)
    threshold = float(np.sqrt(ratio))
    squared = (1 - ratio / spike**2) / (1 + ratio / spike) if spike > threshold else 0.0
    return Detectability(separation, spike, threshold, float(ndtr(separation * np.sqrt(squared) / 2)))
