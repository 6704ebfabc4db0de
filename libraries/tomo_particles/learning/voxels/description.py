"""What the model file of a voxel-wise picker says: checked JSON, read without TensorFlow."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...core.errors import InputError, parameter
from ..configuration import is_int, is_number, open_ended, read_region, require, require_keys
from ..folds import Region
from ..model_files import read_attribute
from .recipes import CLUSTERINGS, LOSSES, RECIPES, TARGETS, Recipe
from .targets import ParticleClass

ATTRIBUTE = "tomo_particles_voxels"  # of the .h5 file
VERSION = 1
MAX_FOLDS, MAX_CLASSES, MAX_PATCH, MAX_KNOTS = 10, 200, 512, 20
MAX_TOMOGRAMS = 100_000


@dataclass(frozen=True)
class LearnedTomogram:
    """A tomogram that the networks were trained on: id, size x, y, z in voxels, robust centre and deviation of all its values."""

    tomo_id: str
    size: tuple[int, int, int]
    centre: float
    deviation: float


@dataclass(frozen=True)
class PickingRule:
    """How a map becomes picks, as chosen on out-of-fold maps.

    cluster: one of CLUSTERINGS.  tau: lowest value of the map that is looked at.  bandwidth: Å, of the mean shift.
    scores, probabilities: knots of the map's mean at a pick -> probability that it is a particle; none: uncalibrated.
    thresholds: lowest accepted score of each class.
    """

    cluster: str = "peaks"
    tau: float = 0.5
    bandwidth: float = 60.0
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()


@dataclass(frozen=True)
class VoxelModel:
    """What a model of a voxel-wise picker is. Raises InputError naming the parameter of a value that cannot be.

    sampling_rate: Å/voxel that the networks work at.  width: of the layers, 1: as the recipe has them.
    regions: of the folds; network k was not trained in those of fold k, and it alone picks there.
    tested: whether the rule was chosen on maps of what no network was trained on.
    density: mean number of particles per voxel in the training tomograms.  steps: of training, of each network.
    """

    recipe: str
    target: str
    loss: str
    patch: int
    sampling_rate: float
    classes: tuple[ParticleClass, ...]
    folds: int
    seed: int
    width: float = 1.0
    bright: bool = False
    regions: tuple[Region, ...] = ()
    tomograms: tuple[LearnedTomogram, ...] = ()
    rule: PickingRule = PickingRule()
    tested: bool = False
    density: float = 0.0
    steps: tuple[int, ...] = ()
    version: int = VERSION

    def __post_init__(self) -> None:
        require(self.version == VERSION, "version", f"{VERSION} (train the model again with this program)", self.version)
        require(self.recipe in RECIPES, "recipe", " or ".join(RECIPES), self.recipe)
        require(self.target in TARGETS, "target", " or ".join(TARGETS), self.target)
        require(self.loss in LOSSES, "loss", " or ".join(LOSSES), self.loss)
        multiple = RECIPES[self.recipe].multiple
        require(
            is_int(self.patch, multiple, MAX_PATCH) and self.patch % multiple == 0,
            "patch",
            f"a multiple of {multiple} up to {MAX_PATCH} voxels for the recipe '{self.recipe}'",
            self.patch,
        )
        require(is_number(self.sampling_rate, 1e-3, 1e4), "sampling_rate", "a positive number of Å/voxel", self.sampling_rate)
        names = [one.name for one in self.classes]
        require(0 < len(names) <= MAX_CLASSES and len(set(names)) == len(names), "classes", "different names", names)
        for one in self.classes:
            require(isinstance(one.name, str) and is_number(one.radius, 1, 1e5), "classes", "a name and a radius in Å", one)
        require(is_number(self.width, 0.05, 4), "width", "a number from 0.05 to 4", self.width)
        require(is_int(self.folds, 1, MAX_FOLDS), "folds", f"1 to {MAX_FOLDS}", self.folds)
        require(is_int(self.seed, 0, 2**31 - 1), "seed", "a whole number that is not negative", self.seed)
        require(all(0 <= region.fold < self.folds for region in self.regions), "regions", f"folds below {self.folds}", "more")
        require(len(self.tomograms) <= MAX_TOMOGRAMS, "tomograms", f"at most {MAX_TOMOGRAMS}", len(self.tomograms))
        require(is_number(self.density, 0, 1), "density", "0 to 1", self.density)
        for flag in ("bright", "tested"):
            require(isinstance(getattr(self, flag), bool), flag, "true or false", getattr(self, flag))
        _check_rule(self.rule, len(names))

    @property
    def how(self) -> Recipe:
        """The recipe with the target and the loss of this model."""
        return replace(RECIPES[self.recipe], target=self.target, loss=self.loss)

    def to_json(self) -> str:
        """The text stored in the model file; an open end of a region is null."""
        values = asdict(self)
        values["regions"] = [open_ended(region) for region in values["regions"]]
        return json.dumps(values, allow_nan=False, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> VoxelModel:
        """The opposite of `to_json`. Raises InputError for anything but exactly its keys with values of its types."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"the description of the model is not JSON ({error})") from error
        require_keys(values, VoxelModel, "the description of the model")
        for name in ("classes", "regions", "tomograms", "steps"):
            require(isinstance(values[name], list), name, "a list", values[name])
        rule: dict[str, Any] = require_keys(values["rule"], PickingRule, "the picking rule of the model")
        for name in ("scores", "probabilities", "thresholds"):
            require(isinstance(rule[name], list), name, "a list", rule[name])
        lists: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in rule.items()}
        values["rule"] = PickingRule(**lists)
        values["classes"] = tuple(
            ParticleClass(**require_keys(one, ParticleClass, "a class of the model")) for one in values["classes"]
        )
        values["regions"] = tuple(map(read_region, values["regions"]))
        values["tomograms"] = tuple(map(_tomogram, values["tomograms"]))
        require(all(is_int(steps, 0, 10**9) for steps in values["steps"]), "steps", "whole numbers", values["steps"])
        return VoxelModel(**{**values, "steps": tuple(values["steps"])})


