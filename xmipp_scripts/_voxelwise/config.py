"""The options of xmipp_train_picker_tomo and xmipp_deep_pick_tomo, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tomo_particles.core.errors import InputError
from tomo_particles.learning.voxels.recipes import CLUSTERINGS, LOSSES, RECIPES, TARGETS, Recipe

from .._shared.picker_output import require_distinct, require_pick_file
from .._shared.program import require_positive

SOURCES = {"coordinates": "--coordinates", "consensus": "--consensus", "simulation": "--simulation"}


@dataclass(frozen=True)
class TrainConfig:
    """What a picker learns from, and how. diameter: Å; patch: voxels; minutes or steps: of each network."""

    output: str
    tomograms: tuple[str, ...] = ()
    coordinates: str | None = None
    partial: bool = False
    consensus: str | None = None
    soft: bool = False
    simulation: str | None = None
    classes: str | None = None
    diameter: float | None = None
    recipe: str = "unet"
    target: str | None = None
    loss: str | None = None
    width: float = 1.0
    patch: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    minutes: float = 10.0
    steps: int | None = None
    folds: int = 3
    beta: float = 1.0
    mirror: bool = False
    input_model: str | None = None
    tomogram_sampling_rate: float | None = None
    seed: int = 1
    gpus: str = field(default="", repr=False)  # changes no result
    threads: int = field(default=2, repr=False)

    def __post_init__(self) -> None:
        if Path(self.output).suffix != ".h5":
            raise InputError(f"-o: a model of a voxel-wise picker ends in .h5, received '{self.output}'")
        given = [option for name, option in SOURCES.items() if getattr(self, name)]
        if len(given) != 1:
            options = ", ".join(SOURCES.values())
            raise InputError(f"{given[1] if given else '--coordinates'}: give one of {options}, received {len(given)} of them")
        if self.coordinates and not self.tomograms:
            raise InputError("--tomograms: required with --coordinates")
        if not self.coordinates and self.tomograms:
            raise InputError(f"--tomograms: has no meaning with {given[0]}, which names its own; leave it out")
        require_distinct(self.tomograms, "--tomograms", "tomogram")
        if self.partial and not self.coordinates:
            raise InputError("--labels: has a meaning with --coordinates only; leave it out")
        if self.soft and not self.consensus:
            raise InputError("--doubtful: has a meaning with --consensus only; leave it out")
        self._check_classes()
        self._check_recipe()
        for value, option in ((self.minutes, "--minutes"), (self.beta, "--beta"), (self.threads, "--threads")):
            require_positive(value, option)
        if self.steps is not None:
            require_positive(self.steps, "--steps")

    def _check_classes(self) -> None:
        if self.diameter is not None:
            require_positive(self.diameter, "--diameter", "Å")
            if self.classes:
                raise InputError(
                    "--diameter: has no meaning with --classes, which says the size of each class; give one of the two"
                )
        elif self.consensus:
            raise InputError("--diameter: required with --consensus: merged picks are one class")
        elif not self.classes and not self.simulation:
            raise InputError("--classes: give the table of the classes, or --diameter if there is one class only")
        if self.consensus and self.classes:
            raise InputError("--classes: merged picks are one class; give --diameter instead")

    def _check_recipe(self) -> None:
        for value, choices, option in (
            (self.recipe, tuple(RECIPES), "--recipe"),
            (self.target or self.how.target if self.recipe in RECIPES else "", TARGETS, "--target"),
            (self.loss or self.how.loss if self.recipe in RECIPES else "", LOSSES, "--loss"),
        ):
            if value not in choices:
                raise InputError(f"{option}: must be one of {', '.join(choices)}, received '{value}'")
        if ((target := self.target or self.how.target) == "centre") != self.how.valid:
            raise InputError(f"--target: a network '{self.recipe}' cannot learn the target '{target}'; leave it out")
        if (target == "heatmap") != ((self.loss or self.how.loss) == "bce"):
            raise InputError("--loss: bce is the loss of --target heatmap, and of no other target; give both or none")
        if self.how.denoises and not self.simulation:
            raise InputError(f"--recipe: {self.recipe} learns from the noise-free density too, which only --simulation has")
        if self.patch is not None and (self.patch < self.how.multiple or self.patch % self.how.multiple):
            raise InputError(
                f"--patch: must be a multiple of {self.how.multiple} voxels for --recipe {self.recipe}, received {self.patch}"
            )
        if self.how.valid and self.patch not in (None, self.how.patch):
            raise InputError(f"--patch: --recipe {self.recipe} sees {self.how.patch} voxels and no other number; leave it out")
        for number, option in ((self.batch, "--batch"), (self.learning_rate, "--learningRate")):
            if number is not None:
                require_positive(number, option)

    @property
    def how(self) -> Recipe:
        """The recipe."""
        return RECIPES[self.recipe]

    def beside(self, ending: str) -> Path:
        """A file beside the model."""
        return Path(self.output).with_name(Path(self.output).stem + ending)


@dataclass(frozen=True)
class DeepPickConfig:
    """Picking with a model. thresholds: by class, "" for all; number: of each tomogram, the best; bandwidth: Å."""

    tomograms: tuple[str, ...]
    model: str
    output: str
    cluster: str | None = None
    bandwidth: float | None = None
    thresholds: tuple[tuple[str, float], ...] = ()
    number: int | None = None
    turns: bool = False
    scoremaps: str | None = None
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
