"""Alignment of one set of picks: from nothing, or from poses that are nearly right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from ..geometry.orientation_means import angles_between
from ..geometry.orientations import rotation_grid
from .average import Particles, Sum, Turned, all_turned_back, sum_of, summed
from .centring import body_centre
from .poses import Poses
from .search import Found, mask_of, search_everywhere, search_nearby

REACH, LATE_REACH = 20.0, 25.0  # Å from the pick, in the first half of the rounds and then
MOST_REACH = 0.2  # diameters from the pick, always
STEPS = (30.0, 24.0)  # degrees: for half of the rounds, and then
MOVED, TURNED = 2.0, 0.5  # Å, steps: medians below which nothing changes any more


@dataclass(frozen=True)
class Settings:
    """diameter: of the particle, Å.  rounds: most rounds of a search over all rotations.  starts: random starts, of which the
    best after half of the rounds goes on.  symmetry: from `symmetry_group`."""

    diameter: float
    rounds: int = 12
    starts: int = 3
    symmetry: Rotation = field(default_factory=lambda: Rotation.identity(1))
    threads: int = 1

    def reach(self, late: bool) -> float:
        """Å from the pick."""
        return min(LATE_REACH if late else REACH, MOST_REACH * self.diameter)


def reference_of(particles: Particles, poses: Poses, settings: Settings) -> Sum:
    """The sum of a set, with its symmetry."""
    return summed(particles, poses, settings.threads).symmetrised(settings.symmetry)


def unit_cell(rotations: Rotation, symmetry: Rotation) -> Rotation:
    """Of rotations that take a reference onto a particle those that no copy under its symmetry makes smaller."""
    copies = symmetry.as_quat().reshape(-1, 4) * [-1, -1, -1, 1]
    cosines = np.abs(rotations.as_quat().reshape(-1, 4) @ copies.T)  # of half the angle of each copy
    return rotations[np.abs(rotations.as_quat()[:, 3]) >= cosines.max(axis=1) - 1e-9]


def off_centre(average: np.ndarray, particles: Particles, amplitude: np.ndarray, settings: Settings) -> np.ndarray:
    """x, y, z, Å, from the centre of a reference to its particle, at most a coarse voxel."""
    band = particles.band
    found = body_centre(band.volume((average * amplitude).astype(np.complex64)), settings.diameter / band.voxel)
    return np.asarray(found / max(1.0, float(np.linalg.norm(found))) * band.voxel)


def step_of(number: int, rounds: int) -> float:
    """Degrees of the grid of a round."""
    return STEPS[0] if 2 * number < rounds else STEPS[1]


def free_rounds(
    particles: Particles,
    poses: Poses,
    numbers: range,
    amplitude: np.ndarray,
    settings: Settings,
    rng: np.random.Generator,
    say: Callable[[str], None] = lambda line: None,
) -> Found:
    """Rounds of a search over all rotations, each against the average of the poses of the one before."""
    mask = mask_of(particles.band, settings.diameter)
    found = Found(poses, np.zeros(len(poses)))
    for number in numbers:
        average = reference_of(particles, found.poses, settings).average()
        late = 2 * number >= settings.rounds
        if late:
            average = particles.band.shifted(average, -off_centre(average, particles, amplitude, settings)).astype(np.complex64)
        step = step_of(number, settings.rounds)
        grid = unit_cell(Rotation.from_quat(rng.standard_normal(4)) * rotation_grid(step), settings.symmetry)
        before = found.poses
        found = search_everywhere(particles, average, grid, mask, settings.reach(late), settings.threads)
        moved, turned = changes(before, found.poses, settings.symmetry)
        say(
            f"round {number + 1}: grid {step:g} degrees, score {found.scores.mean():.4f}, moved {moved:.1f} A, "
            f"turned {turned:.0f}"
        )
        if late and moved < MOVED and turned < TURNED * step:
            break
    return found


def free_start(
    particles: Particles,
    starts: list[Rotation],
    amplitude: np.ndarray,
    settings: Settings,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> Found:
    """The best of several random starts, as rotations (n,) each, carried to its end."""
    first = settings.rounds // 2 if len(starts) > 1 else 0
    begun = []
    for number, turns in enumerate(starts):
        rng = np.random.default_rng([seed, number])
        if len(starts) > 1:
            say(f"start {number + 1} of {len(starts)}")
        begun.append((free_rounds(particles, Poses.of(turns), range(first), amplitude, settings, rng, say), rng))
    best, rng = max(begun, key=lambda one: float(one[0].scores.mean()))
    return free_rounds(particles, best.poses, range(first, settings.rounds), amplitude, settings, rng, say)


def most_rounds(settings: Settings, local: int) -> int:
    """The most lines that `free_start` and then `local` rounds say."""
    first = settings.rounds // 2 if settings.starts > 1 else 0
    return (settings.starts * (1 + first) if settings.starts > 1 else 0) + settings.rounds - first + local


def changes(before: Poses, after: Poses, symmetry: Rotation) -> tuple[float, float]:
    """Medians over the picks: Å moved, degrees turned."""
    moved = np.linalg.norm(after.shifts - before.shifts, axis=1)
    return float(np.median(moved)), float(np.median(angles_between(before.rotations, after.rotations, symmetry)))


def local_rounds(
    particles: Particles,
    poses: Poses,
    steps: Sequence[float],
    amplitude: np.ndarray,
    settings: Settings,
    say: Callable[[str], None] = lambda line: None,
) -> Found:
    """Rounds of a search over small turns about the present poses, `steps` degrees apart."""
    band = particles.band
    mask = mask_of(band, settings.diameter)
    found = Found(poses, np.zeros(len(poses)))
    for step in steps:
        turned = all_turned_back(particles, found.poses, settings.threads)
        average = sum_of(turned, particles).symmetrised(settings.symmetry).average()
        offset = off_centre(average, particles, amplitude, settings)
        average = band.shifted(average, -offset)
        now = found.poses.onto(Rotation.identity(), offset)
        moved_too = Turned(band.shifted(turned.spectra, -offset), turned.seen)
        found = search_nearby(moved_too, band, average, now, step, mask, settings.reach(True), settings.threads)
        moved, angle = changes(now, found.poses, settings.symmetry)
        say(f"steps of {step:.1f} degrees: score {found.scores.mean():.4f}, moved {moved:.1f} A, turned {angle:.1f}")
    return found
