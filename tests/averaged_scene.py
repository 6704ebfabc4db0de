"""Small tomograms with particles of one known density at known poses, for the tests of averages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.picked_boxes import Source
from tomo_particles.core.tomograms import write_volume
from tomo_particles.geometry.orientations import angles_of, turned
from tomo_particles.testing.synthetic import place_spheres, through_missing_wedge

RATE = 10.0
DIAMETER = 130.0
SIZE = (100, 100, 40)  # x, y, z
EDGE = 23
BLOBS = ((-2.5, -1.0, -0.5, 2.6), (4.6, -1.5, -0.5, 1.5), (-0.5, 4.4, 0.0, 1.9), (0.5, -0.5, 4.6, 1.6))  # x, y, z, width


def density() -> np.ndarray:
    """(EDGE,) * 3, no symmetry, its centre of mass near the centre voxel."""
    z, y, x = np.indices((EDGE,) * 3) - EDGE // 2
    blobs = np.array(BLOBS)
    centres = blobs[:, :3] - (blobs[:, :3] * blobs[:, 3:] ** 3).sum(axis=0) / (blobs[:, 3] ** 3).sum()
    return sum(
        np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / (2 * (0.8 * w) ** 2))
        for (a, b, c), w in zip(centres, blobs[:, 3], strict=True)
    ).astype(np.float32)


@dataclass
class Scene:
    """Tomograms (dark particles), and by name the places x, y, z (voxels), rotations and kinds (0, 1...) of their particles."""

    tomograms: dict[str, np.ndarray] = field(default_factory=dict)
    kinds: dict[str, np.ndarray] = field(default_factory=dict)
    places: dict[str, np.ndarray] = field(default_factory=dict)
    rotations: dict[str, Rotation] = field(default_factory=dict)

    def sources(self, jitter: float = 0.0, seed: int = 0) -> list[Source]:
        """The tomograms with picks off their particles by `jitter` voxels an axis."""
        rng = np.random.default_rng(seed)
        return [
            Source(
                name,
                volume,
                RATE,
                self.places[name] + rng.normal(0, jitter, self.places[name].shape),
                np.ones(len(self.places[name])),
                (-60.0, 60.0),
            )
            for name, volume in self.tomograms.items()
        ]

    def write(self, folder: Path, jitter: float = 0.0, angles: bool = False, seed: int = 0) -> None:
        """The tomograms as `<name>.mrc`, picks as picks.csv."""
        rows = []
        for source in self.sources(jitter, seed):
            write_volume(folder / f"{source.name}.mrc", source.data, RATE)
            table = pd.DataFrame(source.positions, columns=[*"xyz"]).assign(tomo_id=source.name, score=0.5)
            if angles:
                table[["rot", "tilt", "psi"]] = angles_of(self.rotations[source.name])
            rows.append(table)
        pd.concat(rows).to_csv(folder / "picks.csv", index=False)


def ball() -> np.ndarray:
    """(EDGE,) * 3, the same from all sides."""
    away = (np.indices((EDGE,) * 3) - EDGE // 2) ** 2
    return np.exp(-away.sum(axis=0) / (2 * 3.5**2)).astype(np.float32)


def make_scene(
    count: int = 25,
    noise: float = 0.25,
    tomograms: int = 2,
    seed: int = 0,
    kinds: Sequence[np.ndarray] | None = None,
    shares: Sequence[float] = (1.0,),
) -> Scene:
    """`count` particles in each tomogram at most; noise: its deviation, where the densest part of a particle is about 1.

    kinds: densities; one by default.  shares: of the particles that are of each kind.
    """
    bodies = kinds or [density()]
    rng, scene = np.random.default_rng(seed), Scene()
    for name in (f"TS_{number}" for number in range(1, tomograms + 1)):
        places = np.rint(place_spheres(SIZE, [9.0] * count, rng)).astype(int)
        rotations = Rotation.from_quat(rng.standard_normal((len(places), 4)))
        own = np.searchsorted(np.cumsum(shares)[:-1] * len(places), np.arange(len(places)), side="right")
        volume = np.pad(np.zeros(SIZE[::-1], dtype=np.float32), EDGE)
        for place, rotation, kind in zip(places, rotations, own, strict=True):
            start = place[::-1] + EDGE - EDGE // 2
            volume[tuple(slice(a, a + EDGE) for a in start)] += turned(bodies[kind], rotation, 3)
        volume = volume[EDGE:-EDGE, EDGE:-EDGE, EDGE:-EDGE]
        volume = volume + noise * rng.standard_normal(volume.shape)
        scene.tomograms[name] = -through_missing_wedge(volume).astype(np.float32)
        scene.places[name], scene.rotations[name], scene.kinds[name] = places.astype(float), rotations, own
    return scene
