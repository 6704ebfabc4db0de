"""Arguments of the programs that average picks; nothing of Scipion here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..shared.program_steps import Arguments


@dataclass(frozen=True)
class AveragingOptions:
    """How to average. diameter and lowpass Å, rate Å/voxel of the tomograms, tilts first and last of each of them, degrees."""

    tomograms: Sequence[str]
    rate: float
    tilts: Sequence[tuple[float, float]]
    diameter: float
    symmetry: str
    lowpass: float
    bright: bool
    threads: int
    seed: int

    def arguments(self, folder: str) -> Arguments:
        """Average into a folder."""
        return ["--tomograms", *self.tomograms, "--tomogramSamplingrate", self.rate, "--odir", folder,
                "--tilts", *(angle for pair in self.tilts for angle in pair), "--diameter", self.diameter,
                "--symmetry", self.symmetry, "--lowpass", self.lowpass, *(["--bright"] if self.bright else []),
                "--threads", self.threads, "--seed", self.seed]


def average_arguments(picks: str, folder: str, options: AveragingOptions, *, start: str, weigh_by_score: bool) -> Arguments:
    """Average the picks of one file into a folder; start: free or angles."""
    return ["--picks", picks, *options.arguments(folder), "--start", start, *(["--weighByScore"] if weigh_by_score else [])]


def resolution_arguments(halves: Sequence[str], mask: str, coverage: str, folder: str, *, seed: int) -> Arguments:
    """Measure by direction and at each voxel how far two half maps agree."""
    return ["--half1", halves[0], "--half2", halves[1], "--mask", mask, "--coverage", coverage, "--odir", folder, "--seed", seed]


def boxes_arguments(tomogram: str, centres: str, folder: str, *, rate: float, box: int, invert: bool, threads: int) -> Arguments:
    """Cut the particles of one tomogram out, each into a file of its own; rate: Å/voxel of all of it, box: voxels."""
    return ["--tomogram", tomogram, "--tomogramSamplingrate", rate, "--coordinates", centres, "--boxsize", box, "-o", folder,
            "--samplingrate", rate, "--normalize", *(["--invert"] if invert else []), "--individual", "--threads", threads]


def branches_arguments(branches: Mapping[str, str], folder: str, options: AveragingOptions, *, shared_poses: bool) -> Arguments:
    """Compare pick files, given by the names of their branches."""
    return ["--branches", *(f"{name}={path}" for name, path in branches.items()), *options.arguments(folder),
            *(["--sharedPoses"] if shared_poses else [])]
