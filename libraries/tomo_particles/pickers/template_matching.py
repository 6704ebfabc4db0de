"""Template matching: the best locally normalised correlation over all rotations, at every voxel of a tomogram.

Roseman, Ultramicroscopy 94, 2003; Förster et al., PNAS 102, 2005. The mask is a ball, so that the local deviation of the
tomogram under it is the same for all rotations and is computed once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.spatial.transform import Rotation

from ..core.errors import GreyValuesError
from ..core.grey_values import MAD_TO_DEVIATION, require_deviation, without_gaps
from ..core.subtomograms import are_numbers
from ..fourier.filters import filtered, fourier_resized
from .peaks import Peaks, find_peaks, noise_threshold
from .template_kernels import TemplateKernels, TomogramFilter

SAMPLING = 3.0  # search voxels within one resolution: at 2.2, near the sampling limit, peaks between voxels lose a fifth
WORTH = 1.1  # a search grid is made coarser only if by at least this factor
# A tomogram whose local deviation is below this fraction of its median one, or of its highest, holds no data there.
MIN_DEVIATION, MIN_OF_HIGHEST = 0.1, 1e-3
SLAB_BYTES = 1 << 20  # of a spectrum, processed at once: fits in the cache of the processor
NOISE_ROTATIONS = 64  # about so many rotations give the histogram of noise scores
NOISE_STEP = 2  # every second voxel along each axis counts for it
BINS = 4000  # of the histogram of scores from -1 to 1
WINDOW_BYTES, KERNEL_BYTES = 3e7, 2e8  # what is held at once where single places are compared: by each thread, by all
MAX_OVERHANG = 0.5  # of the mask's radius: centres nearer than that to the border are not scored


@dataclass(frozen=True)
class PreparedTomogram:
    """A tomogram prepared for the search: filtered, particles bright, sampled as coarsely as its resolution allows, padded.

    spectrum: (z, y, kept x) complex64 half spectrum of the padded volume, without the columns beyond the resolution;
    rows: those along y within the resolution; padded, shape: z, y, x; scale: z, y, x of the tomogram's voxels over those here;
    voxel: edges z, y, x, Å.  gaps: number of voxels of the tomogram that are no numbers.  bad: (z, y, x) bool of `shape`, where
    no centre may lie; None: nowhere.
    """

    spectrum: np.ndarray
    rows: tuple[slice, ...]
    padded: tuple[int, int, int]
    shape: tuple[int, int, int]
    scale: np.ndarray
    voxel: tuple[float, float, float]
    tomogram_filter: TomogramFilter
    gaps: int = 0
    bad: np.ndarray | None = None


@dataclass(frozen=True)
class ScoreMap:
    """score: (z, y, x) best correlation in [-1, 1], -inf where not scored; rotation: (z, y, x) index of the best one;
    scale: z, y, x of the tomogram's voxels over those here; noise: median and robust deviation of the scores of one rotation;
    trials: voxels times rotations."""

    score: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    noise: tuple[float, float]
    trials: float

    @property
    def automatic_threshold(self) -> float:
        """The score that Gaussian noise like this map's reaches about once among all voxels and rotations."""
        return noise_threshold(*self.noise, self.trials)

    def peaks(self, distance: float, *, threshold: float | None = None, number: int | None = None) -> Peaks:
        """Peaks in voxels of the tomogram, at least `distance` of its voxels apart; `voxels` are those of this map."""
        if threshold is None:
            threshold = self.automatic_threshold if number is None else -np.inf
        found = find_peaks(self.score, distance / float(np.mean(self.scale)), threshold=threshold, number=number)
        return Peaks(found.positions * self.scale[::-1], found.voxels, found.scores)


def search_shape(shape: tuple[int, int, int], sampling_rate: float, resolution: float) -> tuple[int, int, int]:
    """Voxels z, y, x of the coarsest grid that samples the resolution (Å) well; that of the tomogram if little is gained."""
    factor = resolution / SAMPLING / sampling_rate
    if factor < WORTH:
        return shape
    nz, ny, nx = (int(np.ceil(edge / factor)) for edge in shape)
    return nz, ny, nx


