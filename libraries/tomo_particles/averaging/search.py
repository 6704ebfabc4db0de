"""The best turn and shift of each pick against a reference: over all rotations, or over small ones about the present pose."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from .average import Particles, Turned, chunks, turned_back
from .band import Band, in_wedge
from .poses import Poses

MASK_MARGIN, MASK_EDGE = 1.0, 2.0  # coarse voxels: beyond the particle's radius, and of the cosine edge
STEPS = 2  # of a local search, to each side
MANY = 64  # kernels made at once
OVERSAMPLED = 2


@dataclass(frozen=True)
class Found:
    """poses of the picks, and their scores (n,): the correlation of each with the masked reference of norm 1."""

    poses: Poses
    scores: np.ndarray


def soft_ball(edge: int, radius: float, soft: float) -> np.ndarray:
    """(edge,) * 3 float32: 1 up to `radius` voxels from the centre voxel, 0 from `soft` voxels beyond it, a cosine between."""
    z, y, x = np.ogrid[:edge, :edge, :edge]
    away = np.sqrt(sum((axis - edge // 2.0) ** 2 for axis in (z, y, x)))
    return (0.5 + 0.5 * np.cos(np.pi * np.clip((away - radius) / soft, 0, 1))).astype(np.float32)


def mask_of(band: Band, diameter: float, edge: int | None = None) -> np.ndarray:
    """The soft ball about a particle of `diameter` Å, on the coarse grid of a band or on that of its box."""
    voxel = band.extent / (edge or band.edge)
    return soft_ball(edge or band.edge, diameter / 2 / voxel + MASK_MARGIN, MASK_EDGE)


def turned_references(reference: np.ndarray, band: Band, rotations: Rotation) -> np.ndarray:
    """(r, n, n, n) a packed reference turned by each rotation, on the coarse grid.

    It is read linearly from a grid OVERSAMPLED times as fine, four times as fast as by splines.
    """
    fine = band.volume(reference, OVERSAMPLED * band.edge)
    backwards = OVERSAMPLED * rotations.as_matrix().reshape(-1, 3, 3)[:, ::-1, ::-1].transpose(0, 2, 1)
    centre = np.full(3, band.edge // 2)
    return np.stack(
        [
            affine_transform(fine, matrix, OVERSAMPLED * centre - matrix @ centre, (band.edge,) * 3, order=1, output=np.float32)
            for matrix in backwards
        ]
    )


def kernels_of(
    reference: np.ndarray, rotations: Rotation, band: Band, mask: np.ndarray, tilts: tuple[float, float], threads: int = 1
) -> np.ndarray:
    """(r, m) packed: the reference (packed) turned, seen through the wedge, its mean under the mask removed, masked, norm 1."""
    weight = float(mask.sum())
    seen = in_wedge(band.frequencies, tilts)

    def some(rows: slice) -> np.ndarray:
        seen_volumes = band.volume(band.pack(turned_references(reference, band, rotations[rows])) * seen)
        means = (seen_volumes * mask).sum(axis=(1, 2, 3), keepdims=True) / weight
        packed = band.pack((seen_volumes - means) * mask) * seen
        norms = np.sqrt(np.square(np.abs(packed)).sum(axis=1, keepdims=True))
        return packed / np.maximum(norms, np.finfo(np.float32).tiny)

    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(some, (slice(i, i + MANY) for i in range(0, len(rotations), MANY)))))


def shift_grid(reach: float, step: float) -> np.ndarray:
    """(s, 3) x, y, z, Å: the points of a cubic grid about 0 within `reach`, the nearest first."""
    edge = int(reach / step + 1e-6)
    points = np.stack(np.meshgrid(*[np.arange(-edge, edge + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * step
    lengths = np.linalg.norm(points, axis=1)
    order = np.argsort(lengths, kind="stable")
    return points[order][lengths[order] <= reach + 1e-6]


def search_everywhere(
    particles: Particles, reference: np.ndarray, rotations: Rotation, mask: np.ndarray, reach: float, threads: int = 1
) -> Found:
    """The best of all rotations and of the shifts up to `reach` Å from each pick. reference: (m,) packed."""
    band, n = particles.band, len(particles)
    shifts = shift_grid(reach, band.voxel)
    rows_of: dict[tuple[float, float], np.ndarray] = {}
    for tilts in dict.fromkeys(map(tuple, particles.tilts.tolist())):
        rows_of[tilts] = np.flatnonzero((particles.tilts == tilts).all(axis=1))
    turn, shift, score = np.zeros(n, dtype=int), np.zeros((n, 3)), np.full(n, -np.inf)
    for tilts, rows in rows_of.items():
        kernels = kernels_of(reference, rotations, band, mask, tilts, threads)
        flat = kernels.view(np.float32).T

        def some(part: slice, rows: np.ndarray = rows, kernels: np.ndarray = kernels, flat: np.ndarray = flat) -> None:
            own = rows[part]
            spectra = particles.spectra[own]
            best, best_turn, best_shift = np.full(len(own), -np.inf), np.zeros(len(own), dtype=int), np.zeros((len(own), 3))
            for one in shifts:
                moved = band.shifted(spectra, -one)
                values = moved.view(np.float32) @ flat
                which = values.argmax(axis=1)
                value = values[np.arange(len(own)), which]
                better = value > best
                best[better], best_turn[better], best_shift[better] = value[better], which[better], one
            best_shift, best = _peak(band, spectra, kernels[best_turn], best_shift, best, reach)
            turn[own], shift[own], score[own] = best_turn, best_shift, best

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(some, chunks(len(rows), band.edge)))
    return Found(Poses.of(rotations[turn], shift), score)


def _peak(
    band: Band, spectra: np.ndarray, kernels: np.ndarray, shifts: np.ndarray, scores: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Shifts (n, 3) and scores at the top of the parabola through the neighbours of each shift on the grid."""
    step = band.voxel
    at = lambda where: (kernels.conj() * band.shifted(spectra, -where)).sum(axis=1).real  # noqa: E731
    better = shifts.copy()
    for axis in range(3):
        aside = np.eye(3)[axis] * step
        low, high = at(shifts - aside), at(shifts + aside)
        bend = low - 2 * scores + high
        better[:, axis] += np.where(bend < 0, step * np.clip(0.5 * (low - high) / np.minimum(bend, -1e-30), -0.5, 0.5), 0)
    better = _within(better, reach)
    value = at(better)
    kept = value >= scores
    return np.where(kept[:, None], better, shifts), np.where(kept, value, scores)


