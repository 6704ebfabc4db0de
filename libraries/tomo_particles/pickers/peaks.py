"""Peaks of a score map: local maxima by decreasing score, at least a distance apart; thresholds from noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.special import ndtri

NEIGHBOURHOOD = 3  # voxels: a peak is not below any of its 26 neighbours
AT_ONCE = 4096  # candidates looked up together


@dataclass(frozen=True)
class Peaks:
    """Peaks by decreasing score. positions: (n, 3) x, y, z, in fractions of voxels; voxels: (n, 3) z, y, x of the maxima, int;
    scores: (n,) the map's value there."""

    positions: np.ndarray
    voxels: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: np.ndarray | slice) -> Peaks:
        return Peaks(self.positions[index], self.voxels[index], self.scores[index])


def find_peaks(score: np.ndarray, distance: float, *, threshold: float = -np.inf, number: int | None = None) -> Peaks:
    """The peaks of a map above a threshold, at most `number` of them, no two within `distance` voxels of each other.

    score: (z, y, x), -inf where nothing may be found. Equal peaks are taken in the order of the voxels, so that the
    result depends on the map alone. Positions are refined by a parabola through the neighbours along each axis.
    """
    is_peak = (score > threshold) & (score == maximum_filter(score, NEIGHBOURHOOD, mode="nearest"))
    if np.count_nonzero(is_peak) > score.size / 2**score.ndim:  # more than there can be without plains, which are no peaks
        is_peak &= score > minimum_filter(score, NEIGHBOURHOOD, mode="nearest")
    voxels = np.argwhere(is_peak)  # -inf is above no threshold
    values = score[tuple(voxels.T)]
    order = np.argsort(-values, kind="stable")
    voxels, values = voxels[order], values[order]
    kept = _best_apart(voxels, score.shape, distance, number)
    voxels, values = voxels[kept], values[kept]
    return Peaks((voxels + _parabola_offsets(score, voxels))[:, ::-1], voxels, values.astype(float))


def _best_apart(voxels: np.ndarray, shape: tuple[int, ...], distance: float, number: int | None) -> np.ndarray:
    """Rows of the first `number` candidates (n, 3), given the best first, that are kept: each unless a kept one is within the
    distance.

    What is near a kept one is marked in a volume of bits: pairs of candidates would take memory without bounds, since a map has
    one in every few voxels where the threshold is low.
    """
    reach = int(distance)
    ball = sum(np.square(np.ogrid[(slice(-reach, reach + 1),) * 3][axis]) for axis in range(3)) <= distance**2
    taken = np.zeros(shape, dtype=bool)
    kept: list[int] = []
    for start in range(0, len(voxels), AT_ONCE):
        block = voxels[start : start + AT_ONCE]
        for row in np.flatnonzero(~taken[tuple(block.T)]).tolist():
            z, y, x = block[row].tolist()
            if taken[z, y, x]:  # by one of the same block
                continue
            kept.append(start + row)
            if len(kept) == number:
                return np.array(kept)
            low = [max(0, reach - at) for at in (z, y, x)]  # the part of the ball that lies in the map
            part = taken[max(0, z - reach) : z + reach + 1, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            part |= ball[tuple(slice(first, first + edge) for first, edge in zip(low, part.shape, strict=True))]
    return np.array(kept, dtype=int)


def _parabola_offsets(score: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """(n, 3) z, y, x from a maximum to the top of the parabola along each axis, within half a voxel; 0 at the border."""
    offsets = np.zeros(voxels.shape)
    centre = score[tuple(voxels.T)].astype(float)
    for axis, edge in enumerate(score.shape):
        inner = (voxels[:, axis] > 0) & (voxels[:, axis] < edge - 1)
        step = np.zeros(3, dtype=int)
        step[axis] = 1
        before, after = (score[tuple((voxels[inner] + sign * step).T)].astype(float) for sign in (-1, 1))
        both = np.isfinite(before) & np.isfinite(after)
        rise = np.where(both, after, 0.0) - np.where(both, before, 0.0)
        bend = np.where(both, 2 * centre[inner] - np.where(both, before, 0.0) - np.where(both, after, 0.0), 0.0)
        offsets[inner, axis] = np.clip(0.5 * rise / np.where(bend > 0, bend, np.inf), -0.5, 0.5)
    return offsets


def noise_threshold(centre: float, deviation: float, trials: float, false_positives: float = 1.0) -> float:
    """The value that Gaussian noise exceeds `false_positives` times in `trials` independent trials, on average."""
    return centre - deviation * float(ndtri(min(0.5, false_positives / max(trials, 1.0))))
