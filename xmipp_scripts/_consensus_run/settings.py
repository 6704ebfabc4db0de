"""The settings of a run as the options that give them."""

from __future__ import annotations

from .._shared.as_options import as_options
from .config import PipelineConfig

OPTIONS = {  # of the fields of PipelineConfig, then of those of its TrainingSettings
    "tomograms": "--tomograms",
    "picks": "--picks",
    "box_size": "--boxsize",
    "number": "--number",
    "threshold": "--threshold",
    "truth": "--truth",
    "lie": "--lie",
    "sampling_rate": "--samplingrate",
    "tomogram_sampling_rate": "--tomogramSamplingrate",
    "derived": "--derived",
    "picks_sampling_rates": "--picksSamplingrates",
    "radius": "--radius",
    "representative": "--constype",
    "symmetry": "--symmetry",
    "noise_amount": "--noise",
    "noise_radius": "--noiseRadius",
    "noise_static": "--noiseStatic",
    "mask": "--mask",
    "invert": "--invert",
    "border": "--border",
    "diameter": "--diameter",
    "tilts": "--tilts",
    "move": "--keepCentres",
    "voting": "--voting",
    "skip_training": "--skipTraining",
    "report": "--noReport",
    "threads": "--threads",
    "seed": "--seed",
    "recipe": "--recipe",
    "network": "--network",
    "epochs": "--epochs",
    "batch": "--batch",
    "learning_rate": "--learningRate",
    "l2": "--l2",
    "validation": "--validation",
    "folds": "--folds",
    "auto_stop": "--noAutoStop",
    "augment": "--noAugment",
    "input_model": "--inputModel",
    "settings_file": "--settings",
    "gpus": "--gpus",
}
NEGATED = {"move", "report", "auto_stop", "augment"}  # the option says that it is not so
OF_NOISE = {"noise_amount", "noise_radius", "noise_static", "mask"}
NOT_WITH_VOTES = OF_NOISE | {"threshold", "invert", "border", "diameter", "tilts", "move"}


def settings_of(config: PipelineConfig) -> dict[str, str]:
    """The value of each option that had a meaning in the run."""
    values = {**vars(config), **({} if config.voting else vars(config.training))}
    unused = NOT_WITH_VOTES if config.votes_only else set()
    used = {name: option for name, option in OPTIONS.items() if name in values and name not in unused}
    return as_options(values, used, NEGATED)