def _within(shifts: np.ndarray, reach: float) -> np.ndarray:
    lengths = np.linalg.norm(shifts, axis=1, keepdims=True)
    return np.asarray(shifts * np.minimum(1, reach / np.maximum(lengths, 1e-9)))


def small_turns(step: float) -> Rotation:
    """Rotation vectors on a cubic grid of `step` degrees, STEPS to each side, as rotations, the identity first."""
    return Rotation.from_rotvec(shift_grid(STEPS * step, step), degrees=True)


def search_nearby(
    turned: Turned, band: Band, reference: np.ndarray, poses: Poses, step: float, mask: np.ndarray, reach: float, threads: int = 1
) -> Found:
    """The best of small turns of `step` degrees and shifts of a coarse voxel about each pose, up to `reach` Å from the pick.

    turned: the picks, turned back by their poses.  reference: (m,) packed.
    """
    turns, shifts = small_turns(step), shift_grid(band.voxel, band.voxel)
    volumes = turned_references(reference, band, turns)
    means = (volumes * mask).sum(axis=(1, 2, 3), keepdims=True) / float(mask.sum())
    kernels = band.pack((volumes - means) * mask)
    flat, power = kernels.view(np.float32).T, np.square(np.abs(kernels)).T

    def some(rows: slice) -> Found:
        now, spectra = poses[rows], turned.spectra[rows]
        norms = np.sqrt(np.maximum(turned.seen[rows].astype(np.float32) @ power, 1e-30))
        rotations, each = now.rotations, np.arange(len(now))
        best, best_turn, best_shift = np.full(len(now), -np.inf), np.zeros(len(now), dtype=int), np.zeros((len(now), 3))
        for one in shifts:
            values = band.shifted(spectra, -one).view(np.float32) @ flat / norms
            which = values.argmax(axis=1)
            value = values[each, which]
            if one.any():
                value[np.linalg.norm(now.shifts + rotations.apply(one), axis=1) > reach] = -np.inf
            better = value > best
            best[better], best_turn[better], best_shift[better] = value[better], which[better], one
        own = kernels[best_turn] / norms[each, best_turn, None]
        best_shift, best = _peak(band, spectra, own, best_shift, best, np.inf)
        return Found(Poses.of(rotations * turns[best_turn], _within(now.shifts + rotations.apply(best_shift), reach)), best)

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(some, chunks(len(poses), band.edge)))
    return Found(
        Poses(*(np.concatenate([getattr(f.poses, name) for f in found]) for name in ("quaternions", "shifts"))),
        np.concatenate([f.scores for f in found]),
    )


def correlation_coefficients(
    particles: Particles, reference: np.ndarray, poses: Poses, mask: np.ndarray, threads: int = 1
) -> np.ndarray:
    """(n,) of each pick with the reference (packed) at its pose, under the mask and where the tilt series sees: -1 to 1."""
    band = particles.band

    def masked(volumes: np.ndarray) -> np.ndarray:
        return (volumes - (volumes * mask).sum(axis=(-3, -2, -1), keepdims=True) / float(mask.sum())) * mask

    def some(rows: slice) -> np.ndarray:
        turned = turned_back(particles[rows], poses[rows])
        own, model = masked(band.volume(turned.spectra)), masked(band.volume(reference * turned.seen))
        dot = lambda one, other: (one * other).sum(axis=(1, 2, 3))  # noqa: E731
        return np.asarray(dot(own, model) / np.sqrt(np.maximum(dot(own, own) * dot(model, model), 1e-30)))

    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(some, chunks(len(particles), band.edge))))
