"""The options of training, for the program of the network and for the one that runs the whole consensus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tomo_particles.core.errors import InputError, parameter

from .program import Program, say

RECIPES = ("consensus", "paper")
TUNED_OPTIONS = {"learning_rate": "--learningRate", "l2": "--l2", "epochs": "--epochs", "augment": "--noAugment"}  # of a tuning
TRAINING_OPTIONS = (
    "== Training ==",
    " [--recipe <name=consensus>] : how the final score (column CoordConsScore) is computed. consensus: probability from "
    "network score, votes and picker scores; the network trains on all merged picks, with labels from the agreement of the "
    "pickers. paper: network score alone; the network trains on agreed picks against noise. Only these labels and this score "
    "are as published: merging (complete linkage), three folds, cosine schedule of the learning rate and class balance are ours "
    "in both recipes",
    " [--network <name=small>] : small, or reference: the network of the thesis",
    " [--epochs <int=12>] : maximum number of epochs. An epoch shows 2400 to 4000 subtomograms: small sets are repeated, large "
    "sets are sampled",
    " [--batch <int=32>] : subtomograms per training step, in total over all GPUs and machines. With more GPUs or machines each "
    "of them gets fewer subtomograms; the number of steps and the learning rate do not change",
    " [--learningRate <double=0.001>] : learning rate at the start; it decays towards zero",
    " [--l2 <double=0.0001>] : strength of the L2 regularisation",
    " [--validation <double=0.15>] : fraction of the subtomograms held back to choose the best epoch",
    " [--folds <int=3>] : networks to train. Each is trained without one part of the tomograms, and scores that part",
    " [--noAutoStop] : run all epochs, even if the validation loss no longer improves",
    " [--noAugment] : no data augmentation (mirrors and 180 degree rotations, which keep the missing wedge; shifts; changes of "
    "contrast; for the small network also rotations of up to 30 degrees about the tilt axis)",
    " [--settings <file>] : settings that a tuning chose (xmipp_deep_picking_consensus_tomo --mode tuning): --learningRate, "
    "--l2, --epochs, --noAugment. An option that is given here counts, not the file",
    " [--inputModel <file>] : continue the training of this model",
    ' [--gpus <list="">] : numbers of the GPUs to use, such as 0 or 0,1. Empty: CPU',
)


@dataclass(frozen=True)
class TrainingSettings:
    """The values of the training options; the library checks them."""

    network: str = "small"
    epochs: int = 12
    batch: int = 32
    learning_rate: float = 1e-3
    l2: float = 1e-4
    validation: float = 0.15
    folds: int = 3
    auto_stop: bool = True
    augment: bool = True
    input_model: str | None = None
    settings_file: str | None = field(default=None, repr=False)  # its values are those above
    gpus: str = field(default="", repr=False)  # changes no result, so that `Steps` ignores it
    recipe: str = "consensus"

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise InputError(f"{parameter('recipe')}: must be {' or '.join(RECIPES)}, received '{self.recipe}'")


def read_training_settings(program: Program) -> TrainingSettings:
    """The values of TRAINING_OPTIONS of a program that defines them; what a settings file changes is said."""
    settings = TrainingSettings(
        network=program.getParam("--network"),
        epochs=program.integer("--epochs"),
        batch=program.integer("--batch"),
        learning_rate=program.number("--learningRate"),
        l2=program.number("--l2"),
        validation=program.number("--validation"),
        folds=program.integer("--folds"),
        auto_stop=not program.checkParam("--noAutoStop"),
        augment=not program.checkParam("--noAugment"),
        input_model=program.optional_path("--inputModel"),
        settings_file=program.optional_path("--settings"),
        gpus=program.getParam("--gpus"),
        recipe=program.getParam("--recipe"),
    )
    return _with_file(settings, given_settings(program)) if settings.settings_file else settings


def given_settings(program: Program) -> tuple[str, ...]:
    """The names of the settings that a tuning can choose, and that the command line gives."""
    return tuple(name for name, option in TUNED_OPTIONS.items() if option in program.given)


def _with_file(settings: TrainingSettings, given: Sequence[str]) -> TrainingSettings:
    """The settings with those of their file that are not given as options."""
    from tomo_particles.learning.tuned_settings import read_settings

    path = settings.settings_file or ""
    found = read_settings(path)
    used = {name: value for name, value in found.items() if name not in given}
    shown = ", ".join(f"{name} {value}" for name, value in used.items()) or "nothing"
    passed = "".join(f"; {TUNED_OPTIONS[name]} of the command line counts" for name in found if name in given)
    say(f"settings of '{path}': {shown}{passed}")
    return replace(settings, **used)