def prepare(
    volume: np.ndarray,
    sampling_rate: float,
    tomogram_filter: TomogramFilter,
    reach: float,
    *,
    bright: bool = False,
    bad: np.ndarray | None = None,
    workers: int = 1,
) -> PreparedTomogram:
    """Prepare a tomogram (z, y, x; any type, particles dark unless `bright`) for masks with a radius of up to `reach` Å.

    Voxels that are no numbers get the mean of the others. bad: (z, y, x) bool, where no centre may lie; its scores do not count
    for the noise either. What is there stays visible to masks beside it: `without_bad` removes it. Raises GreyValuesError if no
    voxel is a number.
    """
    shape = search_shape(volume.shape, sampling_rate, tomogram_filter.resolution)  # type: ignore[arg-type]
    grey, gaps = without_gaps(volume)
    if gaps == grey.size:
        raise GreyValuesError
    grey -= np.float32(grey.mean(dtype=float))
    deviation = float(grey.std(dtype=float))
    require_deviation(deviation)
    grey *= np.float32((1.0 if bright else -1.0) / (deviation or 1.0))
    if shape != grey.shape:
        grey = fourier_resized(grey, shape, workers)
    scale = np.array(volume.shape) / np.array(shape)
    if bad is not None:  # voxel i here lies at i times the scale
        bad = bad[np.ix_(*(np.rint(np.arange(n) * by).astype(int) for n, by in zip(shape, scale, strict=True)))]
    voxel = tuple(float(edge) for edge in scale * sampling_rate)
    rate = float(np.mean(voxel))
    grey = filtered(grey, tomogram_filter.band(shape, rate), workers)
    overhang = int(np.ceil(MAX_OVERHANG * reach / rate)) + 2
    padded = tuple(scipy.fft.next_fast_len(edge + overhang, real=True) for edge in shape)
    full = scipy.fft.rfftn(grey, s=padded, workers=workers)
    edge_y, edge_x = (_kept_frequencies(n, rate, tomogram_filter.resolution) for n in padded[1:])
    ny = padded[1]
    rows = (slice(0, ny),) if 2 * edge_y > ny else (slice(0, edge_y), slice(ny - edge_y + 1, ny))
    ft = np.ascontiguousarray(full[..., :edge_x])
    return PreparedTomogram(ft, rows, padded, shape, scale, voxel, tomogram_filter, gaps, bad)  # type: ignore[arg-type]


