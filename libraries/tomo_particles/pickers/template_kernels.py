"""Templates as they appear in a tomogram: rotated, filtered by CTF, low-pass and missing wedge, normalised under a mask.

The sum of k * f over a window f of the tomogram, with a kernel k of this module, is the numerator of the weighted correlation
coefficient of template t and window under the mask w (Roseman, Ultramicroscopy 94, 2003):
k = w (t - mean_w t) / sqrt(sum w (t - mean_w t)^2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.ndimage import affine_transform

from ..fourier.ctf import CTF
from ..fourier.filters import LOWPASS_EDGE, filtered, low_pass, radial_frequency, wedge_mask
from ..fourier.whitening import Whitening

FINER = 2.0  # template voxels per search voxel: on such a grid linear interpolation of a low-passed density is accurate
MASK_EDGE = 2.0  # search voxels over which the spherical mask falls from 1 to 0
BOX_SURPLUS = 1.5  # edge of the box in which a template is filtered, over that of its mask: the wedge smears it beyond the mask
DENSE = 0.1  # fraction of the highest density above which a voxel belongs to the particle
NYQUIST = 2 * (1 + LOWPASS_EDGE)  # voxels: finest resolution whose low-pass edge still ends within the sampling


@dataclass(frozen=True)
class TomogramFilter:
    """What a tomogram keeps of a density: frequencies up to `resolution` (Å), times `ctf`, within tilts (first, last; degrees).

    whitening: of the tomogram, applied to it and to the templates alike.
    """

    resolution: float
    tilts: tuple[float, float] | None = None
    ctf: CTF | None = None
    whitening: Whitening | None = None

    def transfer(self, shape: tuple[int, int, int], sampling_rate: float) -> np.ndarray:
        """On the half spectrum of a volume (z, y, x) of that rate (Å/voxel), float32."""
        passed = self.band(shape, sampling_rate)
        if self.ctf is not None:
            passed *= self.ctf.transfer(radial_frequency(shape, sampling_rate))
        return passed

    def band(self, shape: tuple[int, int, int], sampling_rate: float) -> np.ndarray:
        """The same without the CTF: the frequencies at which the tomogram can hold signal."""
        passed = low_pass(shape, sampling_rate, self.resolution)
        if self.whitening is not None:
            passed *= self.whitening.transfer(shape, sampling_rate)
        return passed if self.tilts is None else passed * wedge_mask(shape, self.tilts)


def usable_resolution(tomogram_rate: float, template_rate: float, lowpass: float | None, ctf: CTF | None) -> float:
    """The finest resolution (Å) to compare: the coarsest of the low-pass, the two samplings and the first zero of the CTF."""
    finest = max(NYQUIST * tomogram_rate, NYQUIST * template_rate, lowpass or 0.0)
    return max(finest, 1 / ctf.first_zero) if ctf is not None else finest


def density_diameter(density: np.ndarray, sampling_rate: float) -> float:
    """Diameter (Å) of the sphere about the centre voxel, size // 2, that holds every dense voxel of a template (z, y, x)."""
    dense = np.argwhere(density - _background(density) > DENSE * (density.max() - _background(density)))
    reach = np.linalg.norm(dense - np.array(density.shape) // 2, axis=1).max() if len(dense) else 0.0
    return float(2 * (reach + 0.5) * sampling_rate)


def _background(density: np.ndarray) -> float:
    """The grey value around the particle: the median of the box's faces."""
    inner = (slice(1, -1),) * 3
    shell = np.ones(density.shape, dtype=bool)
    shell[inner] = False
    return float(np.median(density[shell]))


def spherical_mask(diameter: float) -> np.ndarray:
    """A ball of `diameter` voxels with a cosine edge around it, in the smallest odd cube that holds it; float32."""
    reach = int(np.ceil(diameter / 2 + MASK_EDGE))
    z, y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1, -reach : reach + 1]
    beyond = (np.sqrt(z**2 + y**2 + x**2) - diameter / 2) / MASK_EDGE
    return (0.5 + 0.5 * np.cos(np.pi * np.clip(beyond, 0, 1))).astype(np.float32)


class TemplateKernels:
    """The kernels of one template at the sampling of a search, one for each rotation."""

    def __init__(
        self,
        density: np.ndarray,
        sampling_rate: float,
        mask: np.ndarray,
        voxel: tuple[float, float, float],
        tomogram_filter: TomogramFilter,
    ) -> None:
        """density: (z, y, x), particle bright, at `sampling_rate` Å; mask: odd cube, unchanged by rotations; voxel: edges
        z, y, x of a search voxel, Å."""
        self.mask = mask
        self._weight = float(mask.sum(dtype=float))
        rate = float(np.mean(voxel))
        box = scipy.fft.next_fast_len(int(np.ceil(BOX_SURPLUS * len(mask))), real=True)
        self._box = (box, box, box)
        self._transfer = tomogram_filter.transfer(self._box, rate)
        self._fine, self._fine_rate = _fine_density(density, sampling_rate, rate, tomogram_filter.resolution)
        self._scale = np.array(voxel) / self._fine_rate

    def kernel(self, backwards: np.ndarray) -> np.ndarray:
        """The kernel of one rotation, an odd cube (z, y, x) float32 like the mask, centred.

        backwards: (3, 3) matrix of the inverse rotation, acting on z, y, x.
        """
        edge = len(self.mask)
        matrix = backwards * self._scale
        offset = np.array(self._fine.shape) // 2 - matrix @ np.full(3, edge // 2)
        density = affine_transform(self._fine, matrix, offset, (edge,) * 3, order=1, prefilter=False)
        spectrum = scipy.fft.rfftn(density, s=self._box, workers=1)
        spectrum *= self._transfer
        seen = scipy.fft.irfftn(spectrum, s=self._box, workers=1, overwrite_x=True)[:edge, :edge, :edge]
        return self._normalised(seen)

    def _normalised(self, seen: np.ndarray) -> np.ndarray:
        seen = seen - np.float32(np.sum(self.mask * seen, dtype=float) / self._weight)
        weighted = self.mask * seen
        norm = np.sqrt(np.sum(weighted * seen, dtype=float))
        return weighted / np.float32(norm) if norm > 0 else weighted


def _fine_density(density: np.ndarray, own_rate: float, search_rate: float, resolution: float) -> tuple[np.ndarray, float]:
    """The low-passed template about its centre voxel, on a grid that is finer than the search grid by the factor FINER."""
    margin = max(2, int(np.ceil(resolution / own_rate)))
    padded = np.pad(np.asarray(density, dtype=np.float32) - _background(density), margin)
    nz, ny, nx = padded.shape
    smooth = filtered(padded, low_pass((nz, ny, nx), own_rate, resolution / (1 + LOWPASS_EDGE)))
    rate = search_rate / FINER
    if own_rate <= rate:
        return smooth, own_rate
    shape = tuple(int(edge * own_rate / rate) | 1 for edge in smooth.shape)
    scale = np.eye(3) * (rate / own_rate)
    offset = np.array(smooth.shape) // 2 - scale @ (np.array(shape) // 2)
    return affine_transform(smooth, scale, offset, shape, order=3, output=np.float32), rate
