"""The options of xmipp_average_subtomograms, checked."""

from __future__ import annotations

from dataclasses import dataclass

from tomo_particles.core.errors import InputError, parameter

from .._shared.averaging_options import TILTS, pairs_of
from .._shared.picker_output import require_distinct
from .._shared.program import require_positive

STARTS = ("free", "angles")
LEAST_DETAILS = 1.5  # diameters in units of the low-pass: a coarser one shows a ball


@dataclass(frozen=True)
class AverageConfig:
    """An average of the picks of some tomograms; lengths in Å, angles in degrees. finest None: as fine as the sampling."""

    tomograms: tuple[str, ...]
    picks: str
    odir: str
    diameter: float
    tilts: tuple[float, ...] = TILTS
    symmetry: str = "c1"
    start: str = "free"
    lowpass: float = 60.0
    finest: float | None = None
    rounds: int = 12
    starts: int = 3
    halves: bool = True
    weigh_by_score: bool = False
    bright: bool = False
    sampling_rate: float | None = None
    tomogram_sampling_rate: float | None = None
    threads: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        from tomo_particles.geometry.symmetry import symmetry_group

        require_distinct(self.tomograms, "--tomograms", "tomogram")
        symmetry_group(self.symmetry)
        if self.start not in STARTS:
            raise InputError(f"{parameter('start')}: must be {' or '.join(STARTS)}, received '{self.start}'")
        for value, option, unit in (
            (self.diameter, "--diameter", "Å"),
            (self.lowpass, "--lowpass", "Å"),
            (self.finest, "--finest", "Å"),
            (self.sampling_rate, "--samplingrate", "Å/voxel"),
            (self.tomogram_sampling_rate, "--tomogramSamplingrate", "Å/voxel"),
            (self.starts, "--starts", ""),
            (self.threads, "--threads", ""),
        ):
            if value is not None:
                require_positive(value, option, unit)
        if self.rounds < 2:
            raise InputError(f"--iter: a free start needs 2 rounds or more, received {self.rounds}")
        if self.seed < 0:
            raise InputError(f"--seed: must be 0 or more, received {self.seed}")
        if self.diameter < LEAST_DETAILS * self.lowpass:
            raise InputError(
                f"--lowpass: at {self.lowpass:g} Å a particle of {self.diameter:g} Å is a ball without a direction; "
                f"give {self.diameter / 2:.0f} or less"
            )
        if self.finest is not None and self.finest > self.lowpass:
            raise InputError(f"--finest: {self.finest:g} Å are coarser than --lowpass, {self.lowpass:g} Å; lower it")
        pairs_of(self.tilts, len(self.tomograms))

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """First and last tilt of each tomogram."""
        return pairs_of(self.tilts, len(self.tomograms))
