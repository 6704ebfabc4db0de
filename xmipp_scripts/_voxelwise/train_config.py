"""The options of xmipp_train_picker_tomo, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tomo_particles.core.errors import InputError
from tomo_particles.learning.voxels.recipes import LOSSES, RECIPES, TARGETS, Recipe, loss_fits

from .._shared.picker_output import require_distinct
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
    mask: tuple[str, ...] = ()
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
            if self.simulation:
                raise InputError(
                    "--diameter: has no meaning with --simulation, whose classes.csv has the size of each class; leave it out"
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
        if not self.how.learns(target := self.target or self.how.target):
            raise InputError(f"--target: a network '{self.recipe}' cannot learn the target '{target}'; leave it out")
        if not loss_fits(self.loss or self.how.loss, target):
            raise InputError("--loss: bce is the loss of --target heatmap, and of no other target; give both or none")
        if target == "shape" and not self.simulation:
            raise InputError("--target: shape needs the maps and the angles of --simulation; choose sphere")
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
