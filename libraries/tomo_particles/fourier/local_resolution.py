"""Resolution of a map at each voxel: up to which frequency it stands out of the noise of its halves (after MonoRes).

Vilas et al., Structure 26, 2018: the monogenic amplitude is the height of a wave wherever its crest lies.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from scipy.ndimage import median_filter

QUANTILE = 0.95  # of the noise's amplitudes in the mask: a voxel must be above
FLANK = 2.0  # shells: a band of one shell alone spreads over the whole box
FIRST = 2  # shell: a wave as long as the box has no place in it
INSIDE = 0.5  # of the mask


def local_resolution(one: np.ndarray, other: np.ndarray, mask: np.ndarray, extent: float) -> np.ndarray:
    """(n, n, n) float32, Å, of two half maps (n, n, n) of a box of `extent` Å; 0 outside the mask.

    A voxel passes a band, about one shell, if the monogenic amplitude of the mean of the halves is above the QUANTILE of that of
    half their difference. Its resolution is that of the finest band before the first that it does not pass, and that of the
    first band if it passes none. The map is smoothed by a median of 3^3 voxels.
    """
    edge = one.shape[0]
    inside = np.asarray(mask) > INSIDE
    mean, half_difference = (
        scipy.fft.rfftn(np.asarray(volume, dtype=np.float64)) for volume in ((one + other) / 2, (one - other) / 2)
    )
    integers = _integers(edge)
    radius = np.sqrt(sum(np.square(k) for k in integers))
    finest = np.full(one.shape, FIRST, dtype=float)
    going_on = inside.copy()
    for shell in range(FIRST, edge // 2 + 1):
        band = np.where(np.abs(radius - shell) < FLANK, np.square(np.cos(np.pi / 2 * (radius - shell) / FLANK)), 0.0)
        band[0, 0, 0] = 0.0
        noise = monogenic_amplitude(half_difference * band, integers, radius)
        going_on &= monogenic_amplitude(mean * band, integers, radius) > np.quantile(noise[inside], QUANTILE)
        if not going_on.any():
            break
        finest[going_on] = shell
    smooth = median_filter(extent / finest, 3)
    return np.where(inside, smooth, 0).astype(np.float32)


def monogenic_amplitude(spectrum: np.ndarray, integers: tuple[np.ndarray, ...], radius: np.ndarray) -> np.ndarray:
    """(n, n, n) of a half spectrum (n, n, n // 2 + 1) without frequency 0: the root of b^2 and of the squares of its Riesz
    transforms. integers: z, y, x of the frequencies.  radius: their lengths."""
    edge = spectrum.shape[0]
    safe = np.maximum(radius, 1e-6)
    squares = np.square(scipy.fft.irfftn(spectrum, s=(edge,) * 3))
    for along in integers:
        squares += np.square(scipy.fft.irfftn(-1j * along / safe * spectrum, s=(edge,) * 3))
    return np.sqrt(squares)


def _integers(edge: int) -> tuple[np.ndarray, ...]:
    """z, y, x of the frequencies of the half spectrum, cycles a box, to be broadcast."""
    k = np.fft.fftfreq(edge, 1 / edge)
    return k[:, None, None], k[None, :, None], np.arange(edge // 2 + 1.0)[None, None, :]
