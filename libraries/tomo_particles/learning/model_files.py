"""The description inside a model file, read without TensorFlow."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import h5py

from ..core.errors import InputError, parameter
from ..core.files import require_file
from .network_input import ARCHITECTURES

SUFFIXES = (".h5", ".keras")
ATTRIBUTE = "deep_consensus_tomo"  # of an .h5 file
MEMBER = "deep_consensus_tomo.json"  # of a .keras file, which is a zip
KERAS_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}


def require_suffix(path: str | os.PathLike, option: str) -> str:
    """The ending of a model's file name. Raises InputError for one that a model cannot have."""
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise InputError(f"{option}: '{path}' must end in .h5 or .keras")
    return suffix


def read_model_texts(path: str | os.PathLike, option: str = parameter("model")) -> tuple[str, str]:
    """Our description of the model, and Keras's configuration, both JSON; nothing of them is executed.

    Raises InputError naming `option`, the file and the remedy, for a file that is not ours.
    """
    require_file(path, option)
    read = {".h5": _read_h5, ".keras": _read_keras}[require_suffix(path, option)]
    try:
        return read(path)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{option}: '{path}' is not a model that this program wrote ({first_line(error)}); "
                         "give one of its own, or train a new one") from error


def architecture_of(path: str | os.PathLike, option: str = parameter("model")) -> str:
    """The name of the network that a model file holds. Raises InputError for a file that is not ours."""
    description = read_model_texts(path, option)[0]
    try:
        name = json.loads(description)["architecture"]
    except (ValueError, KeyError, TypeError):
        name = None
    if name not in ARCHITECTURES:
        raise InputError(f"{option}: '{path}' does not say which network it holds; train a new model")
    return str(name)


def folds_of(path: str | os.PathLike, option: str = parameter("model")) -> int:
    """Number of networks in a model file, each trained without one part of the data. Raises InputError for a file that is not
    ours."""
    try:
        return int(json.loads(read_model_texts(path, option)[0])["folds"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{option}: '{path}' does not say how many networks it holds; train a new model") from error


def first_line(error: Exception) -> str:
    """The message of an error as one line of limited length."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def _read_h5(path: str | os.PathLike) -> tuple[str, str]:
    with h5py.File(path) as file:
        return str(file.attrs[ATTRIBUTE]), str(file.attrs["model_config"])


def _read_keras(path: str | os.PathLike) -> tuple[str, str]:
    with zipfile.ZipFile(path) as archive:
        if unknown := set(archive.namelist()) - KERAS_MEMBERS - {MEMBER}:
            raise ValueError(f"it holds '{min(unknown)}'")
        return archive.read(MEMBER).decode(), archive.read("config.json").decode()
