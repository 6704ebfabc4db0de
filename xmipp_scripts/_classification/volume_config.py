"""The options of xmipp_run_split_volume, checked."""

from __future__ import annotations

from dataclasses import dataclass

from tomo_particles.core.errors import InputError
from tomo_particles.geometry.symmetry import symmetry_group

from .._shared.program import require_positive
from .config import MOST_CLASSES

RECIPES = ("crossfit", "thesis")
FINEST, COARSEST = 2.0, 45.0  # degrees of the angular sampling
WIDEST = 45.0  # degrees
PUBLISHED = 7.5  # degrees, of sampling and distance


@dataclass(frozen=True)
class VolumeConfig:
    """A split of projections; lengths in Å, angles in degrees.

    step, distance, resolution None: as data say; with the recipe of the thesis 7.5 degrees and all pixels.  diameter None: that
    of the largest ball in a box.  resize: pixels.  flipped: whether phases were corrected.  rounds: of refinement.
    """

    input: str
    odir: str
    mask: str | None = None
    diameter: float | None = None
    symmetry: str = "c1"
    step: float | None = None
    distance: float | None = None
    max_resolution: float | None = None
    resize: int | None = None
    sampling_rate: float | None = None
    flipped: bool = False
    classes: int = 2
    recipe: str = "crossfit"
    rounds: int = 2
    threads: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        symmetry_group(self.symmetry)
        for value, option, unit in (
            (self.diameter, "--diameter", "Å"),
            (self.distance, "--angularDistance", "degrees"),
            (self.max_resolution, "--maxResolution", "Å"),
            (self.sampling_rate, "--samplingrate", "Å/pixel"),
            (self.threads, "--threads", ""),
        ):
            if value is not None:
                require_positive(value, option, unit)
        if self.step is not None and not FINEST <= self.step <= COARSEST:
            raise InputError(f"--angularSampling: must lie between {FINEST:g} and {COARSEST:g} degrees, received {self.step:g}")
        if self.distance is not None and self.distance > WIDEST:
            raise InputError(f"--angularDistance: must be at most {WIDEST:g} degrees, received {self.distance:g}")
        if not 2 <= self.classes <= MOST_CLASSES:
            raise InputError(f"--classes: must lie between 2 and {MOST_CLASSES}, received {self.classes}")
        if self.rounds < 0 or self.seed < 0:
            raise InputError(f"{'--iter' if self.rounds < 0 else '--seed'}: must be 0 or more")
        if self.recipe == "thesis" and (self.classes > 2 or self.max_resolution is not None):
            option = "--classes" if self.classes > 2 else "--maxResolution"
            raise InputError(
                f"{option}: the recipe of the thesis has no such step; leave the option out, or use the other recipe"
            )
