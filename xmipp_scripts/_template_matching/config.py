"""The options of xmipp_template_matching_tomo, checked."""

from __future__ import annotations

from dataclasses import dataclass

from tomo_particles.core.errors import InputError

from .._shared.picker_output import require_distinct, require_pick_file
from .._shared.program import require_positive

SELECTIONS = ("all", "thresholded", "filtered")


@dataclass(frozen=True)
class TemplateMatchingConfig:
    """A search of some tomograms with some templates; lengths in Å, angles in degrees, kV, mm, defocus in µm (0: no CTF)."""

    tomograms: tuple[str, ...]
    templates: tuple[str, ...]
    output: str
    template_mask: str | None = None
    mask: tuple[str, ...] = ()
    diameters: tuple[float, ...] = ()
    tilts: tuple[float, float] | None = (-60.0, 60.0)
    angular_step: float | None = None
    lowpass: float | None = None
    defocus: float = 0.0
    voltage: float = 300.0
    spherical_aberration: float = 2.7
    amplitude_contrast: float = 0.08
    number: int | None = None
    threshold: float | None = None
    select: str = "all"
    scoremaps: str | None = None
    bright: bool = False
    whiten: bool = True
    coarse_first: bool = False
    template_sampling_rate: float | None = None
    tomogram_sampling_rate: float | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        require_distinct(self.tomograms, "--tomograms", "tomogram")
        require_distinct(self.templates, "--templates", "class")
        require_pick_file(self.output, "-o")
        require_positive(self.threads, "--threads")
        self._check_lengths()
        self._check_angles()
        self._check_selection()
        if self.coarse_first and self.scoremaps is not None:
            raise InputError("--coarseFirst: a map of scores needs every voxel; leave out --coarseFirst or --scoremaps")

    def _check_lengths(self) -> None:
        for diameter in self.diameters:
            require_positive(diameter, "--diameter", "Å")
        if self.diameters and len(self.diameters) not in (1, len(self.templates)):
            raise InputError(
                f"--diameter: {len(self.diameters)} values for {len(self.templates)} templates; give one, or one for each"
            )
        for value, option, unit in (
            (self.lowpass, "--lowpass", "Å"),
            (self.template_sampling_rate, "--templateSamplingrate", "Å/voxel"),
            (self.tomogram_sampling_rate, "--tomogramSamplingrate", "Å/voxel"),
        ):
            if value is not None:
                require_positive(value, option, unit)

    def _check_angles(self) -> None:
        if self.angular_step is not None and not 1 <= self.angular_step <= 90:
            raise InputError(f"--angularstep: must lie between 1 and 90 degrees, received {self.angular_step:g}")
        if self.tilts is not None and not -90 < self.tilts[0] < self.tilts[1] < 90:
            raise InputError(
                f"--tilts: expected the first and the last tilt, between -90 and 90 degrees and rising, received "
                f"{self.tilts[0]:g} {self.tilts[1]:g}"
            )

    def _check_selection(self) -> None:
        if self.select not in SELECTIONS:
            raise InputError(f"--select: must be one of {', '.join(SELECTIONS)}, received '{self.select}'")
        if self.number is not None and self.threshold is not None:
            raise InputError("--threshold: the best --number picks have a threshold of their own; give one of the two")
        if self.number is not None:
            require_positive(self.number, "--number", "picks of each template in each tomogram")
        if self.threshold is not None and not -1 <= self.threshold < 1:
            raise InputError(f"--threshold: a correlation lies between -1 and 1, received {self.threshold:g}")
