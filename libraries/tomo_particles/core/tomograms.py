"""Tomograms and stacks of subtomograms as MRC files: opened memory-mapped, checked, written aside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import mrcfile
import numpy as np

from .errors import InputError, parameter
from .files import require_file, written_aside

_HEADER = 1024  # bytes
LONGEST_EXTENSION = 256 << 20  # bytes of an extended header; those of large tilt series have a few MB


@dataclass(frozen=True)
class Tomogram:
    """data: (z, y, x) memory-mapped, read-only; sampling_rate: Å/voxel."""

    path: Path
    data: np.ndarray
    sampling_rate: float

    @property
    def size(self) -> tuple[int, int, int]:
        """x, y, z, voxels."""
        z, y, x = self.data.shape
        return x, y, z


def read_ahead(path: str | os.PathLike) -> None:
    """Have the system read a file from front to back in the background: for whoever needs all of it, in some other order."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(descriptor)


def refuse_long_header(path: str | os.PathLike, option: str) -> None:
    """Raise InputError for an MRC file whose header says of its extension that it is longer than the file, or than any is.

    mrcfile takes the memory for it before it reads: 2 GB for a file of some bytes.
    """
    with open(path, "rb") as file:
        header = file.read(_HEADER)
    if len(header) == _HEADER:  # else mrcfile says that it is cut off
        order: Literal["big", "little"] = "big" if header[212] == 0x11 else "little"
        length = int.from_bytes(header[92:96], order, signed=True)
        if not 0 <= length <= min(os.path.getsize(path) - _HEADER, LONGEST_EXTENSION):
            raise InputError(f"{option}: '{path}' is not a complete MRC file (it says that its extended header has {length} "
                             "bytes); copy or reconstruct it again")


@contextmanager
def open_tomogram(path: str | os.PathLike, sampling_rate: float | None = None, option: str = parameter("tomogram"),
                  rate_option: str = parameter("tomogram_sampling_rate")) -> Iterator[Tomogram]:
    """Open a tomogram memory-mapped. `sampling_rate` (Å/voxel) overrides the header's; messages call it `rate_option`.

    Raises InputError naming file and option for a file that is missing, empty, truncated, not MRC, not 3D, or
    that has no sampling rate while none is given.
    """
    require_file(path, option)
    refuse_long_header(path, option)
    try:
        opened = mrcfile.mmap(path, mode="r", permissive=False)
    except (ValueError, OSError) as error:
        raise InputError(f"{option}: '{path}' is not a complete MRC file ({str(error).splitlines()[0]}); "
                         "copy or reconstruct it again") from error
    with opened:
        data = opened.data
        if data is None or data.ndim != 3 or min(data.shape) < 2:
            shape = "nothing" if data is None else " x ".join(map(str, data.shape[::-1]))
            raise InputError(f"{option}: '{path}' is not a 3D tomogram (it holds {shape}); give a reconstructed volume")
        rate = sampling_rate or float(opened.voxel_size.x)
        if not (np.isfinite(rate) and rate > 0):
            raise InputError(f"{option}: '{path}' has no sampling rate in its header",
                             f"give it in Å/voxel with {rate_option}", "write it into the header")
        yield Tomogram(Path(path), data, rate)


@dataclass(frozen=True)
class Stack:
    """An MRC volume stack that is being written, by several threads if need be; shape: (count, box, box, box)."""

    shape: tuple[int, int, int, int]
    _descriptor: int
    _data_start: int  # byte of the file

    def write(self, index: int, box: np.ndarray) -> None:
        """Write the (box, box, box) volume `index`, from 0, as float32. Raises OSError where the disk is full."""
        if box.shape != self.shape[1:] or not 0 <= index < self.shape[0]:
            raise ValueError(f"expected volume 0 to {self.shape[0] - 1} of shape {self.shape[1:]}, received {index}, {box.shape}")
        left = np.ascontiguousarray(box, dtype="<f4").reshape(-1).view(np.uint8).data
        place = self._data_start + index * len(left)
        while len(left):
            written = os.pwrite(self._descriptor, left, place)
            left, place = left[written:], place + written


@contextmanager
def new_stack(path: str | os.PathLike, count: int, box_size: int, sampling_rate: float) -> Iterator[Stack]:
    """A new MRC volume stack (ISPG 401) of float32 volumes, to be written one by one in any order.

    Single volumes are then read as `000001@path`, by xmippLib.Image and by Scipion. Written, not memory-mapped: the pages of a
    map count as this process's memory, and a full disk kills it.
    """
    shape = (count, box_size, box_size, box_size)
    with written_aside(path, 1024 + 4 * count * box_size**3) as aside:
        with mrcfile.new_mmap(aside, shape, mrc_mode=2, overwrite=True) as made:
            made.voxel_size = sampling_rate
            without_date(made)
            data_start = made.header.nbytes + made.extended_header.nbytes
        descriptor = os.open(aside, os.O_WRONLY)
        try:
            yield Stack(shape, descriptor, data_start)
        finally:
            os.close(descriptor)


def write_volume(path: str | os.PathLike, volume: np.ndarray, sampling_rate: float) -> None:
    """Write one (z, y, x) volume as float32 MRC."""
    data = np.asarray(volume, dtype=np.float32)
    with written_aside(path, 1024 + data.nbytes) as aside, mrcfile.new(aside, data, overwrite=True) as file:
        file.voxel_size = sampling_rate
        without_date(file)


def without_date(file: mrcfile.mrcfile.MrcFile) -> None:
    """Replace the label of a new file, which says the time: the same input gives the same bytes."""
    file.header.label[0] = "Created by tomo_particles"


def image_name(index: int, path: str | os.PathLike) -> str:
    """Xmipp's name of the `index`-th (from 1) volume of a stack, such as `000012@stack.mrcs`."""
    return f"{index:06d}@{path}"


def tomogram_id(path: str | os.PathLike) -> str:
    """The id of a tomogram: its file name without the extension."""
    return Path(path).stem
