"""Every choice of a run of the whole pipeline, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import require_file

from .._shared.averaging_options import TILTS, check_tilts
from .._shared.program import require_box_size, require_positive
from .._shared.training_options import TrainingSettings
from ..tomo_extract_subtomograms import BORDERS

if TYPE_CHECKING:
    from tomo_particles.formats.pick_source import PickSource


@dataclass(frozen=True)
class PipelineConfig:
    """Every choice of a run. Radii are fractions of the box, sampling rates Å/voxel (None: the first tomogram's).

    derived: pick files of pickers that learned from a consensus.  silent: those of `picks` that were followed to their end and
    found nothing; their files are not read.  diameter: of the particle, Å; without it
    there is no second look.  tilts: degrees.  move: to the centres of the average.
    """

    tomograms: tuple[str, ...]
    picks: tuple[str, ...]
    box_size: int
    odir: str
    number: int = 2
    threshold: float = 0.5
    truth: str | None = None
    lie: str | None = None
    sampling_rate: float | None = None
    tomogram_sampling_rate: float | None = None
    mask: tuple[str, ...] = ()
    picks_sampling_rates: tuple[float, ...] = ()
    derived: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    radius: float = 0.35
    representative: int = 2
    symmetry: str = "c1"
    noise_amount: float = 1.0
    noise_radius: float = 0.7
    noise_static: bool = False
    invert: bool = False
    border: str = "pad"
    diameter: float | None = None
    tilts: tuple[float, float] = TILTS
    move: bool = True
    voting: bool = False
    skip_training: bool = False
    report: bool = True
    threads: int = 2
    seed: int = 1
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        from tomo_particles.geometry.symmetry import symmetry_group

        require_box_size(self.box_size)
        symmetry_group(self.symmetry)
        for value, option in (
            (self.radius, "--radius"),
            (self.noise_radius, "--noiseRadius"),
            (self.noise_amount, "--noise"),
            (self.number, "--number"),
            (self.threads, "--threads"),
        ):
            require_positive(value, option)
        for rate, option in ((self.sampling_rate, "--samplingrate"), (self.tomogram_sampling_rate, "--tomogramSamplingrate")):
            if rate is not None:
                require_positive(rate, option, "Å/voxel")
        if self.diameter is not None:
            require_positive(self.diameter, "--diameter", "Å")
            if self.training.recipe != "consensus":
                raise InputError("--diameter: the second look needs scores of the recipe consensus; leave it out")
        check_tilts(self.tilts, "--tilts")
        if self.representative not in (0, 1, 2):
            raise InputError(f"--constype: must be 0 (first), 1 (centroid) or 2 (robust), received {self.representative}")
        if self.border not in BORDERS:
            raise InputError(f"--border: must be one of {', '.join(BORDERS)}, received '{self.border}'")
        if self.training.input_model:
            require_file(self.training.input_model, "--inputModel")
        if not 0 <= self.threshold <= 1:
            raise InputError(f"--threshold: must lie between 0 and 1, received {self.threshold}")
        if self.picks_sampling_rates and len(self.picks_sampling_rates) != len(self.picks):
            raise InputError(
                f"--picksSamplingrates: give one value a pick file ({len(self.picks)}), received {len(self.picks_sampling_rates)}"
            )
        if self.derived and self.voting:
            raise InputError(
                "--derived: the picks of derived pickers are scored by a network and have no votes; leave out --voting"
            )
        scores_only = self.skip_training and not self.voting  # a trained model can also score the picks of one picker
        if len(self.picks) < 2 and not scores_only:
            raise InputError(
                "--picks: a consensus needs the picks of at least two pickers, received one file; add another picker's, or give "
                "a trained model with --inputModel and --skipTraining"
            )
        if self.number > len(self.picks) and not scores_only:
            raise InputError(f"--number: {self.number} pickers cannot agree where there are {len(self.picks)}; lower it")
        if self.skip_training and not self.training.input_model:
            raise InputError("--skipTraining: needs a trained model; give it with --inputModel")

    def check_sources(self) -> None:
        """Raise InputError if two pickers, or references of both kinds, have the same picks. Reads the files."""
        every = [*self.sources["picks"], *self.sources["derived"]]
        refuse_same_picks((source.path, source.digest) for source in every if source.path not in self.silent)
        self.check_references()

    def check_references(self) -> None:
        """Raise InputError for references that are not there, and for the same ones of both kinds. Reads their files."""
        truths, lies = ([source.digest for source in self.sources[kind]] for kind in ("truth", "lie"))
        if truths and truths == lies:
            raise InputError(f"--lie: '{self.lie}' holds the same picks as --truth; a pick is one or the other")

    @property
    def votes_only(self) -> bool:
        """Whether nothing but the number of votes counts: no network, and no second look."""
        return self.voting and self.diameter is None

    @cached_property
    def sources(self) -> dict[str, list[PickSource]]:
        """Every file of picks by what it is of: the pickers' own (picks), those of derived pickers (derived), known particles
        (truth), known errors (lie)."""
        from tomo_particles.formats.pick_source import PickSource, SilentSource

        paths = {"picks": self.picks, "truth": (self.truth,), "lie": (self.lie,), "derived": self.derived}
        found = {kind: [PickSource(path, f"--{kind}") for path in given if path] for kind, given in paths.items()}
        found["picks"] = [SilentSource(own.path) if own.path in self.silent else own for own in found["picks"]]
        return found

    @property
    def every_source(self) -> list[PickSource]:
        """The sources of all kinds."""
        return [source for sources in self.sources.values() for source in sources]


def refuse_same_picks(pickers: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    """Raise InputError for two pickers, each a name and what tells its content, that have the same content."""
    seen: dict[tuple[str, ...], str] = {}
    for path, content in pickers:
        if content in seen:
            raise InputError(
                f"--picks: '{path}' and '{seen[content]}' hold the same picks; a picker counts once, give another picker's file"
            )
        seen[content] = path
