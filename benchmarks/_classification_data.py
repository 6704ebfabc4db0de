"""Simulated projections of the cases E1 to E5 and E7 of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.branches import in_box
from tomo_particles.averaging.search import mask_of
from tomo_particles.classification.directions import axes_of
from tomo_particles.classification.observations import Space, dot
from tomo_particles.classification.projections import Projections
from tomo_particles.classification.residuals import consensus_of, explained_by
from tomo_particles.classification.split_set import on_grid_of
from tomo_particles.core.density_files import open_density
from tomo_particles.geometry.orientations import turned
from tomo_particles.simulation.labelled_projections import LabelledProjections, Microscope, draw_projections, projections
from tomo_particles.simulation.labelled_subtomograms import Series, without_part

DIAMETER, RESOLUTION = 300.0, 60.0  # Å; d' is that of the difference up to this resolution
EXTENT = 480.0  # Å, of an image
ABSENT, TURN = 0.066, 20.0
FIT_ROUNDS, LARGEST_TURN = 2, 6.0  # of poses to their average; degrees a round
ROUGH = Microscope((1.0, 3.0), 0.2)


@dataclass(frozen=True)
class Trial:
    """One case. structures: of `made`.  shares: of each.  error: degrees.  fitted: poses are fitted to the average of all.

    nulls: whether the verdict is asked for, with its 20 simulated sets.
    """

    name: str
    structures: tuple[str, ...]
    separation: float
    shares: tuple[float, ...] = (1, 1)
    error: float = 0.0
    microscope: Microscope = Microscope()  # noqa: RUF009 - it is frozen
    classes: int = 2
    fitted: bool = False
    nulls: bool = False


TWO = ("whole", "without")
ACCURACY = (
    Trial("E1, part absent, d' 6", TWO, 6.0),
    Trial("E1, part absent, d' 3", TWO, 3.0),
    Trial("E1, part absent, d' 2", TWO, 2.0),
    Trial("E2, part turned by 20 degrees, d' 3", ("whole", "turned"), 3.0),
    Trial("E2, two complexes, d' 3", ("whole", "other"), 3.0),
    Trial("E3, 90/10, d' 3", TWO, 3.0, (9, 1)),
    Trial("E3, CTF 1 to 3 µm, contrast 20 %, d' 3", TWO, 3.0, microscope=ROUGH),
    Trial("E3, poses off by 3 degrees, d' 3", TWO, 3.0, error=3.0),
    Trial("E7, poses off by 3 degrees, then fitted, d' 3", TWO, 3.0, error=3.0, fitted=True),
    Trial("E5, three classes, d' 4", (*TWO, "turned"), 4.0, (1, 1, 1), classes=3, nulls=True),
)
# At d' 30 of its whole image one structure has the noise of E1 at d' 3
VERDICTS = (
    Trial("E4, one structure", ("whole",), 30.0, (1,), nulls=True),
    Trial("E4, one structure, CTF, contrast 20 %, poses off by 3 degrees", ("whole",), 30.0, (1,), 3.0, ROUGH, nulls=True),
    Trial("E1, d' 6, verdict", TWO, 6.0, nulls=True),
    Trial("E1, d' 3, verdict", TWO, 3.0, nulls=True),
)


def made(maps: Path, edge: int) -> dict[str, np.ndarray]:
    """The structures by name, in images of `edge` pixels."""
    series = Series(edge, EXTENT / edge, np.arange(-60, 60.1, 3.0))

    def read(name: str) -> np.ndarray:
        with open_density(maps / name, "--maps") as density:
            data = np.array(density.data, dtype=np.float32)
            return in_box(np.maximum(data, 0) / data.max(), float(density.voxel[0]), series)

    whole = read("4v4r.mrc")
    without = without_part(whole, ABSENT)
    part = whole - without
    return {
        "whole": whole,
        "without": without,
        "turned": without + turned(part, Rotation.from_rotvec([0, TURN, 0], degrees=True), 3),
        "other": read("4v94.mrc"),
    }


@dataclass(frozen=True)
class Simulated:
    """particles: as a user has them.  drawn: the truth.  structures: those of the trial.  mask: (edge,) * 3."""

    trial: Trial
    seed: int
    structures: Sequence[np.ndarray]
    drawn: LabelledProjections
    particles: Projections
    mask: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        return self.drawn.labels


def simulate(trial: Trial, structures: dict[str, np.ndarray], count: int, seed: int) -> Simulated:
    """Particles of a case."""
    own = [structures[name] for name in trial.structures]
    rate = EXTENT / len(own[0])
    drawn = draw_projections(own, trial.shares, count, rate, trial.separation, RESOLUTION, trial.error, trial.microscope, seed)
    images = np.stack(list(projections(own, drawn, rate, seed)))
    astigmatism = drawn.astigmatism if drawn.ctfs else None
    particles = Projections(images, rate, axes_of(drawn.given), -drawn.shifts * rate, drawn.ctfs, astigmatism)
    mask = mask_of(particles.band(2 * rate), DIAMETER, len(own[0]))
    if trial.fitted:
        particles = fitted(particles, mask)
    return Simulated(trial, seed, own, drawn, particles, mask)


def fitted(particles: Projections, mask: np.ndarray) -> Projections:
    """Poses that fit the average of all particles best at all frequencies, and the average theirs, in turn.

    From the poses that are given. At the noise of E1 they stay about 5 degrees and a quarter of a pixel off, as those do that are
    off by 3 degrees an axis, but they lean towards the average.
    """
    band = particles.band(2 * particles.rate)
    space = Space(band, on_grid_of(band, mask))
    for _ in range(FIT_ROUNDS):
        seen = particles.observed(space)
        consensus = consensus_of(seen)
        gains = seen.seen / consensus.noise
        basis = [seen.of_volume(volume) * gains for volume in explained_by(consensus)]
        normal = np.stack([np.stack([dot(one, other) for other in basis], axis=1) for one in basis], axis=1)
        matched = np.stack([dot(seen.values * gains, one) for one in basis], axis=1)
        normal += 1e-3 * np.einsum("nii->ni", normal)[:, :, None] * np.eye(len(basis))
        found = np.linalg.solve(normal, matched[..., None])[..., 0]
        found = found[:, 1:] / np.maximum(found[:, :1], 0.3)
        # A unit of the basis: from half a voxel to one side to half a voxel to the other, from 3 degrees to one side to 3 degrees
        # to the other; `resampled` reads at the moved place, so that content goes the other way
        moved, turns = -found[:, :3] * band.voxel, -np.clip(6 * found[:, 3:], -LARGEST_TURN, LARGEST_TURN)
        axes = particles.axes @ Rotation.from_rotvec(turns, degrees=True).as_matrix()
        shifts = particles.shifts - np.einsum("nij,nj->ni", particles.axes, moved)[:, :2]
        particles = replace(particles, axes=axes, shifts=shifts)
    return particles


def pose_errors(simulated: Simulated) -> np.ndarray:
    """(n,) degrees between the poses that the particles have and the true ones."""
    true = Rotation.from_matrix(axes_of(simulated.drawn.rotations))
    return np.asarray(np.degrees((Rotation.from_matrix(simulated.particles.axes) * true.inv()).magnitude()))
