"""Tomograms and stacks of subtomograms as MRC files: opened memory-mapped, checked, written aside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np

from .errors import InputError
from .files import require_file, written_aside


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


@contextmanager
def open_tomogram(path: str | os.PathLike, sampling_rate: float | None = None, option: str = "--tomogram") -> Iterator[Tomogram]:
    """Open a tomogram memory-mapped. `sampling_rate` (Å/voxel) overrides the header's.

    Raises InputError naming file and option for a file that is missing, empty, truncated, not MRC, not 3D, or
    that has no sampling rate while none is given.
    """
    require_file(path, option)
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
            raise InputError(f"{option}: '{path}' has no sampling rate in its header; "
                             "give it in Å/voxel with --tomogramSamplingrate")
        yield Tomogram(Path(path), data, rate)


@contextmanager
def new_stack(path: str | os.PathLike, count: int, box_size: int, sampling_rate: float) -> Iterator[np.ndarray]:
    """A new MRC volume stack (ISPG 401) to fill: a memory-mapped (count, box, box, box) float32 array.

    Single volumes are then read as `000001@path`, by xmippLib.Image and by Scipion.
    """
    with written_aside(path) as aside:
        shape = (count, box_size, box_size, box_size)
        with mrcfile.new_mmap(aside, shape, mrc_mode=2, overwrite=True) as stack:
            stack.voxel_size = sampling_rate
            yield stack.data


def write_volume(path: str | os.PathLike, volume: np.ndarray, sampling_rate: float) -> None:
    """Write one (z, y, x) volume as float32 MRC."""
    with written_aside(path) as aside, mrcfile.new(aside, np.asarray(volume, dtype=np.float32), overwrite=True) as file:
        file.voxel_size = sampling_rate


def image_name(index: int, path: str | os.PathLike) -> str:
    """Xmipp's name of the `index`-th (from 1) volume of a stack, such as `000012@stack.mrcs`."""
    return f"{index:06d}@{path}"
