"""Two structures in one set of projections: is it said, and how many particles are right, beside what others would do.

E1 to E5 of the contract, with exact poses but for E3. Every particle is one image with white noise.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from _report import as_markdown, finish
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.branches import in_box
from tomo_particles.averaging.search import mask_of
from tomo_particles.classification import split_set
from tomo_particles.classification.directions import axes_of
from tomo_particles.classification.observations import Space, dot
from tomo_particles.classification.projections import Projections
from tomo_particles.classification.residuals import consensus_of, residuals_of
from tomo_particles.classification.split_projections import How, published, split_projections
from tomo_particles.classification.split_set import on_grid_of
from tomo_particles.classification.two_classes import agreement_of, by_component, classes_of, posterior, refined
from tomo_particles.classification.view_graph import Views
from tomo_particles.core.density_files import open_density
from tomo_particles.evaluation.calibration import expected_calibration_error
from tomo_particles.evaluation.class_agreement import adjusted_rand_index, balanced_accuracy, right
from tomo_particles.geometry.orientations import turned
from tomo_particles.geometry.symmetry import symmetry_group
from tomo_particles.simulation.labelled_projections import Microscope, draw_projections, projections
from tomo_particles.simulation.labelled_subtomograms import Series, without_part

EDGE, RATE, DIAMETER, RESOLUTION = 32, 15.0, 300.0, 60.0
DISTANCE, STEP = 42.4, 22.5  # degrees: what the data chose in E1 at d' 3
ABSENT, TURN = 0.066, 20.0
RANDOM_STARTS = 2
ROUNDS = 8  # from random starts


@dataclass(frozen=True)
class Trial:
    """One case. structures: of `made`.  shares: of each.  error: degrees."""

    name: str
    structures: tuple[str, ...]
    separation: float
    shares: tuple[float, ...] = (1, 1)
    error: float = 0.0
    microscope: Microscope = Microscope()  # noqa: RUF009 - it is frozen
    classes: int = 2


TRIALS = (
    Trial("E1, part absent, d' 6", ("whole", "without"), 6.0),
    Trial("E1, part absent, d' 3", ("whole", "without"), 3.0),
    Trial("E1, part absent, d' 2", ("whole", "without"), 2.0),
    Trial("E2, part turned by 20 degrees, d' 3", ("whole", "turned"), 3.0),
    Trial("E2, two complexes, d' 3", ("whole", "other"), 3.0),
    Trial("E3, 90/10, d' 3", ("whole", "without"), 3.0, (9, 1)),
    Trial("E3, CTF 1 to 3 µm, contrast 20 %, d' 3", ("whole", "without"), 3.0, microscope=Microscope((1.0, 3.0), 0.2)),
    Trial("E3, poses off by 3 degrees, d' 3", ("whole", "without"), 3.0, error=3.0),
    Trial("E4, one structure", ("whole",), 30.0, (1,)),
    Trial("E5, three classes, d' 4", ("whole", "without", "turned"), 4.0, (1, 1, 1), classes=3),
)


def made(maps: Path) -> dict[str, np.ndarray]:
    """The structures by name, in the box of the images."""
    series = Series(EDGE, RATE, np.arange(-60, 60.1, 3.0))

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


class Particles:
    """Simulated particles of a case."""

    def __init__(self, trial: Trial, structures: dict[str, np.ndarray], count: int, seed: int) -> None:
        self.structures, self.trial, self.seed = [structures[name] for name in trial.structures], trial, seed
        drawn = draw_projections(
            self.structures, trial.shares, count, RATE, trial.separation, RESOLUTION, trial.error, trial.microscope, seed
        )
        images = np.stack(list(projections(self.structures, drawn, RATE, seed)))
        astigmatism = drawn.astigmatism if drawn.ctfs else None
        self.particles = Projections(images, RATE, axes_of(drawn.given), -drawn.shifts * RATE, drawn.ctfs, astigmatism)
        self.labels = drawn.labels
        self.band = self.particles.band(RESOLUTION)
        self.mask = mask_of(self.particles.band(2 * RATE), DIAMETER, EDGE)
        self.space = Space(self.band, on_grid_of(self.band, self.mask))
        self.seen = self.particles.observed(self.space)
        self.residuals = residuals_of(self.seen, consensus_of(self.seen))
        self.views = Views(STEP, DISTANCE, symmetry_group("c1"))

    def oracle(self) -> np.ndarray:
        """Classes by whoever knows the structures, up to the same resolution, but has the given poses and must find the noise."""
        noise = consensus_of(self.seen).noise
        known = [self.band.volume(self.band.pack(one)) * self.space.mask for one in self.structures]
        seen = [self.seen.of_volume(volume) / noise for volume in known]
        shares = np.log(np.array(self.trial.shares) / sum(self.trial.shares))
        scores = [2 * dot(self.seen.values / noise - one / 2, one) + share for one, share in zip(seen, shares, strict=True)]
        return np.argmax(scores, axis=0)

    def thesis(self) -> np.ndarray:
        """The published recipe, at 7.5 degrees or, where these hold too few, wider."""
        return published(self.particles, self.mask, Views(7.5, 7.5, symmetry_group("c1"), cross_fit=False), 1).log_odds > 0

    def component(self) -> np.ndarray:
        """The principal component of all particles in 3D (PPCA), and the same refinement."""
        first = np.clip(by_component(self.residuals, self.seed), 1e-9, 1 - 1e-9)
        return refined(self.residuals, np.log(first / (1 - first)), 2)[0] > 0

    def random_starts(self) -> np.ndarray:
        """The same refinement from random classes; the start whose classes have the largest difference."""
        best, size = np.zeros(len(self.labels)), -1.0
        for start in range(RANDOM_STARTS):
            odds = np.random.default_rng([self.seed, start]).standard_normal(len(self.labels))
            odds, _ = refined(self.residuals, odds, ROUNDS)
            expected = self.residuals.of_volume(classes_of(self.residuals, posterior(odds)).difference)
            if (found := float(np.square(np.abs(expected)).sum())) > size:
                best, size = odds, found
        return best > 0


def measure(particles: Particles, nulls: bool) -> dict[str, float | str]:
    """The numbers of one case."""
    trial = particles.trial
    how = How(RESOLUTION, particles.views, True, rounds=2, classes=trial.classes)
    half = np.arange(len(particles.labels)) % 2
    begin = time.process_time()
    with patch.object(split_set, "null_agreements", split_set.null_agreements if nulls else lambda *_: np.full(20, 0.2)):
        found = split_projections(particles.particles, half, particles.mask, how, 1, 1)
    seconds = time.process_time() - begin
    split = found.split
    said = ("yes" if split.supported else "no") if nulls else "not asked"
    row: dict[str, float | str] = {"supported": said, "agreement": split.found.mean}
    if nulls:
        row["one structure, at most"] = float(split.nulls.max())
    if len(trial.structures) > 1:
        labels, own = particles.labels, split.partition.labels
        score = (lambda one: float(right(one, labels).mean())) if len(set(trial.shares)) < 2 else (
            lambda one: balanced_accuracy(one, labels))  # fmt: skip
        good = right(own, labels)
        row |= {"oracle": score(particles.oracle()), "ours": score(own), "graph alone": score(found.graph.log_odds > 0)}
        row |= {"thesis": score(particles.thesis()), "3D component": score(particles.component())}
        row |= {"random starts": score(particles.random_starts()), "ARI": adjusted_rand_index(own, labels)}
        row["ECE"] = expected_calibration_error(split.partition.weights, good)
        row["difference"] = _difference(particles, split.partition.probabilities)
    return row | {"CPU s": seconds}


def _difference(particles: Particles, probabilities: np.ndarray) -> float:
    """Mean correlation of the difference of the first two classes with the true one, by shell up to the resolution."""
    one, other = (particles.residuals.mean(column, column) for column in probabilities.T[:2])
    mask = particles.space.mask
    true = particles.band.volume(particles.band.pack(particles.structures[0] - particles.structures[1])) * mask
    return float(np.abs(agreement_of(one - other, true, particles.band)[1:].mean()))


def run(maps: Path, seeds: list[int], count: int, only: str, nulls: bool, say: Callable[[str], None]) -> pd.DataFrame:
    """Every case that is asked for with every seed."""
    structures, rows = made(maps), []
    for trial in TRIALS:
        for seed in seeds if trial.name.startswith(tuple(only.split(","))) else []:
            particles = Particles(trial, structures, count, seed)
            asked = nulls or len(trial.structures) == 1
            rows.append({"case": trial.name, "seed": str(seed), **measure(particles, asked)})
            say(str(rows[-1]))
    return pd.DataFrame(rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path("../shared/data/maps_10A"), help="folder with 4v4r.mrc and 4v94.mrc")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", default="E", help="beginnings of the names of cases, with commas")
    parser.add_argument("--nulls", action="store_true", help="ask for the verdict in every case, not in E4 alone")
    parser.add_argument("--write", action="store_true", help="keep the result in results/classification_projections.md")
    options = parser.parse_args()
    say = lambda line: print(line, flush=True)  # noqa: E731
    table = run(options.maps, options.seeds, options.count, options.only, options.nulls, say)
    text = f"""{options.count} projections of {EDGE}^2 pixels of {RATE:g} Å, exact poses, compared up to {RESOLUTION:g} Å in cones
of {DISTANCE:g} degrees, {STEP:g} degrees apart. The part is a compact one of {100 * ABSENT:.1f} % of the mass of 4v4r. d' is the
norm of the difference in an image up to that resolution over the noise of a pixel. Numbers are shares of particles that are right
(of unequal classes the mean over classes; ARI and ECE as named). Difference: mean correlation with the true one, by shell.

{as_markdown(table)}"""
    finish("classification_projections", text, options.write)


if __name__ == "__main__":
    main()
