"""The second look: every pick is compared with averages of picks that look like particles, none with an average that holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from ..geometry.orientations import rotation_grid
from .alignment import Settings, free_start, local_rounds, reference_of
from .average import Particles
from .band import Band
from .halves import rigid_motion
from .picked_boxes import PickedBoxes
from .poses import random_turns
from .search import correlation_coefficients, mask_of, search_everywhere

LEAST_OF_HALF = 20  # references in each half
MOST_OF_HALF = 400  # more do not make the average better, at this resolution, but take time
# Seeds 1 to 3: of all accepted picks 0.38 to 0.73 were particles where others look alike, of these 0.72 to 0.96.
BEST_SHARE, ENOUGH_OF_HALF = 1 / 3, 40
LOCAL_ROUNDS = 2  # each at half the angle of the one before
COARSEST = 60.0  # Å; at 80 to 100 a ribosome is a ball
DETAILS = 3.0  # the low-pass in diameters, so that a small particle is no ball
GRID = 24.0  # degrees
KERNELS = 2200  # twice the rotations of this grid
LARGEST = 4.0  # robust deviations: what differs more counts no more


@dataclass(frozen=True)
class Looks:
    """What the averages say of n picks. features: (n, 3) correlation coefficient with the average, correlation with its mean
    over all rotations, and what its shape adds; in robust deviations from the median of the picks of its half, at most LARGEST.

    ccc: (n,) the correlation coefficient, -1 to 1.  shifts: (n, 3) from the pick to the best place of the average, x, y, z, Å.
    agreement: correlation of the averages of the two halves, laid on each other.  averages: of both halves, (e, e, e), bright,
    up to the resolution `lowpass` (Å), on a grid of `voxel` Å.
    """

    features: np.ndarray
    ccc: np.ndarray
    shifts: np.ndarray
    agreement: float
    averages: list[np.ndarray]
    lowpass: float
    voxel: float


def lowpass_of(diameter: float, rate: float) -> float:
    """Å: resolution at which picks of a particle of `diameter` Å are compared in voxels of `rate` Å."""
    return max(min(COARSEST, diameter / DETAILS), 3 * rate)


def memory_of(boxes: PickedBoxes, diameter: float) -> float:
    """Bytes of the spectra of all picks, and of those of half of the references, turned: most of what a second look needs."""
    spectrum = len(boxes.band(lowpass_of(diameter, boxes.rate)).integers) * np.dtype(np.complex64).itemsize
    return float((2 * len(boxes) + 3 * MOST_OF_HALF + KERNELS) * spectrum)


def best_references(score: np.ndarray, support: np.ndarray, half: np.ndarray) -> np.ndarray:
    """(n,) bool: in each half the picks that most pickers agree on, and of these the ones of highest score.

    They are the best third, but from ENOUGH_OF_HALF to MOST_OF_HALF. Among all accepted picks there may be as many of another
    particle, and the average of both kinds tells neither from the other.

    score: (n,) NaN for picks that are no references.  support: (n,) number of pickers.
    """
    chosen = np.zeros(len(score), dtype=bool)
    for number in (0, 1):
        own = np.flatnonzero((half == number) & np.isfinite(score))
        most = min(max(round(BEST_SHARE * len(own)), ENOUGH_OF_HALF), MOST_OF_HALF)
        chosen[own[np.lexsort((-score[own], -support[own]))[:most]]] = True
    return chosen


def second_look(
    boxes: PickedBoxes,
    half: np.ndarray,
    references: np.ndarray,
    judged: np.ndarray,
    settings: Settings,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> Looks:
    """Average the references of each half, from nothing, and compare the boxes of the other half with it.

    half: (n,) 0 or 1, from `split_halves`.  references: (n,) bool, at least LEAST_OF_HALF in each half.  judged: (n,) bool,
    the picks whose median and spread are the measure; noise picks are not among them.
    """
    lowpass = lowpass_of(settings.diameter, boxes.rate)
    band, n = boxes.band(lowpass), len(boxes)
    particles = boxes.particles(band, np.arange(n), whitened=True)
    amplitude = boxes.mean_amplitude(band)
    if is_dark(band.volume(particles.spectra[references].mean(axis=0) * amplitude), settings.diameter / band.voxel):
        particles = replace(particles, spectra=-particles.spectra)
    found = [
        _average(boxes, particles, np.flatnonzero(references & (half == number)), amplitude, settings, 2 * seed + number, say)
        for number in (0, 1)
    ]
    _, _, agreement = rigid_motion(found[0], found[1], band, settings)
    features, ccc, shifts = np.zeros((n, 3)), np.zeros(n), np.zeros((n, 3))
    for number in (0, 1):
        own = np.flatnonzero(half == number)
        ccc[own], radial, spec, shifts[own] = _compared(particles[own], found[1 - number], settings)
        for column, values in enumerate((ccc[own], radial, spec)):
            features[own, column] = _standardised(values, judged[own])
    maps = [band.volume((average * amplitude).astype(np.complex64)) for average in found]
    return Looks(features, ccc, shifts, agreement, maps, lowpass, band.voxel)


def is_dark(volume: np.ndarray, diameter: float) -> bool:
    """Whether the particle, hollow or not, is darker in a mean box than what is around it; diameter: voxels."""
    away = np.sqrt(((np.indices(volume.shape) - volume.shape[0] // 2) ** 2).sum(axis=0))
    return bool(volume[away <= diameter / 2].mean() < volume[away > diameter / 2].mean())


def _average(
    boxes: PickedBoxes,
    particles: Particles,
    rows: np.ndarray,
    amplitude: np.ndarray,
    settings: Settings,
    seed: int,
    say: Callable[[str], None],
) -> np.ndarray:
    """(m,) the packed average of some picks."""
    names, places, own = [boxes.names[row] for row in rows], boxes.positions[rows], particles[rows]
    starts = [random_turns(names, places, seed + 1000 * start) for start in range(settings.starts)]
    poses = free_start(own, starts, amplitude, settings, seed, say).poses
    angle = float(np.degrees(particles.band.resolution / settings.diameter))
    poses = local_rounds(own, poses, [angle / 2**number for number in range(LOCAL_ROUNDS)], amplitude, settings, say).poses
    return reference_of(own, poses, settings).average()


def _compared(
    particles: Particles, reference: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each pick: correlation coefficient, correlation with the mean over all rotations, what the shape adds, and shift."""
    band = particles.band
    mask, reach = mask_of(band, settings.diameter), settings.reach(True)
    grid = rotation_grid(GRID)
    found = search_everywhere(particles, reference, grid, mask, reach, settings.threads)
    ccc = correlation_coefficients(particles, reference, found.poses, mask, settings.threads)
    ball = search_everywhere(particles, rotational_mean(reference, band), Rotation.identity(1), mask, reach, settings.threads)
    return ccc, ball.scores, found.scores - ball.scores, found.poses.shifts


def rotational_mean(reference: np.ndarray, band: Band) -> np.ndarray:
    """(m,) a packed reference averaged over all rotations."""
    volume = band.volume(reference)
    away = np.sqrt(((np.indices(volume.shape) - volume.shape[0] // 2) ** 2).sum(axis=0))
    shell = away.astype(int)
    means = np.bincount(shell.ravel(), volume.ravel()) / np.bincount(shell.ravel())
    return band.pack(np.interp(away, np.arange(len(means)) + 0.5, means).astype(np.float32))


def _standardised(values: np.ndarray, judged: np.ndarray) -> np.ndarray:
    measure = values[judged] if judged.any() else values
    middle = np.median(measure)
    spread = 1.4826 * np.median(np.abs(measure - middle))
    return np.asarray(np.clip((values - middle) / max(float(spread), 1e-9), -LARGEST, LARGEST))
