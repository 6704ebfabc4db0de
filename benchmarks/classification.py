"""Two structures in one set of subtomograms: is it said, and how many particles are right, beside what others would do.

E4 and E6 of the contract: one structure, and a ribosome that lacks a compact part in half of the particles. Every particle has a
tilt series of its own with white noise. Cases that were measured stay in the folder and are not run again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from _report import as_markdown, commit, finish
from scipy.cluster.vq import kmeans2

from tomo_particles.averaging.average import all_turned_back, sum_of
from tomo_particles.averaging.extracted_boxes import ExtractedBoxes
from tomo_particles.averaging.poses import Poses
from tomo_particles.averaging.search import mask_of
from tomo_particles.classification import residuals as of_residuals
from tomo_particles.classification.nuisances import directions_of, nuisances_of
from tomo_particles.classification.observations import Space, dot, observe
from tomo_particles.classification.residuals import consensus_of
from tomo_particles.classification.split_set import on_grid_of, split_set
from tomo_particles.classification.two_classes import posterior
from tomo_particles.evaluation.calibration import expected_calibration_error
from tomo_particles.evaluation.class_agreement import adjusted_rand_index, right
from tomo_particles.simulation.labelled_subtomograms import Series, draw_labelled, labelled_box
from xmipp_scripts.simulate_particles_tomo import ParticlesConfig, _structures

EDGE, RATE, DIAMETER, RESOLUTION = 26, 15.0, 300.0, 60.0
COMPONENTS = 3  # of the PCA before k-means


class Particles:
    """Simulated particles of a case, with the poses that are given."""

    def __init__(self, maps: Path, count: int, separation: float, angle_error: float, one: bool, seed: int) -> None:
        series = Series(EDGE, RATE, np.arange(-60.0, 60.1, 3.0))
        config = ParticlesConfig("", (str(maps),), box_size=EDGE, sampling_rate=RATE, absent=0.066)
        self.structures = _structures(config, series)
        drawn = draw_labelled(series, self.structures, (1, 1), count, separation, RESOLUTION, angle_error, seed)
        if one:
            drawn.labels[:] = 0
        cut = np.stack([labelled_box(series, self.structures, drawn, row, seed) for row in range(count)])
        self.labels, self.seed = drawn.labels, seed
        self.poses = Poses.of(drawn.given, drawn.shifts * RATE)
        self.boxes = ExtractedBoxes(EDGE, RATE, [""] * count, np.tile([-60.0, 60.0], (count, 1)), lambda row: cut[row])
        self.band = self.boxes.band(RESOLUTION)
        self.mask = mask_of(self.boxes.band(2 * RATE), DIAMETER, EDGE)
        self.particles = self.boxes.particles(self.band, np.arange(count))

    def oracle(self) -> np.ndarray:
        """Classes by whoever knows both structures, but has the given poses and must find scale and noise."""
        space = Space(self.band, on_grid_of(self.band, self.mask))
        seen = observe(self.particles, self.poses, space)
        consensus = consensus_of(seen)
        known = [self.band.volume(self.band.pack(one)) * space.mask for one in self.structures]
        middle = (known[0] + known[1]) / 2
        scale = float((middle * consensus.average).sum() / (middle**2).sum())
        one, other = (seen.of_volume(scale * volume) / consensus.noise for volume in known)
        return dot(seen.values / consensus.noise - (one + other) / 2, one - other) > 0

    def by_pca(self, differences: bool) -> np.ndarray:
        """Principal components and k-means, of the particles turned back, or of their wedge-masked differences (Heumann 2011)."""
        turned = all_turned_back(self.particles, self.poses)
        spectra = turned.spectra
        if differences:
            spectra = spectra - turned.seen * sum_of(turned, self.particles).average()
        coarse = on_grid_of(self.band, self.mask)
        volumes = (self.band.volume(spectra.astype(np.complex64)) * coarse).reshape(len(spectra), -1)
        left, sizes, _ = np.linalg.svd(volumes - volumes.mean(axis=0), full_matrices=False)
        return kmeans2(left[:, :COMPONENTS] * sizes[:COMPONENTS], 2, minit="++", seed=self.seed, iter=50)[1]

    def split(self) -> tuple[np.ndarray, bool, float, float]:
        """Log odds, whether two structures are supported, how far the halves agree, and how far classes follow a direction."""
        found = split_set(self.boxes, self.poses, np.arange(len(self.boxes)) % 2, self.mask, RESOLUTION, self.seed)
        directions = directions_of(self.poses.rotations.as_matrix().reshape(-1, 3, 3), tilted=True)
        followed = max(nuisances_of(found.log_odds, {}, directions, {}).values())
        return found.log_odds, found.supported, found.found.mean, followed


def measure(particles: Particles, one: bool) -> dict[str, float | str]:
    """The numbers of one case."""
    begin = time.process_time()
    log_odds, supported, agreement, follows = particles.split()
    seconds = time.process_time() - begin
    row: dict[str, float | str] = {"supported": "yes" if supported else "no", "agreement": agreement, "follows": follows}
    if not one:
        good = right(log_odds > 0, particles.labels)
        share = lambda found: float(right(found, particles.labels).mean())  # noqa: E731
        row |= {"oracle": share(particles.oracle()), "plain PCA": share(particles.by_pca(False))}
        row |= {"WMD PCA": share(particles.by_pca(True)), "ours": float(good.mean())}
        with patch.object(of_residuals, "explained_by", lambda consensus: [consensus.average]):
            row["ours, poses not fitted"] = share(_alone(particles))
        certain = np.maximum(posterior(log_odds), 1 - posterior(log_odds))
        row |= {"ARI": adjusted_rand_index(log_odds > 0, particles.labels), "ECE": expected_calibration_error(certain, good)}
    return row | {"CPU s": seconds}


def _alone(particles: Particles) -> np.ndarray:
    with patch("tomo_particles.classification.split_set.null_agreements", lambda *_: np.zeros(20)):
        return particles.split()[0] > 0


CASES = (  # d', degrees by which poses are off about each axis, whether all particles are of one structure
    ("E4, one structure", 6.0, 0.0, True),
    ("E6, d' 6", 6.0, 0.0, False),
    ("E6, d' 6, poses off by 5 degrees", 6.0, 5.0, False),
    ("E6, d' 4", 4.0, 0.0, False),
    ("E6, d' 4, poses off by 5 degrees", 4.0, 5.0, False),
    ("E6, d' 3", 3.0, 0.0, False),
)
SEEDS, NULL_SEEDS = (11, 12, 13), tuple(range(11, 21))


def kept_at(name: str, count: int, seed: int, folder: Path) -> Path:
    """Where the row of a case is, once it was measured."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in name)
    return folder / f"{plain}_{count}_{seed}.json"


