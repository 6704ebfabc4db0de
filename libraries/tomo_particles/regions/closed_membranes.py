"""Round membranes, completed where the missing wedge hides them.

A tilt series about y holds no signal of surfaces whose normals are near the y-z plane: a third of a vesicle. Where the rest of
it is found, an ellipsoid says where the hidden part is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, label
from scipy.optimize import least_squares

from .binning import TOUCHING

RADII = (100.0, 1500.0)  # Å, mean of the three: larger ones are nearly flat within a tomogram, and their shape is not known
FLATTEST = 0.6  # shortest over longest axis
BESIDE = 30.0  # Å: a membrane that is found so near to an ellipsoid belongs to it
SEEN = 0.6  # of the directions that the tilts see, a membrane must be found in so many
STARTS, AROUND = 8, 300.0  # parts of a membrane that an ellipsoid is begun with, and their radius, Å
ROUNDS = 4  # the ellipsoid through a part, then through all that lies beside it
FEWEST, FITTED = 50, 500  # voxels that an ellipsoid is fitted to


@dataclass(frozen=True)
class Ellipsoid:
    """centre and axes: z, y, x, along the axes of the volume."""

    centre: np.ndarray
    axes: np.ndarray

    def off(self, places: np.ndarray) -> np.ndarray:
        """(n,) distances of places (n, 3) from the surface, about: exact on a sphere."""
        return (np.linalg.norm((places - self.centre) / self.axes, axis=1) - 1) * float(np.mean(self.axes))

    def is_round(self, voxel: float) -> bool:
        low, high = RADII
        return low <= voxel * self.axes.mean() <= high and self.axes.min() >= FLATTEST * self.axes.max()


def hidden_parts(membrane: np.ndarray, known: np.ndarray, voxel: float, steepest: float) -> np.ndarray:
    """(z, y, x) bool: the parts of round membranes that the missing wedge hides, among the known places.

    voxel: edge, Å.  steepest: degrees between z and a normal, seen along y; nearer to z nothing is seen.
    """
    hidden = np.zeros_like(membrane)
    places = np.argwhere(membrane)
    part = label(membrane, TOUCHING)[0][membrane]  # 0: of an ellipsoid that was found already
    away = distance_transform_edt(~membrane) * voxel  # Å from the nearest membrane

    def surface(found: Ellipsoid) -> tuple[np.ndarray, np.ndarray]:
        """Its voxels (n, 3) among the known places, and whether the tilts see them."""
        rays = DIRECTIONS * found.axes
        normals = rays / found.axes**2
        voxels = np.rint(found.centre + rays).astype(int)
        inside = ((voxels >= 0) & (voxels < membrane.shape)).all(axis=1)
        inside[inside] = known[tuple(voxels[inside].T)]
        seen = np.abs(normals[:, 2]) >= np.tan(np.radians(steepest)) * np.abs(normals[:, 0])
        return voxels[inside], seen[inside]

    def share(found: Ellipsoid) -> float:
        """Of what the tilts see of it, the share that is there."""
        voxels, seen = surface(found)
        return float(np.mean(away[tuple(voxels[seen].T)] <= BESIDE)) if seen.any() else 0.0

    for one in range(1, part.max(initial=0) + 1):
        while (own := part == one).any():  # vesicles that touch are one part
            found = [e for start in _starts(places[own], voxel) if (e := _ellipsoid(places, start, voxel))]
            best = max(found, key=share, default=None)
            if best is None or share(best) < SEEN:
                break
            voxels, seen = surface(best)
            hidden[tuple(voxels[~seen].T)] = True
            beside = np.abs(best.off(places)) * voxel <= BESIDE
            if not (beside & own).any():
                break
            part[beside] = 0
    return np.asarray(binary_dilation(hidden, TOUCHING) & known)


def _starts(places: np.ndarray, voxel: float) -> Iterator[np.ndarray]:
    """Places (n, 3) of one part to begin with: all, and those around some that are far from each other."""
    yield places
    chosen = places[0]
    nearest = np.full(len(places), np.inf)
    for _ in range(STARTS):
        nearest = np.minimum(nearest, np.linalg.norm(places - chosen, axis=1))
        chosen = places[int(np.argmax(nearest))]
        yield places[np.linalg.norm(places - chosen, axis=1) * voxel <= AROUND]


def _ellipsoid(places: np.ndarray, start: np.ndarray, voxel: float) -> Ellipsoid | None:
    """Through a part of a membrane and what lies beside it; None where no round one does."""
    found = _sphere(start.astype(float))
    for _ in range(ROUNDS):
        if found is None or not found.is_round(voxel):
            return None
        used = np.flatnonzero(np.abs(found.off(places)) * voxel <= 2 * BESIDE)
        if len(used) < FEWEST:
            return None
        found = _fitted(found, places[used[:: -(-len(used) // FITTED)]].astype(float))
    return found if found is not None and found.is_round(voxel) else None


def _sphere(places: np.ndarray) -> Ellipsoid | None:
    """The sphere of least squares: |p|^2 = 2 c p + r^2 - |c|^2."""
    left = np.column_stack([2 * places, np.ones(len(places))])
    solved, _, rank, _ = np.linalg.lstsq(left, (places**2).sum(axis=1), rcond=None)
    square = solved[3] + (solved[:3] ** 2).sum()
    return Ellipsoid(solved[:3], np.full(3, np.sqrt(square))) if rank == 4 and square > 0 else None


def _fitted(start: Ellipsoid, places: np.ndarray) -> Ellipsoid:
    """The ellipsoid that most of the places are near to; far ones count little."""

    def off(values: np.ndarray) -> np.ndarray:
        return Ellipsoid(values[:3], np.abs(values[3:])).off(places)

    best = least_squares(off, np.concatenate([start.centre, start.axes]), loss="soft_l1", f_scale=1.0, max_nfev=12).x
    return Ellipsoid(best[:3], np.maximum(np.abs(best[3:]), 1e-3))


def _directions(count: int) -> np.ndarray:
    """(n, 3) z, y, x: even directions (Fibonacci spiral)."""
    index = np.arange(count) + 0.5
    height = 1 - 2 * index / count
    turn, flat = np.pi * (1 + np.sqrt(5)) * index, np.sqrt(1 - height**2)
    return np.stack([height, flat * np.sin(turn), flat * np.cos(turn)], axis=1)


DIRECTIONS = _directions(20_000)
