"""The options of xmipp_join_picks_tomo, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tomo_particles.core.errors import InputError

from .._shared.picker_output import require_distinct
from .._shared.program import require_place, require_positive


@dataclass(frozen=True)
class JoinConfig:
    """What is joined. diameter: of the particles, Å; picks within half of it are of one particle. truth: to learn the score from;
    without it, `fit` is read."""

    tomograms: tuple[str, ...]
    network: str
    network_maps: str
    template: str
    template_maps: str
    diameter: float
    output: str
    fit: str
    truth: str | None = None
    threshold: float | None = None
    tomogram_sampling_rate: float | None = None

    def __post_init__(self) -> None:
        require_distinct(self.tomograms, "--tomograms", "tomogram")
        require_positive(self.diameter, "--diameter", "Å")
        if Path(self.output).suffix.lower() != ".csv":
            raise InputError(f"-o: '{self.output}' must end in .csv; change its ending")
        if self.truth is not None and len(self.tomograms) < 2:
            raise InputError("--tomograms: to learn from --truth takes two tomograms or more: each is scored by the others")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InputError(f"--threshold: must lie between 0 and 1, received {self.threshold:g}")
        if self.truth is not None:
            require_place(self.fit, "--fit", "file")
