"""The options of xmipp_deep_pick_tomo, checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from tomo_particles.core.errors import InputError
from tomo_particles.learning.voxels.recipes import CLUSTERINGS

from .._shared.averaging_options import TILTS, check_tilts
from .._shared.picker_output import require_distinct, require_pick_file
from .._shared.program import require_positive


@dataclass(frozen=True)
class DeepPickConfig:
    """Picking with a model. thresholds: by class, "" for all; number: of each tomogram, the best; bandwidth: Å.

    identify: templates that name the picks and turn them; tilts, angular_step: degrees; lowpass: Å.
    """

    tomograms: tuple[str, ...]
    model: str
    output: str
    cluster: str | None = None
    bandwidth: float | None = None
    thresholds: tuple[tuple[str, float], ...] = ()
    number: int | None = None
    turns: bool = False
    scoremaps: str | None = None
    mask: tuple[str, ...] = ()
    identify: tuple[str, ...] = ()
    tilts: tuple[float, float] = TILTS
    angular_step: float | None = None
    lowpass: float | None = None
    seed: int = 1
    tomogram_sampling_rate: float | None = None
    gpus: str = field(default="", repr=False)
    threads: int = field(default=2, repr=False)

    def __post_init__(self) -> None:
        require_distinct(self.tomograms, "--tomograms", "tomogram")
        require_pick_file(self.output, "-o")
        require_positive(self.threads, "--threads")
        if self.cluster is not None and self.cluster not in CLUSTERINGS:
            raise InputError(f"--cluster: must be one of {', '.join(CLUSTERINGS)}, received '{self.cluster}'")
        if self.bandwidth is not None:
            require_positive(self.bandwidth, "--bandwidth", "Å")
        if self.number is not None:
            require_positive(self.number, "--number", "picks in each tomogram")
            if self.thresholds:
                raise InputError("--threshold: the best --number picks have a threshold of their own; give one of the two")
        require_distinct(self.identify, "--identify", "class")
        check_tilts(self.tilts, "--tilts")
        for value, option, unit in ((self.angular_step, "--angularstep", "degrees"), (self.lowpass, "--lowpass", "Å")):
            if value is not None:
                require_positive(value, option, unit)
                if not self.identify:
                    raise InputError(f"{option}: has a meaning with --identify only; leave it out")
        for name, value in self.thresholds:
            if not 0 <= value <= 1:
                raise InputError(f"--threshold: must lie between 0 and 1, received {value:g}{f' for {name}' if name else ''}")


def read_thresholds(texts: list[str]) -> tuple[tuple[str, float], ...]:
    """The pairs of `0.5 4cr2:0.7`: one number for all classes, and numbers of single classes. Raises InputError."""
    pairs = []
    for text in texts:
        name, _, value = text.rpartition(":")
        try:
            pairs.append((name, float(value)))
        except ValueError as error:
            raise InputError(f"--threshold: expected numbers such as 0.5, or class:number, received '{text}'") from error
    if len({name for name, _ in pairs}) < len(pairs):
        raise InputError("--threshold: a class is given twice, or there are two numbers for all classes; give each once")
    return tuple(pairs)
