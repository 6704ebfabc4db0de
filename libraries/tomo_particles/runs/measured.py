"""The scores of a run against known particles. Only these can show whether the scores are probabilities."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from ..consensus.merged_picks import NEGATIVE
from ..core.coordinates import check_inside, rescale_size
from ..core.errors import parameter
from ..core.tomograms import open_tomogram
from ..evaluation.matching import matches_of, pairs_within
from ..formats.pick_files import read_pick_file
from .results import RunResults

HIT_RADIUS = 0.35  # of the box: the default of the consensus


@dataclass(frozen=True)
class Measured:
    """The picks of the tomograms that a truth covers, n of them. score, true, accepted: (n,).

    particles: number of true ones, found or not.  tomograms: number of tomograms.
    """

    score: np.ndarray
    true: np.ndarray
    accepted: np.ndarray
    particles: int
    tomograms: int

    @property
    def precision(self) -> float:
        """Of the accepted picks; NaN where there is none."""
        return float(self.true[self.accepted].mean()) if self.accepted.any() else float("nan")

    @property
    def recall(self) -> float:
        """Of all particles of the truth; NaN where there is none."""
        return float((self.true & self.accepted).sum() / self.particles) if self.particles else float("nan")


def measure(run: RunResults, truth: str | os.PathLike, radius: float = HIT_RADIUS, option: str = parameter("truth")) -> Measured:
    """Match the picks of a run with the particles of a pick file, one to one, within `radius` (fraction of the box).

    Tomograms that the file does not name are left out, because their truth is unknown. Raises InputError for a file that cannot
    be read, names none of the run's tomograms, or has particles outside of one.
    """
    rates: dict[str, float] = {}
    sizes: dict[str, tuple[int, int, int]] = {}  # for formats that count from the centre; a tomogram may be gone
    for tomogram in run.tomograms:
        if tomogram.sampling_rate is None or tomogram.path.is_file():
            with open_tomogram(tomogram.path, tomogram.sampling_rate) as opened:
                rates[tomogram.tomo_id], sizes[tomogram.tomo_id] = opened.sampling_rate, opened.size
        else:
            rates[tomogram.tomo_id] = tomogram.sampling_rate
    known = read_pick_file(truth, rates, option=option, sizes=sizes)
    positions, eligible = run.positions(), run.merged.label != NEGATIVE
    true = np.zeros(len(positions), dtype=bool)
    covered = np.zeros(len(positions), dtype=bool)
    for tomo_id, particles in known.items():
        if tomo_id in sizes:
            extent = rescale_size(sizes[tomo_id], rates[tomo_id], particles.sampling_rate)
            check_inside(particles.positions, extent, f"{option}: '{truth}', tomogram '{tomo_id}'", particles.sampling_rate)
        own = np.flatnonzero(run.of_tomogram(tomo_id) & eligible)
        candidates = pairs_within(positions[own], particles.at_sampling_rate(run.sampling_rate).positions, radius * run.box_size)
        true[own], covered[own] = matches_of(candidates).counts, True
    return Measured(
        run.merged.score[covered],
        true[covered],
        run.accepted[covered],
        sum(len(particles) for particles in known.values()),
        len(known),
    )