def without_bad(volume: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """A float32 copy of a tomogram (z, y, x) in which bad voxels have the mean of the good ones that are numbers.

    A bead draws the peaks of all templates from some way off, because it is so much denser than a particle.
    """
    grey = np.array(volume, dtype=np.float32)
    good = ~bad & are_numbers(grey)
    grey[bad] = grey[good].mean(dtype=float) if good.any() else 0
    return grey


def _kept_frequencies(n: int, rate: float, resolution: float) -> int:
    """Coefficients from 0 up to the end of the low-pass' edge, with a margin for what the padding smears."""
    return min(n // 2 + 1, int(np.ceil(n * rate / resolution * 1.15)) + 2)


def match_template(
    prepared: PreparedTomogram,
    kernels: TemplateKernels,
    rotations: Rotation,
    *,
    threads: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> ScoreMap:
    """Correlate every rotation of a template with a tomogram; the result does not depend on the number of threads.

    progress: called with the number of rotations done, from several threads.
    """
    backwards = rotations.as_matrix().transpose(0, 2, 1)[:, ::-1, ::-1]  # inverse, acting on z, y, x
    inverse_deviation = _inverse_deviation(prepared, kernels.mask, threads)
    every = max(1, len(backwards) // NOISE_ROTATIONS)

    def work(first: int) -> _BestScores:
        best = _BestScores(prepared.padded)
        spectrum = np.zeros(prepared.spectrum.shape, dtype=np.complex64)
        for index in range(first, len(backwards), threads):
            noise = inverse_deviation if index % every == 0 else None
            kernel = kernels.kernel(backwards[index])
            _correlate(prepared, kernel, spectrum, lambda z, values: best.update(z, values, index, noise))  # noqa: B023
            progress(1)
        return best

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(work, range(min(threads, len(backwards)))))
    best = parts[0].merged(parts[1:])
    best.value *= inverse_deviation
    best.value[inverse_deviation == 0] = -np.inf
    scored = float(np.count_nonzero(inverse_deviation))
    score, rotation = (_centred(values, kernels.mask, prepared.shape) for values in (best.value, best.index))
    return ScoreMap(score, rotation, prepared.scale, best.noise(), scored * len(backwards))


@dataclass(frozen=True)
class LocalScores:
    """The best correlation near each of n places, -inf where none could be scored; (n,) index of its rotation; (n, 3) its place
    x, y, z, voxels of the tomogram."""

    score: np.ndarray
    rotation: np.ndarray
    positions: np.ndarray


def match_template_at(
    prepared: PreparedTomogram,
    kernels: TemplateKernels,
    rotations: Rotation,
    positions: np.ndarray,
    reach: float,
    *,
    threads: int = 1,
) -> LocalScores:
    """The scores of `match_template` within `reach` of the positions (n, 3) x, y, z alone; both in voxels of the tomogram.

    Every rotation is made once for all places, and compared with their windows in products of matrices.
    """
    mask, shape = kernels.mask, np.array(prepared.shape)
    volume = real_space(prepared, threads)
    inverse = scored_by(prepared, mask, threads)
    middle = np.rint(np.asarray(positions, dtype=float).reshape(-1, 3)[:, ::-1] / prepared.scale).astype(int)
    offsets = ball(reach / float(np.mean(prepared.scale)))
    centres = middle[:, None] + offsets
    inside = ((centres >= 0) & (centres < shape)).all(axis=-1)
    factor = np.where(inside, inverse[tuple(np.clip(centres, 0, shape - 1).transpose(2, 0, 1))], 0)
    seen = np.flatnonzero(mask > 0)
    backwards = rotations.as_matrix().transpose(0, 2, 1)[:, ::-1, ::-1]
    n, near = factor.shape
    best, rotation, place = np.full(n, -np.inf), np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    most = max(1, int(KERNEL_BYTES / (4 * len(seen))))  # rotations at once
    at_once = max(1, int(WINDOW_BYTES / (4 * near * max(len(seen), min(most, len(backwards))))))

    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(backwards), most):
            part = backwards[first : first + most]
            block = np.stack([kernel.ravel()[seen] for kernel in pool.map(kernels.kernel, part)]).T

            def compare(start: int, first: int = first, block: np.ndarray = block) -> None:
                rows = slice(start, start + at_once)
                windows = np.stack([windows_around(volume, one, len(mask), seen, offsets) for one in middle[rows]])
                values = windows @ block * factor[rows, :, None].astype(np.float32)
                values[factor[rows] == 0] = -np.inf
                flat = values.reshape(len(values), -1)
                top = flat.argmax(axis=1)
                found = flat[np.arange(len(flat)), top]
                better = found > best[rows]  # of equal values the first rotation stays
                best[rows][better] = found[better]
                rotation[rows][better] = first + top[better] % block.shape[1]
                place[rows][better] = top[better] // block.shape[1]

            list(pool.map(compare, range(0, n, at_once)))
    return LocalScores(best, rotation, (centres[np.arange(n), place] * prepared.scale)[:, ::-1])


def windows_around(volume: np.ndarray, middle: np.ndarray, edge: int, seen: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(k, n) the voxels of cubes, edge voxels wide, around the places `middle` (z, y, x) + offsets (k, 3) of a periodic volume.

    seen: (n,) which voxels of a cube, by their numbers.
    """
    reach = int(np.abs(offsets).max(initial=0))
    side = np.arange(-(edge // 2) - reach, edge // 2 + reach + 1)
    cube = volume[np.ix_(*((at + side) % n for at, n in zip(middle, volume.shape, strict=True)))]
    windows = np.lib.stride_tricks.sliding_window_view(cube, (edge,) * 3)[tuple((offsets + reach).T)]
    return np.asarray(windows.reshape(len(offsets), -1)[:, seen])


def ball(radius: float) -> np.ndarray:
    """(k, 3) offsets z, y, x of the voxels within the radius."""
    reach = int(radius)
    grid = np.stack(np.meshgrid(*(np.arange(-reach, reach + 1),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(grid[(grid**2).sum(axis=1) <= radius**2])


def working_bytes(prepared: PreparedTomogram, threads: int) -> int:
    """Memory that `match_template` needs besides the prepared tomogram."""
    voxels = int(np.prod(prepared.padded))
    best_and_index, deviation = 8 * voxels, 4 * voxels
    return deviation + max(threads * (best_and_index + prepared.spectrum.nbytes), 5 * deviation)


def seconds_per_rotation(prepared: PreparedTomogram, kernels: TemplateKernels) -> float:
    """Measured seconds of one rotation on one thread."""
    spectrum = np.zeros(prepared.spectrum.shape, dtype=np.complex64)
    best = _BestScores(prepared.padded)
    for _ in range(2):  # the first one plans the transforms
        start = time.perf_counter()
        _correlate(prepared, kernels.kernel(np.eye(3)), spectrum, lambda z, values: best.update(z, values, 0, None))
    return time.perf_counter() - start


class _BestScores:
    """The best value so far, the rotation that gave it, and a histogram of the scores of some rotations."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.value = np.full(shape, -np.inf, dtype=np.float32)
        self.index = np.zeros(shape, dtype=np.int32)
        self.counts = np.zeros(BINS, dtype=np.int64)

    def update(self, z: slice, values: np.ndarray, index: int, inverse_deviation: np.ndarray | None) -> None:
        better = values > self.value[z]  # of equal values the first rotation stays
        np.copyto(self.value[z], values, where=better)
        np.copyto(self.index[z], index, where=better)
        if inverse_deviation is not None:
            few = (slice(z.start % NOISE_STEP, None, NOISE_STEP),) * 3
            inverse = inverse_deviation[z][few]
            scores = (values[few] * inverse)[inverse > 0]
            self.counts += np.histogram(scores, BINS, (-1, 1))[0]

    def merged(self, others: list[_BestScores]) -> _BestScores:
        for other in others:
            better = (other.value > self.value) | ((other.value == self.value) & (other.index < self.index))
            np.copyto(self.value, other.value, where=better)
            np.copyto(self.index, other.index, where=better)
            self.counts += other.counts
        return self

    def noise(self) -> tuple[float, float]:
        """Median and robust deviation of the scores in the histogram."""
        middles = (np.arange(BINS) + 0.5) * (2 / BINS) - 1
        median = _weighted_median(middles, self.counts)
        return median, MAD_TO_DEVIATION * _weighted_median(np.abs(middles - median), self.counts)


def _weighted_median(values: np.ndarray, counts: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(counts[order])
    return float(values[order][min(len(values) - 1, int(np.searchsorted(total, total[-1] / 2)))])


def _correlate(
    prepared: PreparedTomogram, kernel: np.ndarray, spectrum: np.ndarray, take: Callable[[slice, np.ndarray], None]
) -> None:
    """Correlate the padded tomogram with an odd cube; the values come slab by slab, shifted by half the cube.

    spectrum: working array of the shape of the tomogram's spectrum, zero in the rows beyond the resolution. The cube fills few
    rows of the padded volume, and the transforms run slab by slab in the cache. This is half the work of two plain 3D FFTs.
    """
    nz, ny, nx = prepared.padded
    columns = spectrum.shape[2]
    flipped = kernel[::-1, ::-1, ::-1]  # a correlation is the convolution with the flipped cube
    lines = scipy.fft.rfft(flipped, nx, axis=2, workers=1)[..., :columns]
    lines = scipy.fft.fft(lines, ny, axis=1, workers=1)
    step = max(1, SLAB_BYTES // (nz * columns * 8))
    for rows in prepared.rows:
        for start in range(rows.start, rows.stop, step):
            y = slice(start, min(start + step, rows.stop))
            part = scipy.fft.fft(lines[:, y], nz, axis=0, workers=1)
            part *= prepared.spectrum[:, y]
            spectrum[:, y] = scipy.fft.ifft(part, axis=0, overwrite_x=True, workers=1)
    step = max(1, SLAB_BYTES // (ny * columns * 8))
    for start in range(0, nz, step):
        z = slice(start, min(start + step, nz))
        part = scipy.fft.ifft(spectrum[z], axis=1, workers=1)
        take(z, scipy.fft.irfft(part, nx, axis=2, workers=1))


def _full_spectrum(prepared: PreparedTomogram) -> np.ndarray:
    nz, ny, nx = prepared.padded
    full = np.zeros((nz, ny, nx // 2 + 1), dtype=np.complex64)
    for rows in prepared.rows:
        full[:, rows, : prepared.spectrum.shape[2]] = prepared.spectrum[:, rows]
    return full


def real_space(prepared: PreparedTomogram, workers: int) -> np.ndarray:
    """The padded tomogram (z, y, x)."""
    return np.asarray(scipy.fft.irfftn(_full_spectrum(prepared), s=prepared.padded, overwrite_x=True, workers=workers))


def scored_by(prepared: PreparedTomogram, mask: np.ndarray, workers: int) -> np.ndarray:
    """(z, y, x) what the product of a kernel and the tomogram around a voxel is multiplied by to be its score; 0: not scored."""
    return _centred(_inverse_deviation(prepared, mask, workers), mask, prepared.shape)


def _inverse_deviation(prepared: PreparedTomogram, mask: np.ndarray, workers: int) -> np.ndarray:
    """1 / sqrt(sum w (f - mean_w f)^2) at every voxel of the padded volume, shifted like `_correlate`; 0 where not scored."""
    weights = scipy.fft.rfftn(mask, s=prepared.padded, workers=workers)
    full = _full_spectrum(prepared)
    grey = scipy.fft.irfftn(full, s=prepared.padded, workers=workers)
    full *= weights
    mean = scipy.fft.irfftn(full, s=prepared.padded, overwrite_x=True, workers=workers)
    full = scipy.fft.rfftn(np.square(grey, out=grey), overwrite_x=True, workers=workers)
    full *= weights
    variance = scipy.fft.irfftn(full, s=prepared.padded, overwrite_x=True, workers=workers)
    variance -= np.square(mean, out=mean) / np.float32(mask.sum(dtype=float))
    deviation = np.sqrt(np.maximum(variance, 0, out=variance), out=variance)
    scored = _scored(prepared, mask)
    inside = deviation[scored]
    if inside.size:
        scored &= deviation > max(MIN_DEVIATION * float(np.median(inside)), MIN_OF_HIGHEST * float(inside.max()))
    return np.divide(1, deviation, out=np.zeros_like(deviation), where=scored)


def _scored(prepared: PreparedTomogram, mask: np.ndarray) -> np.ndarray:
    """Where a mask's centre may lie: not in bad places, at least MAX_OVERHANG of its radius from the border; shifted."""
    half = len(mask) // 2
    margin = int(np.ceil(MAX_OVERHANG * np.cbrt(3 / (4 * np.pi) * mask.sum(dtype=float))))
    scored = np.zeros(prepared.padded, dtype=bool)
    scored[tuple(slice(margin, edge - margin) for edge in prepared.shape)] = True
    if prepared.bad is not None:
        scored[tuple(map(slice, prepared.shape))] &= ~prepared.bad
    return np.roll(scored, half, axis=(0, 1, 2))


def _centred(values: np.ndarray, mask: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    half = len(mask) // 2
    nz, ny, nx = shape
    return np.ascontiguousarray(np.roll(values, -half, axis=(0, 1, 2))[:nz, :ny, :nx])
