"""The description inside a model file, read without TensorFlow."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import h5py

from ..core.errors import InputError, parameter
from ..core.files import require_file
from .network_input import ARCHITECTURES

SUFFIXES = (".h5", ".keras")
ATTRIBUTE = "deep_consensus_tomo"  # of an .h5 file
MEMBER = "deep_consensus_tomo.json"  # of a .keras file, which is a zip
# How the final scores of a run come about, in newer files; an attribute of HDF5 would be too small.
SCORES, SCORES_MEMBER = "deep_consensus_tomo_scores", "deep_consensus_tomo_scores.json"
LONGEST_TEXT = 8 << 20  # bytes of a description or configuration; ours have some kB
# In a damaged file HDF5 may follow a circle for ever or end the process: a process of its own looks first, for one or two seconds
# of the processor. The system counts the seconds from the start of the process, so those of the imports are added: on a machine
# with many processors, or where Python cannot keep its compiled files, they take more than a second.
_PROBE = """
import io, resource, sys
import h5py
used = resource.getrusage(resource.RUSAGE_SELF)
most = int(used.ru_utime + used.ru_stime) + 2
resource.setrlimit(resource.RLIMIT_CPU, (most, most))
def look(name, item):
    for attribute in item.attrs:
        item.attrs[attribute]
with h5py.File(io.BytesIO(sys.stdin.buffer.read())) as file:
    look("", file)
    file.visititems(look)
"""
NOT_OURS = ("is not a model that this program wrote", "give one of its own, or train a new one")  # what is wrong, remedy
KERAS_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}


def require_suffix(path: str | os.PathLike, option: str) -> str:
    """The ending of a model's file name. Raises InputError for one that a model cannot have."""
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise InputError(f"{option}: '{path}' must end in .h5 or .keras")
    return suffix


@contextmanager
def reading(path: str | os.PathLike, option: str, wrong: tuple[str, str] = NOT_OURS) -> Iterator[None]:
    """Everything that a file which is not ours can bring about while it is read becomes one InputError.

    wrong: what is wrong with the file, and the remedy.
    """
    try:
        yield
    except InputError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"{option}: '{path}' {wrong[0]} ({first_line(error)}); {wrong[1]}") from error


def read_model_texts(path: str | os.PathLike, option: str = parameter("model")) -> tuple[str, str]:
    """Our description of the model, and Keras's configuration, both JSON; nothing of them is executed.

    Raises InputError naming `option`, the file and the remedy, for a file that is not ours.
    """
    require_file(path, option)
    read = {".h5": _read_h5, ".keras": _read_keras}[require_suffix(path, option)]
    with reading(path, option):
        texts = read(path)
        for text in texts:
            json.loads(text)
    return texts


def read_attribute(
    path: str | os.PathLike, attribute: str, option: str = parameter("model"), wrong: tuple[str, str] = NOT_OURS
) -> str:
    """A text of an .h5 file of ours; nothing of the file is executed. Raises InputError for a file that is not ours.

    wrong: as of `reading`.
    """
    require_file(path, option)
    with reading(path, option, wrong):
        info = os.stat(path)
        _probe_file(os.fspath(path), info.st_size, info.st_mtime_ns)
        with h5py.File(path) as file:
            text = str(file.attrs[attribute])
    return text


def read_scores_text(path: str | os.PathLike, option: str = parameter("model")) -> str:
    """What a model file says of the final scores (`consensus.fitted_score`); empty for a model that says nothing of them.

    Raises InputError for a file that is not ours.
    """
    read_model_texts(path, option)  # its own errors say more
    with reading(path, option):
        if Path(path).suffix == ".h5":
            with h5py.File(path) as file:
                return _text_in(file[SCORES]) if SCORES in file else ""
        with zipfile.ZipFile(path) as archive:
            return _text_of(archive, SCORES_MEMBER) if SCORES_MEMBER in archive.namelist() else ""


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
    description = read_model_texts(path, option)[0]  # its own errors say more
    try:
        return int(json.loads(description)["folds"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{option}: '{path}' does not say how many networks it holds; train a new model") from error


def first_line(error: Exception) -> str:
    """The message of an error as one line of limited length."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


@cache
def _probe_file(path: str, size: int, time: int) -> None:
    """Raise ValueError for an HDF5 file that cannot be read without harm; a file in the same state is looked at once."""
    _probe(Path(path).read_bytes())


def _probe(content: bytes) -> None:
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # numpy's threads, one per processor, would use up the time
    done = subprocess.run([sys.executable, "-c", _PROBE], input=content, capture_output=True, check=False, env=alone)
    if done.returncode < 0:
        raise ValueError("it is damaged")


def _read_h5(path: str | os.PathLike) -> tuple[str, str]:
    info = os.stat(path)
    _probe_file(os.fspath(path), info.st_size, info.st_mtime_ns)
    with h5py.File(path) as file:
        return str(file.attrs[ATTRIBUTE]), str(file.attrs["model_config"])


def _read_keras(path: str | os.PathLike) -> tuple[str, str]:
    with zipfile.ZipFile(path) as archive:
        if unknown := set(archive.namelist()) - KERAS_MEMBERS - {MEMBER, SCORES_MEMBER}:
            raise ValueError(f"it holds '{min(unknown)}'")
        return _text_of(archive, MEMBER), _text_of(archive, "config.json")


def _text_in(item: h5py.Group | h5py.Dataset) -> str:
    """A text kept as bytes, which may say to be of any size."""
    if not isinstance(item, h5py.Dataset) or item.dtype != "u1" or item.ndim != 1:
        raise ValueError(f"its {item.name} is no text")
    if item.size > LONGEST_TEXT:
        raise ValueError(f"its {item.name} is too long")
    return bytes(item[()]).decode()


def _text_of(archive: zipfile.ZipFile, member: str) -> str:
    """A member of a zip, which may say and hold any size."""
    with archive.open(member) as file:
        text = file.read(LONGEST_TEXT + 1)
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"its {member} is too long")
    return text.decode()


def refuse_large_weights(path: str | os.PathLike, most: int, option: str, remedy: str = "train a new model") -> None:
    """Raise InputError for a model file whose weights would take more bytes than `most`, before any are read."""
    with reading(path, option, ("does not hold weights that can be read", remedy)):
        if Path(path).suffix == ".h5":
            with h5py.File(path) as file:
                size = _declared(file)
        else:
            with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as member:
                content = member.read(most + 1)
            size = len(content)
            if size <= most:
                _probe(content)
                with h5py.File(io.BytesIO(content)) as file:
                    size = _declared(file)
    if size > most:
        raise InputError(
            f"{option}: '{path}' says that its weights take more than {most // 1_000_000} MB, which no such network "
            f"does; {remedy}"
        )


def _declared(file: h5py.File) -> int:
    """Bytes of all arrays of a file as they would be in memory, whatever the file itself takes."""
    sizes: list[int] = []
    file.visititems(lambda _, item: sizes.append(item.size * item.dtype.itemsize) if isinstance(item, h5py.Dataset) else None)
    return sum(sizes)