def read_voxel_model(path: str | os.PathLike, option: str = parameter("model")) -> VoxelModel:
    """What a model file says. Raises InputError naming `option`, the file and the remedy, for a file that is not ours."""
    text = read_attribute(path, ATTRIBUTE, option)
    try:
        return VoxelModel.from_json(text)
    except InputError as error:
        raise InputError(f"{option}: '{path}' has a wrong description: {error}; train a new model") from error


def _check_rule(rule: PickingRule, classes: int) -> None:
    require(rule.cluster in CLUSTERINGS, "cluster", " or ".join(CLUSTERINGS), rule.cluster)
    require(is_number(rule.tau, 0, 1), "tau", "0 to 1", rule.tau)
    require(is_number(rule.bandwidth, 1, 1e5), "bandwidth", "a positive number of Å", rule.bandwidth)
    knots = (rule.scores, rule.probabilities)
    require(len(rule.scores) == len(rule.probabilities) <= MAX_KNOTS, "calibration", f"up to {MAX_KNOTS} pairs", knots)
    for values in knots:
        require(all(is_number(value, 0, 1) for value in values), "calibration", "numbers from 0 to 1", values)
        require(list(values) == sorted(values), "calibration", "numbers that do not fall", values)
    require(len(rule.thresholds) in (0, classes), "thresholds", f"none or {classes}", rule.thresholds)
    require(all(is_number(value, 0, 1) for value in rule.thresholds), "thresholds", "numbers from 0 to 1", rule.thresholds)


def _tomogram(values: Any) -> LearnedTomogram:
    values = require_keys(values, LearnedTomogram, "a tomogram of the model")
    size = values["size"]
    require(isinstance(values["tomo_id"], str), "tomo_id", "a text", values["tomo_id"])
    require(isinstance(size, list) and len(size) == 3 and all(is_int(n, 1, 10**6) for n in size), "size", "three numbers", size)
    for name in ("centre", "deviation"):
        require(is_number(values[name], -1e30, 1e30), name, "a number", values[name])
    return LearnedTomogram(values["tomo_id"], (size[0], size[1], size[2]), float(values["centre"]), float(values["deviation"]))
