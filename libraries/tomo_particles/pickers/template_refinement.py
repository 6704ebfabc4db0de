"""Coarse to fine: where a search at a coarser resolution found something, the search at the full resolution.

The coarse search has larger voxels and fewer rotations: the angle by which a template moves by one resolution grows with it.
It only says where to look. There the coarse rotations are compared at the full resolution, and then every fine rotation near the
best of them. Scores and noise are those of the full search.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from .template_kernels import TemplateKernels
from .template_matching import (
    PreparedTomogram,
    ScoreMap,
    ball,
    match_template,
    match_template_at,
    real_space,
    scored_by,
    windows_around,
)

COARSER = 1.5  # the resolution of the coarse search over that of the fine one
DETAILS = 2.5  # coarse resolutions in a diameter, at least: smaller particles are not told from noise
REACH = 2.0  # fine voxels around a candidate
TURNS = 1.25  # coarse steps around the best coarse rotation of a candidate
CANDIDATES_APART = 0.25  # of the diameter
CROWDED = 1.0  # candidates for each cube of the diameter that the tomogram could hold: particles are fewer
NOISE_ROTATIONS = 16  # searched everywhere, for the noise
MOST_BYTES = 5e8  # of kernels that are kept


def is_large_enough(diameter: float, resolution: float) -> bool:
    """Whether a coarse search sees a particle; diameter and fine resolution in Å."""
    return diameter >= DETAILS * COARSER * resolution


@dataclass(frozen=True)
class Candidates:
    """Where a coarse search found something: positions (n, 3) x, y, z, voxels of the tomogram; rotations: of each."""

    positions: np.ndarray
    rotations: Rotation

    def __len__(self) -> int:
        return len(self.positions)


def candidates_of(
    coarse: ScoreMap, diameter: float, prepared: PreparedTomogram, kernels: TemplateKernels, rotations: Rotation, threads: int
) -> Candidates:
    """The best peaks of a coarse search, each with the best of the coarse rotations at the full resolution, and its place there.

    diameter: voxels of the tomogram.  prepared, kernels: of the fine search.
    """
    room = float(np.count_nonzero(np.isfinite(coarse.score)) * np.prod(coarse.scale)) / diameter**3
    peaks = coarse.peaks(CANDIDATES_APART * diameter, number=max(1, int(np.ceil(CROWDED * room))))
    found = match_template_at(prepared, kernels, rotations, peaks.positions, REACH, threads=threads)
    seen = np.isfinite(found.score)
    return Candidates(found.positions[seen], rotations[found.rotation[seen]])


def match_near(
    prepared: PreparedTomogram,
    kernels: TemplateKernels,
    rotations: Rotation,
    candidates: Candidates,
    turn: float,
    *,
    threads: int = 1,
    progress: Callable[[float], None] = lambda share: None,
) -> ScoreMap:
    """The scores of `match_template` near the candidates, -inf elsewhere; the result does not depend on the number of threads.

    turn: degrees around a candidate's rotation.  progress: receives the share of the work that is done, from several threads.
    """
    every = max(1, len(rotations) // NOISE_ROTATIONS)
    sample = match_template(prepared, kernels, rotations[np.arange(0, len(rotations), every)], threads=threads)
    trials = sample.trials / len(range(0, len(rotations), every)) * len(rotations)
    score, best = np.full(prepared.shape, -np.inf, dtype=np.float32), np.zeros(prepared.shape, dtype=np.int32)
    if len(candidates):
        _fill(score, best, prepared, kernels, rotations, candidates, turn, threads, progress)
    return ScoreMap(score, best, prepared.scale, sample.noise, trials)


def _fill(
    score: np.ndarray,
    best: np.ndarray,
    prepared: PreparedTomogram,
    kernels: TemplateKernels,
    rotations: Rotation,
    candidates: Candidates,
    turn: float,
    threads: int,
    progress: Callable[[float], None],
) -> None:
    """Write the scores near the candidates, and the numbers of their rotations, into two maps."""
    shape, seen, edge = np.array(prepared.shape), np.flatnonzero(kernels.mask > 0), len(kernels.mask)
    volume, factor = real_space(prepared, threads), scored_by(prepared, kernels.mask, threads)
    near = ball(REACH)
    middle = np.rint(candidates.positions[:, ::-1] / prepared.scale).astype(int)
    shared, of_candidate = np.unique(np.round(candidates.rotations.as_matrix().reshape(-1, 9), 6), axis=0, return_inverse=True)
    groups = np.split(np.argsort(of_candidate.ravel(), kind="stable"), np.cumsum(np.bincount(of_candidate.ravel()))[:-1])
    backwards = rotations.as_matrix().transpose(0, 2, 1)[:, ::-1, ::-1]
    turns = _turns_near(rotations, Rotation.from_matrix(shared.reshape(-1, 3, 3)), turn)
    kept: dict[int, np.ndarray] = {}
    most = max(1, int(MOST_BYTES / (4 * len(seen))))

    def kernel(index: int) -> np.ndarray:
        if (found := kept.get(index)) is None:
            found = kernels.kernel(backwards[index]).ravel()[seen]
            if len(kept) >= most:
                kept.clear()
            kept[index] = found
        return found

    def work(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        indices = np.array(turns[number])
        block = np.stack([kernel(index) for index in turns[number]]).T
        centres, values, which = [], [], []
        for one in middle[groups[number]]:
            own = one + near
            own = own[((own >= 0) & (own < shape)).all(axis=1)]
            own = own[factor[tuple(own.T)] > 0]
            if len(own):
                found = windows_around(volume, one, edge, seen, own - one) @ block
                top = found.argmax(axis=1)
                centres.append(own)
                values.append(found[np.arange(len(top)), top] * factor[tuple(own.T)])
                which.append(indices[top])
        nothing = np.zeros((0, 3), dtype=int), np.zeros(0), np.zeros(0, dtype=int)
        return tuple(map(np.concatenate, (centres, values, which))) if centres else nothing  # type: ignore[return-value]

    with ThreadPoolExecutor(threads) as pool:  # in the order of the groups, so that equal values are decided alike
        for done, (centres, values, which) in enumerate(pool.map(work, range(len(groups))), start=1):
            order = np.lexsort((-which, values))  # a place that comes twice: the last one stays, the best with the lowest number
            centres, values, which = centres[order], values[order].astype(np.float32), which[order]
            at = tuple(centres.T)
            better = (values > score[at]) | ((values == score[at]) & (which < best[at]))
            at = tuple(centres[better].T)
            score[at], best[at] = values[better], which[better]
            progress(done / len(groups))


def _turns_near(rotations: Rotation, middles: Rotation, turn: float) -> list[list[int]]:
    """The numbers of the rotations within `turn` degrees of each middle one; the nearest alone where there are none."""
    quaternions = rotations.as_quat()
    tree = cKDTree(np.concatenate([quaternions, -quaternions]))  # q and -q are one rotation
    distance = 2 * np.sin(np.radians(turn) / 4)
    nearest = tree.query(middles.as_quat())[1] % len(rotations)
    found = tree.query_ball_point(middles.as_quat(), distance)
    return [sorted({index % len(rotations) for index in own} | {int(one)}) for own, one in zip(found, nearest, strict=True)]
