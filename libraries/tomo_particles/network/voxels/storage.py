"""Files of voxel-wise networks: arrays of numbers and one checked text. A network is built from code, never from its file."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import keras
import numpy as np
import tensorflow as tf

from ...core.errors import InputError, parameter
from ...core.files import written_aside
from ...learning.model_files import read_attribute, reading, refuse_large_weights
from ...learning.voxels.description import ATTRIBUTE, VoxelModel, read_voxel_model
from .architectures import build_voxel_network
from .training import Progress, Trained

SETTINGS = "tomo_particles_training"  # attribute of a checkpoint
WRONG_WEIGHTS = ("does not hold the weights that it should", "train a new model")
BEGIN_ANEW = "remove this file to begin anew"
WRONG_CHECKPOINT = ("is no interrupted training that can go on", BEGIN_ANEW)
SPARE = 1 << 20  # bytes of a file besides its arrays
NUMBERS = ("step", "seconds", "best_loss", "validated")


def save_voxel_model(path: str | os.PathLike, model: VoxelModel, networks: Sequence[keras.Model]) -> None:
    """Write a model; the same model gives the same bytes. An incomplete file is never left under that name."""
    with written_aside(path) as aside, h5py.File(aside, "w") as file:
        file.attrs[ATTRIBUTE] = model.to_json()
        for number, network in enumerate(networks):
            _write_arrays(file, f"network_{number}", network.get_weights())


def load_voxel_model(
    path: str | os.PathLike, *, strategy: tf.distribute.Strategy | None = None, option: str = parameter("model")
) -> tuple[VoxelModel, tuple[keras.Model, ...]]:
    """Read what `save_voxel_model` wrote. Raises InputError naming `option`, the file and the remedy, for anything else."""
    model = read_voxel_model(path, option)
    with (strategy or tf.distribute.get_strategy()).scope():
        networks = tuple(build_voxel_network(model, name=f"network_{number}") for number in range(model.folds))
    refuse_large_weights(path, SPARE + sum(4 * network.count_params() for network in networks), option)
    with reading(path, option, WRONG_WEIGHTS), h5py.File(path) as file:
        if set(file) != {f"network_{number}" for number in range(model.folds)}:
            raise ValueError(f"expected {model.folds} networks")
        for number, network in enumerate(networks):
            network.set_weights(_read_arrays(file, f"network_{number}", network.get_weights()))
    return model, networks


class Checkpoint:
    """A file beside the model with the networks that are trained and the one in training; it is removed when all are."""

    def __init__(self, path: str | os.PathLike, settings: str) -> None:
        """settings: a text that says everything that decides the result; a checkpoint of others is refused."""
        self.path = Path(path)
        self._settings = hashlib.sha256(settings.encode()).hexdigest()
        self._done: list[tuple[list[np.ndarray], int, bool]] = []
        self._current: Progress | None = None

    def read(self, model: VoxelModel, option: str = parameter("output")) -> int:
        """Read what an interrupted training left; the number of networks that it had finished."""
        if not self.path.exists():
            return 0
        if read_attribute(self.path, SETTINGS, option, WRONG_CHECKPOINT) != self._settings:
            raise InputError(
                f"{option}: '{self.path}' is an interrupted training with other options or files; give the same ones to go on "
                f"with it, or {BEGIN_ANEW}"
            )
        shape = build_voxel_network(model)
        weights = shape.get_weights()
        optimizer = keras.optimizers.Adam()
        optimizer.build(shape.trainable_variables)
        moments = [np.array(variable) for variable in optimizer.variables]
        refuse_large_weights(self.path, SPARE + 4 * shape.count_params() * (model.folds + 6), option, BEGIN_ANEW)
        with reading(self.path, option, WRONG_CHECKPOINT), h5py.File(self.path) as file:
            for number in range(len([name for name in file if name.startswith("network_")])):
                name = f"network_{number}"
                trained = _read_arrays(file, name, weights)
                self._done.append((trained, int(_number(file[name], "steps")), bool(_number(file[name], "validated"))))
            if "current" in file:
                numbers = {name: _number(file["current"], name) for name in NUMBERS}
                best = _read_arrays(file, "current/best", weights if numbers["validated"] else [])
                self._current = Progress(
                    int(numbers["step"]),
                    numbers["seconds"],
                    numbers["best_loss"],
                    int(numbers["validated"]),
                    best,
                    _read_arrays(file, "current/weights", weights),
                    _read_arrays(file, "current/optimizer", moments),
                )
        return len(self._done)

    def finished(self, number: int, network: keras.Model) -> Trained:
        """The network `number` that an earlier process finished, its weights put into `network`."""
        weights, steps, validated = self._done[number]
        network.set_weights(weights)
        return Trained(network, steps, validated)

    @property
    def current(self) -> Progress | None:
        """The network that was in training."""
        return self._current

    def save(self, progress: Progress | None) -> None:
        """Keep the network in training beside the finished ones."""
        self._current = progress
        with written_aside(self.path) as aside, h5py.File(aside, "w") as file:
            file.attrs[SETTINGS] = self._settings
            for number, (weights, steps, validated) in enumerate(self._done):
                _write_arrays(file, f"network_{number}", weights)
                file[f"network_{number}"].attrs.update(steps=steps, validated=validated)
            if progress is not None:
                for name, arrays in (("best", progress.best), ("weights", progress.weights), ("optimizer", progress.optimizer)):
                    _write_arrays(file, f"current/{name}", arrays)
                file["current"].attrs.update({name: getattr(progress, name) for name in NUMBERS})

    def add(self, trained: Trained) -> None:
        """Keep a network that is finished."""
        self._done.append((trained.network.get_weights(), trained.steps, trained.validated))
        self.save(None)

    def remove(self) -> None:
        """The model is written: nothing is left to go on with."""
        self.path.unlink(missing_ok=True)


def _number(group: h5py.Group, name: str) -> float:
    """An attribute that is one number. Raises KeyError or ValueError."""
    value = np.asarray(group.attrs[name])
    if value.ndim or value.dtype.kind not in "biuf" or np.isnan(value):
        raise ValueError(f"its {name} is no number")
    return float(value)


def _write_arrays(file: h5py.File, group: str, arrays: Sequence[np.ndarray]) -> None:
    inside = file.create_group(group)
    for number, array in enumerate(arrays):
        inside.create_dataset(f"{number:03d}", data=array)


def _read_arrays(file: h5py.File, group: str, like: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The arrays of a group, each of the shape and type of its like. Raises ValueError for others."""
    inside = file[group]
    if not isinstance(inside, h5py.Group) or len(inside) != len(like):
        raise ValueError(f"expected {len(like)} arrays in {group}")
    arrays = []
    for number, model in enumerate(like):
        stored = inside[f"{number:03d}"]
        if not isinstance(stored, h5py.Dataset) or stored.shape != model.shape or stored.dtype != model.dtype:
            raise ValueError(f"expected an array of {model.shape} {model.dtype} in {stored.name}")
        arrays.append(np.array(stored))
        if not all(math.isfinite(value) for value in (arrays[-1].min(), arrays[-1].max())):
            raise ValueError("its numbers are not finite")
    return arrays
