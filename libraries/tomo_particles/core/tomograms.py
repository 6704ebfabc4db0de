"""Tomograms and stacks of subtomograms as MRC files: opened memory-mapped, checked, written under a temporary name first."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np

from .coordinates import same_sampling_rate
from .density_files import open_density
from .errors import GreyValuesError, InputError, listed, parameter
from .files import written_aside

UNKNOWN_RATE = 1.0  # Å/voxel: what some programs write into a header where they know none
PACKED = (".gz", ".bz2")  # endings of compressed files


@dataclass(frozen=True)
class Tomogram:
    """data: (z, y, x) memory-mapped, read-only; sampling_rate: Å/voxel; notes: what is unusual about the file, a line each."""

    path: Path
    data: np.ndarray
    sampling_rate: float
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int, int]:
        """x, y, z, voxels."""
        z, y, x = self.data.shape
        return x, y, z


def read_ahead(path: str | os.PathLike) -> None:
    """Ask the system to read a whole file in the background, for callers that need all of it in another order."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(descriptor)


def release(volume: np.ndarray, planes: int) -> None:
    """Let go of the memory of the first planes of a memory-mapped volume; they can be read again."""
    owner: object = None if volume.flags.writeable else volume  # what was changed would be lost
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = getattr(owner, "base", None)
    if owner is None:
        return
    begin = volume.ctypes.data - np.frombuffer(owner, dtype=np.uint8).ctypes.data
    length = (begin + planes * volume.strides[0]) // mmap.PAGESIZE * mmap.PAGESIZE
    if length > 0:
        owner.madvise(mmap.MADV_DONTNEED, 0, length)


@contextmanager
def open_tomogram(
    path: str | os.PathLike,
    sampling_rate: float | None = None,
    option: str = parameter("tomogram"),
    rate_option: str = parameter("tomogram_sampling_rate"),
) -> Iterator[Tomogram]:
    """Open a tomogram memory-mapped. `sampling_rate` (Å/voxel) overrides the header's; messages call it `rate_option`.

    Raises InputError naming file and option as `open_density`, for what is not 3D, and where there is no sampling rate while none
    is given. A GreyValuesError of who uses the tomogram becomes an InputError that names it.
    """
    with open_density(path, option) as density:
        data, notes = density.data, list(density.notes)
        if data.ndim != 3 or min(data.shape) < 2:
            shape = " x ".join(map(str, data.shape[::-1]))
            raise InputError(f"{option}: '{path}' is not a 3D tomogram (it holds {shape}); give a reconstructed volume")
        rate = sampling_rate or density.voxel[0]
        if not (np.isfinite(rate) and rate > 0):
            raise InputError(
                f"{option}: '{path}' has no sampling rate in its header",
                f"give it in Å/voxel with {rate_option}",
                "write it into the header",
            )
        if not sampling_rate and rate == UNKNOWN_RATE:
            notes.append(f"'{path}' has voxels of 1 Å in its header, which programs also write where they know no size")
        try:
            yield Tomogram(Path(path), data, rate, tuple(notes))
        except GreyValuesError as error:  # of whoever looked at its grey values
            if error.volume is not None and not np.may_share_memory(error.volume, data):
                raise  # it is of another tomogram that is open
            raise InputError(f"{option}: '{path}' {error}") from error


def each_tomogram(
    paths: Sequence[str | os.PathLike], sampling_rate: float | None, option: str, notes: list[str]
) -> Iterator[Tomogram]:
    """Open tomograms one after the other, to check them before the work.

    notes: receives what is unusual about each, and different sampling rates, a line each.
    """
    rates: dict[float, list[str]] = {}
    for path in paths:
        with open_tomogram(path, sampling_rate, option) as tomogram:
            yield tomogram
            notes += tomogram.notes
            same = next((rate for rate in rates if same_sampling_rate(rate, tomogram.sampling_rate)), tomogram.sampling_rate)
            rates.setdefault(same, []).append(str(path))
    if len(rates) > 1:
        each = "; ".join(f"{rate:.5g} Å/voxel: {listed(names, 2)}" for rate, names in rates.items())
        notes.append(f"the tomograms have different sampling rates in their headers: {each}")


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

    Single volumes are then read as `000001@path`, by xmippLib.Image and by Scipion. The file is not memory-mapped for writing:
    mapped pages would count as memory of this process, and a full disk would kill the process.
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
    """The id of a tomogram: its file name without the extension, and without that of a compressed file."""
    name = Path(path)
    return Path(name.stem).stem if name.suffix.lower() in PACKED else name.stem
