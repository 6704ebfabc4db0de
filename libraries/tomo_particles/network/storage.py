"""One file for all networks of an ensemble and their description: `.h5` or `.keras`, which Keras can read too.

Loading never builds anything from the file's own Keras configuration, which may name code to run. The architecture is built
from our checked metadata, and only numbers are read from the file.
"""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import absl.logging
import h5py
import keras
import numpy as np
import tensorflow as tf

from ..core.errors import InputError, parameter
from ..core.files import written_aside
from ..learning.configuration import NetworkConfig, read_config
from ..learning.model_files import (
    ATTRIBUTE,
    MEMBER,
    SCORES,
    SCORES_MEMBER,
    first_line,
    read_model_texts,
    refuse_large_weights,
    require_suffix,
)
from .architecture import build_network
from .training import Ensemble

SPARE = 16 << 20  # bytes of a model file besides its weights: names, states of the training
EPOCH = (1980, 1, 1, 0, 0, 0)  # date of all members of a .keras file: the same model gives the same bytes


def save_model(path: str | os.PathLike, ensemble: Ensemble, option: str = parameter("model"), scores: str = "") -> None:
    """Write the ensemble; `path` ends in .h5 or .keras. An incomplete file is never left under that name.

    scores: how the final scores come about (`consensus.fitted_score`), if it is known.
    """
    suffix = require_suffix(path, option)
    model, networks = _joined(ensemble.config)
    for network, trained in zip(networks, ensemble.networks, strict=True):
        network.set_weights(trained.get_weights())
    with written_aside(path) as aside:
        _save_quietly(model, aside)
        if suffix == ".h5":
            with h5py.File(aside, "a") as file:
                file.attrs[ATTRIBUTE] = ensemble.config.to_json()
                if scores:
                    file.create_dataset(SCORES, data=np.frombuffer(scores.encode(), dtype=np.uint8), track_times=False)
        else:
            _add_members(aside, {MEMBER: ensemble.config.to_json()} | ({SCORES_MEMBER: scores} if scores else {}))


def load_model(
    path: str | os.PathLike,
    *,
    box_size: int | None = None,
    sampling_rate: float | None = None,
    strategy: tf.distribute.Strategy | None = None,
    option: str = parameter("model"),
) -> Ensemble:
    """Read what `save_model` wrote, without running any code from the file.

    box_size (voxels), sampling_rate (Å/voxel): what the model must have been trained at, where given.
    Raises InputError naming `option`, the file and the remedy, for a file that is not ours or does not fit.
    """
    config = read_config(path, box_size=box_size, sampling_rate=sampling_rate, option=option)
    structure = read_model_texts(path, option)[1]
    with (strategy or tf.distribute.get_strategy()).scope():
        model, networks = _joined(config)
    _check_structure(path, option, structure, model)
    refuse_large_weights(path, SPARE + 16 * model.count_params(), option)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras only warns of weights that it does not find
            model.load_weights(path)
    except (OSError, KeyError, ValueError, UserWarning) as error:
        raise InputError(
            f"{option}: '{path}' does not hold the weights of {config.folds} network(s) '{config.architecture}' "
            f"({first_line(error)}); train a new model"
        ) from error
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise InputError(f"{option}: '{path}' holds weights that are no numbers; train a new model")
    return Ensemble(config, networks)


def _joined(config: NetworkConfig) -> tuple[keras.Model, tuple[keras.Model, ...]]:
    """One Keras model with one branch per fold, (n, folds) probabilities, and its branches."""
    networks = tuple(build_network(config, name=f"network_{fold}") for fold in range(config.folds))
    box = keras.Input(networks[0].input_shape[1:], name="box")
    scores = [network(box) for network in networks]
    joined = scores[0] if len(scores) == 1 else keras.layers.Concatenate(name="scores")(scores)
    return keras.Model(box, joined, name="ensemble"), networks


def _save_quietly(model: keras.Model, path: Path) -> None:
    """Save without Keras's warning about .h5, the format that other programs of Xmipp read."""
    level = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        model.save(path)
    finally:
        absl.logging.set_verbosity(level)


def _add_members(path: Path, texts: dict[str, str]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    about = json.loads(members["metadata.json"])
    members["metadata.json"] = json.dumps({**about, "date_saved": "1980-01-01@00:00:00"}).encode()
    members |= {name: text.encode() for name, text in texts.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)


def _check_structure(path: object, option: str, structure: str, model: keras.Model) -> None:
    """Refuse a file whose Keras configuration names anything that our own architecture does not: it is not our file."""
    try:
        found = set(_classes(json.loads(structure)))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{option}: '{path}' has a damaged Keras configuration; train a new model") from error
    if strange := found - set(_classes(json.loads(model.to_json()))):
        raise InputError(
            f"{option}: '{path}' is refused: it holds '{min(strange)}', which may run code "
            "and is in no model of this program; train a new model"
        )


def _classes(value: Any) -> Iterator[str]:
    """The class names everywhere in a Keras configuration; a class from outside Keras with its module."""
    if isinstance(value, dict):
        module = str(value.get("module") or "keras")
        if "class_name" in value:
            yield str(value["class_name"]) if module.split(".")[0] in ("keras", "builtins") else f"{module}.{value['class_name']}"
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _classes(part)
