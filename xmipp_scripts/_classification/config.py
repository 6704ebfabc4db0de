"""The options of xmipp_split_subtomograms_tomo, checked."""

from __future__ import annotations

from dataclasses import dataclass

from tomo_particles.core.errors import InputError

from .._shared.averaging_options import pairs_of
from .._shared.picker_output import require_distinct
from .._shared.program import require_positive

MOST_CLASSES = 8


@dataclass(frozen=True)
class SplitConfig:
    """A split of subtomograms, or of the picks of some tomograms; lengths in Å, angles in degrees.

    tilts: first and last, once for all tomograms or once for each; empty: as the file of subtomograms says.
    diameter None: that of the largest ball in a box.
    """

    input: str
    odir: str
    tomograms: tuple[str, ...] = ()
    diameter: float | None = None
    tilts: tuple[float, ...] = ()
    mask: str | None = None
    max_resolution: float | None = None
    sampling_rate: float | None = None
    classes: int = 2
    threads: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        require_distinct(self.tomograms, "--tomograms", "tomogram")
        for value, option, unit in (
            (self.diameter, "--diameter", "Å"),
            (self.max_resolution, "--maxResolution", "Å"),
            (self.sampling_rate, "--samplingrate", "Å/voxel"),
            (self.threads, "--threads", ""),
        ):
            if value is not None:
                require_positive(value, option, unit)
        if not 2 <= self.classes <= MOST_CLASSES:
            raise InputError(f"--classes: must lie between 2 and {MOST_CLASSES}, received {self.classes}")
        if self.seed < 0:
            raise InputError(f"--seed: must be 0 or more, received {self.seed}")
        if self.tilts:
            pairs_of(self.tilts, max(1, len(self.tomograms)))
        if self.tomograms and self.diameter is None:
            raise InputError("--diameter: needed to cut particles from tomograms; give that of the particle in Å")
        if self.tomograms and not self.tilts:
            raise InputError(
                "--tilts: nothing says what the tilt series saw; give the first and the last tilt in degrees, for instance -60 60"
            )
