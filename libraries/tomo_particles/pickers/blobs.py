"""Blobs of one diameter in a tomogram, without a reference: Laplacian or difference of Gaussians.

Lindeberg, Int. J. Comput. Vis. 30, 1998 (scale of a blob); Voss et al., J. Struct. Biol. 166, 2009 (DoG picker).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_laplace, maximum_filter, uniform_filter

from ..core.grey_values import COMMON, EMPTY, FLAT_NOTE, SAMPLE_STEP, gaps_note, grey_limits, is_flat, robust_scale, sample_of
from ..core.subtomograms import are_numbers
from .peaks import Peaks, find_peaks

METHODS = ("log", "dog")
# Sigma over radius. The Laplacian of Gaussian of a ball is strongest at 1 / sqrt(3) = 0.58, that of a hollow shell at 0.7 to 0.8.
SPHERE_SCALE = 0.65
DOG_RATIO = 1.6  # of the two Gaussians: with this ratio the difference is nearest to a Laplacian (Marr and Hildreth)
REACH = 4.0  # sigmas of a Gaussian that are computed
MIN_TEXTURE = 0.1  # local deviation, as a fraction of the tomogram's median one, below which there are no data
SLAB = 32  # slices processed at once: bounds the memory


def find_blobs(
    volume: np.ndarray,
    diameter: float,
    *,
    method: str = "log",
    bright: bool = False,
    number: int | None = None,
    threshold: float | None = None,
    threads: int = 1,
    bad: np.ndarray | None = None,
    notes: list[str] | None = None,
) -> Peaks:
    """Blobs of `diameter` voxels in a tomogram (z, y, x), the best first, at least one radius from each other.

    Particles are darker than their surroundings unless `bright`. A score is the filter's response in robust deviations
    of the response. number: the best n; threshold: the lowest score. With neither, `automatic_threshold` decides.
    bad, notes: as of `blob_scores`.
    """
    score = blob_scores(volume, diameter, method=method, bright=bright, threads=threads, bad=bad, notes=notes)
    if threshold is None:
        threshold = automatic_threshold(score, diameter) if number is None else -np.inf
    return find_peaks(score, diameter / 2, threshold=threshold, number=number)


def automatic_threshold(score: np.ndarray, diameter: float) -> float:
    """The score that about one peak of filtered white noise exceeds, in all places with data.

    Expected number of peaks above u in a Gaussian field (Adler, The Geometry of Random Fields, 1981):
    voxels roughness^(3/2) (u^2 - 1) exp(-u^2 / 2) / (2 pi)^2, with the roughness 3.5 / (3 sigma^2) of a Laplacian of Gaussian.
    """
    roughness = 3.5 / 3 / (diameter / 2 * SPHERE_SCALE) ** 2
    u = np.linspace(2, 8, 601)
    expected = np.isfinite(score).sum() * roughness**1.5 * (u**2 - 1) * np.exp(-(u**2) / 2) / (2 * np.pi) ** 2
    return float(u[np.argmax(expected <= 1)])


def blob_scores(
    volume: np.ndarray,
    diameter: float,
    *,
    method: str = "log",
    bright: bool = False,
    threads: int = 1,
    bad: np.ndarray | None = None,
    notes: list[str] | None = None,
) -> np.ndarray:
    """Response (z, y, x) float32 in robust deviations from its median; -inf where the tomogram holds no data.

    The tomogram may be memory-mapped and of any type: it is read in slabs. bad: (z, y, x) bool, where nothing may be picked; it
    counts as a place without data, so that neither beads nor carbon change the response beside them or its deviation. notes:
    receives a line where voxels are no numbers. Raises ValueError for a diameter that does not fit, GreyValuesError where no
    voxel is a number.
    """
    if not 0 < diameter <= min(volume.shape):
        raise ValueError(f"a diameter of {diameter:g} voxels does not fit in a tomogram of {volume.shape}")
    sigma = diameter / 2 * SPHERE_SCALE
    centre, largest = grey_limits(volume)
    if notes is not None and is_flat(volume, centre):
        notes.append(FLAT_NOTE)
    sign = 1.0 if bright else -1.0
    empty, gaps = empty_places(volume, diameter, threads)
    if bad is not None:
        empty |= bad
    if gaps and notes is not None:
        notes.append(gaps_note(gaps, volume.size))
    response = np.empty(volume.shape, dtype=np.float32)

    def work(grey: np.ndarray, inner: slice, slab: slice, halo: slice) -> None:
        grey = np.clip((grey - centre) / largest, -1, 1)
        grey[empty[halo]] = 0  # the step to an empty border would look like a blob
        response[slab] = sign * _filtered(grey, sigma, method)[inner]

    _by_slabs(volume, int(np.ceil(REACH * sigma * DOG_RATIO)) + 1, work, threads)
    return _in_deviations(response, empty)


def _filtered(grey: np.ndarray, sigma: float, method: str) -> np.ndarray:
    """Positive in the middle of a bright blob."""
    if method == "log":  # outside of the tomogram the median, 0, is assumed: a mirror would double particles at the border
        return -gaussian_laplace(grey, sigma, truncate=REACH, mode="constant")
    narrow, wide = sigma / np.sqrt(DOG_RATIO), sigma * np.sqrt(DOG_RATIO)
    return gaussian_filter(grey, narrow, truncate=REACH, mode="constant") - gaussian_filter(
        grey, wide, truncate=REACH, mode="constant"
    )


def empty_places(volume: np.ndarray, diameter: float, threads: int = 1) -> tuple[np.ndarray, int]:
    """(z, y, x) bool: no data; the deviation in a cube half a diameter wide is a small fraction of its median.

    And the number of voxels that are no numbers. These count as the median of the tomogram: many together are an empty place.
    """
    width = max(3, round(diameter / 2))
    texture = np.empty(volume.shape, dtype=np.float32)

    def work(grey: np.ndarray, inner: slice, slab: slice, halo: slice) -> None:
        grey = grey - grey.mean()  # keeps the difference of squares exact
        mean = uniform_filter(grey, width)
        texture[slab] = np.sqrt(np.maximum(uniform_filter(grey * grey, width) - mean * mean, 0))[inner]

    gaps = _by_slabs(volume, width, work, threads)
    some = texture[::SAMPLE_STEP, ::SAMPLE_STEP, ::SAMPLE_STEP]
    usual = float(np.median(some[some >= EMPTY * np.quantile(some, COMMON)]))  # most of it may be empty
    # a cube at the edge of an empty place has texture from the data: widen empty places by half a cube, up to the data
    return maximum_filter(texture < MIN_TEXTURE * usual, 2 * (width // 2) + 1), gaps


def _by_slabs(volume: np.ndarray, halo: int, work: Callable[[np.ndarray, slice, slice, slice], None], threads: int) -> int:
    """Call work(grey float32 with a halo, the slab in it, the slab in the volume, grey in the volume) for every slab.

    Voxels that are no numbers get the median of the tomogram. Returns their number.
    """
    depth = len(volume)
    centre = float(np.median(sample_of(volume))) if volume.dtype.kind == "f" else 0.0

    def one(start: int) -> int:
        stop = min(start + SLAB, depth)
        around = slice(max(0, start - halo), min(stop + halo, depth))
        grey = np.array(volume[around], dtype=np.float32)
        inner = slice(start - around.start, stop - around.start)
        gap = ~are_numbers(grey)
        grey[gap] = centre
        work(grey, inner, slice(start, stop), around)
        return int(np.count_nonzero(gap[inner]))

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(one, range(0, depth, SLAB)))


def _in_deviations(response: np.ndarray, empty: np.ndarray) -> np.ndarray:
    sample = (slice(None, None, SAMPLE_STEP),) * 3
    known = response[sample][~empty[sample]]
    centre, deviation = robust_scale(known) if len(known) else (0.0, 0.0)
    response -= centre
    response /= deviation or float(known.std() if len(known) else 0.0) or 1.0
    response[empty] = -np.inf
    return response
