"""What persons say of places in tomograms: a particle, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..core.coordinates import inside_volume, rescale_positions


@dataclass(frozen=True)
class Answer:
    """What one person said of one place.

    position: x, y, z, voxels of `sampling_rate` (Å/voxel).  yes: it is a particle.  who: name of the person.  when: date, time.
    why: for which reason the place was shown.  score: that the place had then, NaN for none.
    """

    tomo_id: str
    position: tuple[float, float, float]
    sampling_rate: float
    yes: bool
    who: str
    when: str
    why: str = ""
    score: float = float("nan")


@dataclass(frozen=True)
class AnsweredPicks:
    """Answers and the merged picks that they are about.

    rows: (n,) of the merged picks, rising.  yes: (n,) bool.  of: (n,) the answers.  added: particles where there is no pick.

    What became of the other answers: outside the tomogram; superseded by a later one at the same place; of no, where there is
    nothing to reject (idle).
    """

    rows: np.ndarray
    yes: np.ndarray
    of: list[Answer]
    added: list[Answer]
    outside: list[Answer]
    superseded: list[Answer]
    idle: list[Answer]


def answered_picks(
    answers: Sequence[Answer],
    tomo_id: np.ndarray,
    positions: np.ndarray,
    sampling_rate: float,
    radius: float,
    sizes: Mapping[str, Sequence[float]] | None = None,
) -> AnsweredPicks:
    """Each answer with the nearest pick within the radius; of several answers to one pick the last counts.

    tomo_id: (m,), positions: (m, 3) x, y, z of the picks, radius: all in voxels of `sampling_rate` (Å/voxel).  A particle without
    a pick is added, unless it was taken back by a later answer at that place, or lies outside its tomogram.
    sizes: x, y, z of tomograms, in the same voxels; of others every place counts as inside.
    """
    last: dict[int, Answer] = {}
    added: list[Answer] = []
    outside: list[Answer] = []
    superseded: list[Answer] = []
    idle: list[Answer] = []
    for name in dict.fromkeys(answer.tomo_id for answer in answers):
        own = np.flatnonzero(tomo_id == name)
        tree = cKDTree(positions[own]) if len(own) else None
        without: list[tuple[np.ndarray, Answer]] = []
        for answer in (one for one in answers if one.tomo_id == name):
            place = rescaled(answer, sampling_rate)
            distance, nearest = tree.query(place) if tree else (np.inf, 0)
            if distance <= radius:
                row = int(own[nearest])
                superseded += [last[row]] if row in last else []
                last[row] = answer
            elif sizes and name in sizes and not inside_volume(place[None], sizes[name]).all():
                outside.append(answer)
            else:
                near = [np.linalg.norm(there - place) <= radius for there, _ in without]
                superseded += [other for (_, other), same in zip(without, near, strict=True) if same]
                without = [one for one, same in zip(without, near, strict=True) if not same]
                if answer.yes:
                    without.append((place, answer))
                else:
                    idle.append(answer)
        added += [answer for _, answer in without]
    rows = sorted(last)
    return AnsweredPicks(
        np.array(rows, dtype=int),
        np.array([last[row].yes for row in rows], dtype=bool),
        [last[row] for row in rows],
        added,
        outside,
        superseded,
        idle,
    )


def rescaled(answer: Answer, sampling_rate: float) -> np.ndarray:
    """(3,) x, y, z of the place of an answer, voxels of `sampling_rate` (Å/voxel)."""
    return rescale_positions(np.array(answer.position), answer.sampling_rate, sampling_rate)