def measured(case: tuple[str, float, float, bool], maps: Path, count: int, seed: int, folder: Path) -> dict:
    """The row of a case, from an earlier run of the bench or now."""
    name, separation, error, one = case
    kept = kept_at(name, count, seed, folder)
    if not kept.exists():
        row = {"case": name, "seed": seed, **measure(Particles(maps, count, separation, error, one, seed), one)}
        kept.write_text(json.dumps(row | {"commit": commit()}, indent=1, default=float), encoding="utf-8")
        print(row, flush=True)
    return json.loads(kept.read_text(encoding="utf-8"))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path("../shared/data/maps_10A"), help="folder with 4v4r.mrc")
    parser.add_argument("--folder", type=Path, default=Path("benchmark_output/classification"), help="what is there stays")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--null-seeds", type=int, nargs="+", default=NULL_SEEDS, help="of the case with one structure")
    parser.add_argument("--only", default="", help="beginning of the names of cases")
    parser.add_argument("--most", type=int, help="measure at most so many cases more")
    parser.add_argument("--write", action="store_true", help="keep the result in results/classification.md")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    cases = [
        (case, seed)
        for case in CASES
        if case[0].startswith(options.only)
        for seed in (options.null_seeds if case[3] else options.seeds)
    ]
    done = [(case, seed) for case, seed in cases if kept_at(case[0], options.count, seed, options.folder).exists()]
    todo = [one for one in cases if one not in done][: options.most]
    rows = [
        measured(case, options.maps / "4v4r.mrc", options.count, seed, options.folder)
        for case, seed in cases
        if (case, seed) in [*done, *todo]
    ]
    table = pd.DataFrame(rows)
    commits = ", ".join(sorted(table.pop("commit").unique()))
    table["supported"] = table["supported"].eq("yes").astype(float)
    means = table.drop(columns=["seed"]).groupby("case", sort=False).mean().reset_index()
    text = f"""{options.count} subtomograms of {EDGE}^3 voxels of {RATE:g} Å, tilts -60 to 60 in steps of 3 degrees, compared
up to {RESOLUTION:g} Å. E6: half of the particles lack a compact part of 6.6 % of the mass of 4v4r. d' is the
norm of the difference in all images of a particle over the noise of a pixel. Numbers are shares of particles
that are right (ARI, ECE as named). Follows: the share (its root) that the direction of view or of the tilt axis
explains of the log odds. PCA: {COMPONENTS} components and k-means. Agreement: of the differences of two halves
that never met. CPU seconds of one split, with the 20 simulated sets.
Measured with commit {commits}: {len(table)} of {len(cases)} sets.

Means over the seeds; supported: share of the sets:

{as_markdown(means)}

Every set; supported: 1 for yes:

{as_markdown(table.astype({"seed": str}))}"""
    finish("classification", text, options.write)


if __name__ == "__main__":
    main()
