"""The options that every program has which averages picks."""

from __future__ import annotations

from typing import Any

from .._shared.averaging_options import TILTS, read_each_tilts
from .._shared.program import Program

PARTICLE_OPTIONS = (
    "  --diameter <double> : diameter of the particle in A; the box has 1.6 diameters",
    " [--tilts <...>] : first and last tilt angle about y, in degrees, once for all tomograms or once for each in their "
    "order; they define the missing wedge. Default: -60 60",
    " [--symmetry <name=c1>] : symmetry of the particle: c1, c2, ..., d2, ..., t, o, i1, i2. A wrong symmetry lowers the "
    "resolution but is not detected: average with c1 too, and compare",
)
SEARCH_OPTIONS = (
    " [--lowpass <double=60>] : resolution of the first rounds, A",
    " [--finest <double>] : finest resolution at which picks are compared, A; default: that of the sampling. It is "
    "reached only if the halves agree there",
    " [--iter <int=12>] : most rounds of a free start",
    " [--starts <int=3>] : random starts of each half; after half of the rounds only the best goes on",
)
DATA_OPTIONS = (
    " [--bright] : particles are bright in the tomograms; default: dark",
    " [--samplingrate <double>] : A/voxel of the picks, if their file does not say it; default: that of the tomograms",
    " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one",
    " [--threads <int=2>] : CPU threads; the result does not depend on them",
    " [--seed <int=1>] : seed of every random choice",
)
OPTIONS = {  # of the fields that `read_averaging_options` gives
    "tomograms": "--tomograms",
    "diameter": "--diameter",
    "tilts": "--tilts",
    "symmetry": "--symmetry",
    "lowpass": "--lowpass",
    "finest": "--finest",
    "rounds": "--iter",
    "starts": "--starts",
    "bright": "--bright",
    "sampling_rate": "--samplingrate",
    "tomogram_sampling_rate": "--tomogramSamplingrate",
    "threads": "--threads",
    "seed": "--seed",
}


def read_averaging_options(program: Program) -> dict[str, Any]:
    """The values of all three as fields of `AverageConfig`."""
    optional = lambda option: program.number(option) if program.checkParam(option) else None  # noqa: E731
    return {
        "tomograms": tuple(program.optional_list("--tomograms")),
        "odir": program.getParam("--odir"),
        "diameter": program.number("--diameter"),
        "tilts": read_each_tilts(program) or TILTS,
        "symmetry": program.getParam("--symmetry"),
        "lowpass": program.number("--lowpass"),
        "finest": optional("--finest"),
        "rounds": program.integer("--iter"),
        "starts": program.integer("--starts"),
        "bright": program.checkParam("--bright"),
        "sampling_rate": optional("--samplingrate"),
        "tomogram_sampling_rate": optional("--tomogramSamplingrate"),
        "threads": program.integer("--threads"),
        "seed": program.integer("--seed"),
    }
