"""The configuration of a model, stored in the model file, and of its training; both are checked when they are made, without
TensorFlow."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..core.coordinates import same_sampling_rate
from ..core.errors import InputError, parameter
from .folds import Region
from .model_files import read_model_texts
from .network_input import input_edge, require_architecture

SMALL_MIN_BOX, REFERENCE_MIN_BOX = 8, 22  # voxels; below 22 the third unpadded convolution of 'reference' has no room
MAX_BOX = 256  # voxels: a larger box does not fit a training batch
NORMALISATION = "box"  # each network input by itself: zero mean, unit deviation
# Of the model file; raise VERSION if it would be read otherwise. In version 2 the network 'small' had a pool.
VERSION, READABLE = 3, (2, 3)
MAX_FOLDS = 10
MOST_IN_BATCH = 4096  # boxes: more need gigabytes of memory


def require(condition: bool, name: str, expected: str, received: object) -> None:
    """Raise InputError naming the parameter where a condition does not hold."""
    if not condition:
        raise InputError(f"{parameter(name)}: expected {expected}, received {received!r}")


def is_number(value: object, low: float, high: float) -> bool:
    """Whether a value of JSON is a number within these limits."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high


def is_int(value: object, low: int, high: int) -> bool:
    """Whether a value of JSON is a whole number within these limits."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def require_batch_size(value: object) -> None:
    """Raise InputError for a number of boxes that make no batch."""
    require(is_int(value, 1, MOST_IN_BATCH), "batch_size", f"1 to {MOST_IN_BATCH}", value)


@dataclass(frozen=True)
class NetworkConfig:
    """What a model is, checked on loading. Raises InputError naming the parameter of a value that cannot be.

    box_size: voxels.  sampling_rate: Å/voxel.  folds: number of networks.  regions: of the folds; network k was not
    trained in those of fold k, and it alone scores there. None for a single network.
    """

    box_size: int
    sampling_rate: float
    architecture: str = "small"
    folds: int = 3
    seed: int = 1
    regions: tuple[Region, ...] = ()
    normalisation: str = NORMALISATION
    version: int = VERSION

    def __post_init__(self) -> None:
        readable = " or ".join(map(str, READABLE))
        require(self.version in READABLE, "version", f"{readable} (train the model again with this program)", self.version)
        require_architecture(self.architecture, parameter("network"))
        low = SMALL_MIN_BOX if self.architecture == "small" else REFERENCE_MIN_BOX
        require(
            is_int(self.box_size, low, MAX_BOX),
            "box_size",
            f"{low} to {MAX_BOX} voxels for the network '{self.architecture}'",
            self.box_size,
        )
        require(is_number(self.sampling_rate, 1e-3, 1e4), "sampling_rate", "a positive number of Å/voxel", self.sampling_rate)
        require(is_int(self.folds, 1, MAX_FOLDS), "folds", f"1 to {MAX_FOLDS}", self.folds)
        require(is_int(self.seed, 0, 2**31 - 1), "seed", "a whole number that is not negative", self.seed)
        require(self.normalisation == NORMALISATION, "normalisation", repr(NORMALISATION), self.normalisation)
        require(all(0 <= region.fold < self.folds for region in self.regions), "regions", f"folds below {self.folds}", "more")

    @property
    def input_size(self) -> int:
        """Edge of the network input, voxels."""
        return input_edge(self.architecture, self.box_size)

    def to_json(self) -> str:
        """The text stored in the model file; an open end of a region is null."""
        values = asdict(self)
        values["regions"] = [open_ended(region) for region in values["regions"]]
        return json.dumps(values, allow_nan=False, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> NetworkConfig:
        """The opposite of `to_json`. Raises InputError for anything but exactly its keys with values of its types."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InputError(f"the description of the model is not JSON ({error})") from error
        require_keys(values, NetworkConfig, "the description of the model")
        require(isinstance(values["regions"], list), "regions", "a list", values["regions"])
        return NetworkConfig(**{**values, "regions": tuple(map(read_region, values["regions"]))})


def require_keys(values: Any, of: type, what: str) -> dict[str, Any]:
    """The values of an object of JSON, if it has exactly the fields of `of`. Raises InputError."""
    expected = {field.name for field in fields(of)}
    if not isinstance(values, dict) or set(values) != expected:
        received = ", ".join(sorted(values)) if isinstance(values, dict) else type(values).__name__
        raise InputError(f"{what}: expected {', '.join(sorted(expected))}; received {received}")
    return values


