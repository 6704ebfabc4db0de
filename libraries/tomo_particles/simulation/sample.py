"""A sample: complexes at random poses that touch but never overlap, among gold beads and vesicles, in ice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.errors import InputError, parameter
from ..core.picks import Picks
from ..geometry.orientations import angles_of, turned
from .complexes import Complex
from .contamination import CARBON, CONTAMINANT, carbon_film, contaminant
from .distractors import BEAD, VESICLE, Stamp, bead, vesicle

DISTRACTORS = (BEAD, VESICLE, CARBON, CONTAMINANT)  # species that are no particles
ICE = 0.15  # grey value of vitreous ice, as SHREC 2020 has it (it writes V/nm3)
PROTEIN_CONTRAST = 0.09  # mean grey value of a complex over the ice: 2.7 V where ice has 4.5 V (Vulović et al., 2013)
SPLINE_ORDER = 3  # of the interpolation of turned particles, as SHREC 2020
POSES, POSITIONS = 12, 100  # tried for one particle before the sample counts as full for its species
MAX_PARTICLES = np.iinfo(np.uint16).max  # the occupancy volume numbers them


@dataclass(frozen=True)
class Sample:
    """protein, other: (z, y, x) float32, grey values over the ice of the complexes, and of all else (`add_ice_noise` adds to it).

    occupancy: (z, y, x) uint16, 0 or the 1-based row in `truth` of what is there.  truth: every object, its species, its
    position and its angles (NaN: distractors).  notes: what did not fit, in words.
    """

    protein: np.ndarray
    other: np.ndarray
    occupancy: np.ndarray
    truth: Picks
    notes: list[str]

    @property
    def density(self) -> np.ndarray:
        """(z, y, x) float32 grey values over the ice, of everything."""
        return np.asarray(self.protein + self.other)

    def species_volume(self, ids: dict[str, int]) -> np.ndarray:
        """(z, y, x) int8 (int16 beyond 127 classes): the id of the species at each voxel, 0 where nothing is."""
        table = np.array([0, *(ids[name] for name in self.truth.species)])
        return np.asarray(table.astype(np.int8 if table.max() < 128 else np.int16)[self.occupancy])


def build_sample(
    tomo_id: str,
    size: tuple[int, int, int],
    complexes: Sequence[Complex],
    counts: Sequence[int],
    *,
    beads: int = 0,
    vesicles: int = 0,
    carbon: float = 0.0,
    contaminants: int = 0,
    rng: np.random.Generator,
) -> Sample:
    """A random sample of `size` x, y, z voxels with counts[i] particles of complexes[i].

    The biggest are placed first. Whole objects lie inside; particles may lie inside vesicles. carbon: share of the field that a
    carbon film covers. Objects that find no place after many trials are left out and noted.
    Raises InputError if there are more objects than the occupancy volume can number, or if no particle at all found a place.
    """
    objects = sum(counts) + beads + vesicles + contaminants + (carbon > 0)
    if objects > MAX_PARTICLES:
        raise InputError(f"{parameter('counts')}: at most {MAX_PARTICLES} objects in a tomogram, asked for {objects}")
    rate = complexes[0].sampling_rate
    room = _Room(size)
    if carbon:
        room.lay(CARBON, *carbon_film(rate, size, carbon, rng))
    room.fill(CONTAMINANT, contaminants, lambda: contaminant(rate, size, PROTEIN_CONTRAST, rng), rng)
    room.fill(VESICLE, vesicles, lambda: vesicle(rate, size, PROTEIN_CONTRAST, rng), rng)
    room.fill(BEAD, beads, lambda: bead(rate, PROTEIN_CONTRAST, rng), rng)
    protein = np.zeros(size[::-1], dtype=np.float32)
    for index in sorted(range(len(complexes)), key=lambda i: (-complexes[i].voxels, i)):
        room.fill_complex(complexes[index], counts[index], protein, rng)
    if sum(counts) and not np.isfinite(room.angles).any():
        raise InputError(
            f"{parameter('size')}: not one particle found a place in {' x '.join(map(str, size))} voxels; give a bigger size"
        )
    truth = Picks(
        tomo_id,
        np.array(room.positions, dtype=float).reshape(-1, 3),
        rate,
        angles=np.array(room.angles, dtype=float).reshape(-1, 3),
        species=room.species,
    )
    return Sample(protein, room.other, room.occupancy, truth, room.notes)


def add_ice_noise(sample: Sample, sigma: float, *, rng: np.random.Generator) -> None:
    """Add the noise of the ice to a sample, which is the same in every tilt. sigma: of the grey value per voxel."""
    if sigma:
        np.add(sample.other, sigma * rng.standard_normal(size=sample.other.shape, dtype=np.float32), out=sample.other)


@dataclass
class _Room:
    """The space that is already occupied, and the rows of the ground truth in the order of placing."""

    size: tuple[int, int, int]
    positions: list[np.ndarray] = field(default_factory=list)
    angles: list[np.ndarray] = field(default_factory=list)
    species: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.occupancy = np.zeros(self.size[::-1], dtype=np.uint16)
        self.other = np.zeros(self.size[::-1], dtype=np.float32)

    def fill(self, name: str, count: int, draw: Callable[[], Stamp | None], rng: np.random.Generator) -> None:
        """Place distractors; `draw()` gives a random one as values and mask, None where it cannot fit."""
        for placed in range(count):
            stamp = draw()
            position = None if stamp is None else self.free_position(stamp[1], POSES * POSITIONS, rng)
            if stamp is None or position is None:
                self.note(name, placed, count)
                return
            self.add(name, position, np.full(3, np.nan), stamp, self.other)

    def lay(self, name: str, values: np.ndarray, mask: np.ndarray) -> None:
        """Add a distractor that fills a part of the whole volume; its position is its voxel nearest to the mean of all."""
        if mask.any():
            voxels = np.argwhere(mask)
            nearest = voxels[np.argmin(((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1))]
            self.add(name, np.array(self.size) // 2, np.full(3, np.nan), (values, mask), self.other)
            self.positions[-1] = nearest[::-1]

    def fill_complex(self, which: Complex, count: int, protein: np.ndarray, rng: np.random.Generator) -> None:
        """Place particles of one complex at random poses."""
        for placed in range(count):
            for rotation in Rotation.random(POSES, random_state=np.random.RandomState(rng.integers(2**32, dtype=np.uint32))):
                density = turned(which.density, rotation, order=SPLINE_ORDER)
                mask = density >= which.level
                position = self.free_position(mask, POSITIONS, rng)
                if position is not None:
                    self.add(which.name, position, angles_of(rotation)[0], (PROTEIN_CONTRAST * density, mask), protein)
                    break
            else:
                self.note(which.name, placed, count)
                return

    def free_position(self, mask: np.ndarray, trials: int, rng: np.random.Generator) -> np.ndarray | None:
        """x, y, z of a random position at which the centred mask lies inside and overlaps nothing; None if no trial found one."""
        offsets = np.argwhere(mask) - np.array(mask.shape) // 2
        low, high = -offsets.min(axis=0), np.array(self.occupancy.shape) - offsets.max(axis=0)
        if (low >= high).any():
            return None
        flat = self.occupancy.ravel()
        strides = np.array([self.size[1] * self.size[0], self.size[0], 1])
        taken = offsets @ strides
        for position in rng.integers(low, high, size=(trials, 3)):
            if not flat[taken + position @ strides].any():
                return np.asarray(position[::-1])
        return None

    def add(self, name: str, position: np.ndarray, angles: np.ndarray, stamp: Stamp, volume: np.ndarray) -> None:
        """Add the values to the volume and the mask to the occupancy."""
        values, mask = stamp
        self.positions.append(position)
        self.angles.append(angles)
        self.species.append(name)
        start = position[::-1] - np.array(mask.shape) // 2
        there = tuple(slice(max(0, a), min(a + n, edge)) for a, n, edge in zip(start, mask.shape, volume.shape, strict=True))
        here = tuple(slice(s.start - a, s.stop - a) for s, a in zip(there, start, strict=True))
        volume[there] += values[here]
        self.occupancy[there][mask[here]] = len(self.species)

    def note(self, name: str, placed: int, count: int) -> None:
        """Note that not all found a place."""
        self.notes.append(f"{placed} of {count} {name} fitted")
