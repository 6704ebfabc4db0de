"""Small simulated tomograms with known truth, and simulated pickers with known faults, for tests and quick benchmarks.

Densities are sums of Gaussian blobs; the tomogram is their sum plus coloured noise, seen through a missing wedge.
It is a quick stand-in, not a physical simulation: no CTF, no tilt series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

MAX_TILT_DEGREES = 60.0
# Centres (x, y, z) and radii of the blobs, in units of the particle's radius: the species
# differ in shape, not in contrast.
COMPLEXES = {
    "target": (
        (0.35, 0.1, 0.0, 0.45),
        (-0.3, 0.35, 0.1, 0.4),
        (-0.25, -0.45, -0.1, 0.35),
        (0.2, -0.2, 0.5, 0.3),
        (0.0, 0.3, -0.5, 0.3),
    ),
    "rod": ((-0.7, 0, 0, 0.28), (-0.25, 0, 0, 0.28), (0.25, 0, 0, 0.28), (0.7, 0, 0, 0.28)),
    "small": ((0, 0, 0, 0.5),),
}


@dataclass(frozen=True)
class Simulation:
    """volume: (z, y, x) float32, particles dark; positions by species: (n, 3) x, y, z, voxels; sampling_rate: Å/voxel."""

    volume: np.ndarray
    positions: dict[str, np.ndarray]
    sampling_rate: float

    @property
    def truth(self) -> np.ndarray:
        """(n, 3) centres of the target particles."""
        return self.positions["target"]


def simulate_tomogram(
    size: tuple[int, int, int],
    counts: dict[str, int],
    *,
    rng: np.random.Generator,
    radius: float = 6.0,
    noise: float = 1.0,
    sampling_rate: float = 10.0,
) -> Simulation:
    """A tomogram of `size` x, y, z voxels with `counts` of the species target, rod, small and bead.

    radius: of a particle, voxels.  noise: its standard deviation, in units of a particle's mean density.
    """
    radii = {name: radius * (0.6 if name in ("small", "bead") else 1.0) for name in counts}
    spheres = place_spheres(size, [radii[name] for name, n in counts.items() for _ in range(n)], rng)
    labels = [name for name, n in counts.items() for _ in range(n)][: len(spheres)]
    density = np.zeros(size[::-1], dtype=np.float32)
    for name, centre in zip(labels, spheres, strict=True):
        if name == "bead":
            _add_blobs(density, centre, np.array([[0, 0, 0, 0.75]]), radii[name], height=8.0)
        else:
            blobs = np.array(COMPLEXES[name], dtype=float)
            blobs[:, :3] = Rotation.random(random_state=int(rng.integers(2**31))).apply(blobs[:, :3])
            _add_blobs(density, centre, blobs, radii[name], height=1.0)
    coloured = gaussian_filter(rng.standard_normal(density.shape), 1.0) * 5.0 + rng.standard_normal(density.shape)
    volume = -through_missing_wedge(density + noise * coloured.astype(np.float32) / coloured.std())
    positions = {name: spheres[np.array(labels, dtype=object) == name] for name in counts}
    return Simulation(volume.astype(np.float32), positions, sampling_rate)


def place_spheres(size: tuple[int, int, int], radii: list[float], rng: np.random.Generator, tries: int = 200) -> np.ndarray:
    """(m, 3) random centres of spheres that do not overlap; those that find no room after `tries` are left out."""
    centres: list[np.ndarray] = []
    for radius in radii:
        for _ in range(tries):
            centre = radius + rng.random(3) * (np.array(size) - 1 - 2 * radius)
            others = np.array(centres).reshape(-1, 3)
            if (np.linalg.norm(others - centre, axis=1) > radius + np.array(radii[: len(others)])).all():
                centres.append(centre)
                break
        else:
            break
    return np.array(centres).reshape(-1, 3)


def particle(species: str, radius: float) -> np.ndarray:
    """(z, y, x) bright density of one particle of a species, unturned, in the middle of a box of four radii: a template."""
    side = 2 * int(np.ceil(2 * radius))
    density = np.zeros((side, side, side), dtype=np.float32)
    _add_blobs(density, np.full(3, side // 2), np.array(COMPLEXES[species], dtype=float), radius, height=1.0)
    return density


def _add_blobs(density: np.ndarray, centre: np.ndarray, blobs: np.ndarray, radius: float, height: float) -> None:
    reach = int(np.ceil(2 * radius))
    start = np.maximum(np.rint(centre).astype(int) - reach, 0)
    stop = np.minimum(np.rint(centre).astype(int) + reach + 1, density.shape[::-1])
    z, y, x = np.ogrid[start[2] : stop[2], start[1] : stop[1], start[0] : stop[0]]
    region = density[start[2] : stop[2], start[1] : stop[1], start[0] : stop[0]]
    for bx, by, bz, width in blobs:
        cx, cy, cz = centre + radius * np.array([bx, by, bz])
        region += height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / (2 * (width * radius * 0.6) ** 2))


def through_missing_wedge(volume: np.ndarray, max_tilt: float = MAX_TILT_DEGREES) -> np.ndarray:
    """The volume (z, y, x) without the frequencies that a tilt series about y up to `max_tilt` degrees cannot see."""
    nz, _, nx = volume.shape
    kz, kx = np.fft.fftfreq(nz)[:, None, None], np.fft.rfftfreq(nx)[None, None, :]
    seen = np.abs(kz) <= np.abs(kx) * np.tan(np.radians(max_tilt))
    seen[0, :, 0] = True
    return np.fft.irfftn(np.fft.rfftn(volume) * seen, s=volume.shape, axes=(0, 1, 2))


@dataclass(frozen=True)
class SimulatedPicker:
    """Faults of a picker. recall: share of the targets it finds; jitter: its position error (voxels, per axis);
    beads, others: share of the gold beads and of the other species that it picks; noise: false picks in empty space, as a
    fraction of the number of targets; twice: share of its picks that it reports twice."""

    recall: float
    jitter: float = 1.0
    beads: float = 0.0
    others: float = 0.0
    noise: float = 0.0
    twice: float = 0.0

    def pick(self, simulation: Simulation, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(n, 3) positions x, y, z, voxels, inside the tomogram, and (n,) scores in [0, 1], a little higher for true ones."""
        size = np.array(simulation.volume.shape[::-1])
        shares = {"target": self.recall, "bead": self.beads}
        found = {name: p[rng.random(len(p)) < shares.get(name, self.others)] for name, p in simulation.positions.items()}
        truth = found["target"]
        empty = rng.random((round(self.noise * len(simulation.truth)), 3)) * (size - 1)
        everything = cKDTree(np.concatenate(list(simulation.positions.values())))
        empty = empty[everything.query(empty)[0] > 8] if len(empty) else empty
        positions = np.concatenate([truth, *(p for name, p in found.items() if name != "target"), empty])
        score = np.clip(rng.normal(np.where(np.arange(len(positions)) < len(truth), 0.65, 0.5), 0.15), 0, 1)
        again = np.flatnonzero(rng.random(len(positions)) < self.twice)
        positions, score = np.concatenate([positions, positions[again]]), np.concatenate([score, score[again]])
        return np.clip(positions + rng.normal(0, self.jitter, positions.shape), 0, size - 1), score