def open_ended(region: dict[str, Any]) -> dict[str, Any]:
    """The fields of a region for JSON, which has no infinity: an open end is null."""
    return {name: None if name in ("start", "stop") and not math.isfinite(value) else value for name, value in region.items()}


def read_region(values: Any) -> Region:
    """The opposite of `open_ended`. Raises InputError for anything else."""
    require_keys(values, Region, "a region of the model")
    ends = {"start": -math.inf, "stop": math.inf}
    for name in ends:
        require(values[name] is None or is_number(values[name], -1e9, 1e9), name, "a number or null", values[name])
        ends[name] = ends[name] if values[name] is None else float(values[name])
    require(isinstance(values["tomo_id"], str), "tomo_id", "a text", values["tomo_id"])
    require(is_int(values["axis"], 0, 2), "axis", "0, 1 or 2", values["axis"])
    require(is_int(values["fold"], 0, MAX_FOLDS - 1), "fold", f"0 to {MAX_FOLDS - 1}", values["fold"])
    return Region(values["tomo_id"], values["axis"], ends["start"], ends["stop"], values["fold"])


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. Raises InputError naming the parameter of a value that cannot be.

    epochs: rounds of training, each followed by a validation. A round is one pass over the examples. It is several passes
    if there are fewer examples than the first of `views`, and a part of them if there are more than the second, so that the time
    grows slowly with the number of picks.
    validation: fraction of a network's examples it does not learn from, on which the best epoch is chosen.
    auto_stop: stop once the validation loss has not improved for `patience` epochs.
    """

    epochs: int = 12
    batch_size: int = 32
    learning_rate: float = 1e-3
    l2: float = 1e-4
    validation: float = 0.15
    auto_stop: bool = True
    patience: int = 4
    augment: bool = True
    views: tuple[int, int] = (2400, 4000)

    def __post_init__(self) -> None:
        require(is_int(self.epochs, 1, 10_000), "epochs", "1 or more", self.epochs)
        require_batch_size(self.batch_size)
        require(is_number(self.learning_rate, 1e-9, 1), "learning_rate", "a number above 0, at most 1", self.learning_rate)
        require(is_number(self.l2, 0, 10), "l2", "0 to 10", self.l2)
        require(is_number(self.validation, 0.01, 0.5), "validation", "a fraction from 0.01 to 0.5", self.validation)
        require(is_int(self.patience, 1, 10_000), "patience", "1 or more", self.patience)


def read_config(
    path: str | os.PathLike,
    *,
    box_size: int | None = None,
    sampling_rate: float | None = None,
    option: str = parameter("model"),
) -> NetworkConfig:
    """What a model file says of its networks.

    box_size (voxels), sampling_rate (Å/voxel): what the model must have been trained at, where given.
    Raises InputError naming `option`, the file and the remedy, for a file that is not ours or does not fit.
    """
    description, _ = read_model_texts(path, option)
    try:
        config = NetworkConfig.from_json(description)
    except InputError as error:
        raise InputError(f"{option}: '{path}' has a wrong description: {error}; train a new model") from error
    if box_size is not None and box_size != config.box_size:
        raise InputError(
            f"{option}: '{path}' was trained at a box size of {config.box_size} voxels, "
            f"{parameter('box_size')} is {box_size}; use {config.box_size}, or train a new model"
        )
    if sampling_rate is not None and not same_sampling_rate(sampling_rate, config.sampling_rate):
        raise InputError(
            f"{option}: '{path}' was trained at {config.sampling_rate} Å/voxel, "
            f"{parameter('sampling_rate')} is {sampling_rate}; use {config.sampling_rate}, or train a new model"
        )
    return config


def check_start(config: NetworkConfig, start: NetworkConfig) -> None:
    """Raise InputError where a training cannot go on from a model that says `start`."""
    for called, name in (("network", "architecture"), ("box_size", "box_size"), ("folds", "folds")):
        wanted, received = getattr(config, name), getattr(start, name)
        if wanted != received:
            option = parameter(called)
            raise InputError(
                f"{parameter('input_model')}: the model to continue from has {option} {received}, this training "
                f"{wanted}; use {option} {received}, or train a new model"
            )


def gpu_numbers(gpus: str) -> list[int]:
    """The GPUs of a list such as "0,1"; none for the CPU. Raises InputError for what is no such list."""
    parts = [part.strip() for part in gpus.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise InputError(
            f"{parameter('gpus')}: expected numbers separated by commas, such as 0,1, or \"\" for the CPU; received '{gpus}'"
        )
    return list(dict.fromkeys(map(int, parts)))
