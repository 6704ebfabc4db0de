"""Densities in MRC files as programs write them: which bytes, which order, which voxels. Other files are called what they are."""

from __future__ import annotations

import math
import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import mrcfile
import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from mrcfile.utils import data_dtype_from_header, data_shape_from_header

from .errors import InputError
from .files import require_file

LONGEST_EXTENSION = 256 << 20  # bytes of an extended header; those of large tilt series have a few MB
HEADER = 1024  # bytes
# By how much, relatively, the edges of a voxel may differ, and from where on it is said: Warp's 10.002 x 9.999 x 10.005 Å are a
# rounded cube.
MAX_ANISOTROPY, NOTED_ANISOTROPY = 0.01, 1e-3
CELLS = ("mx", "my", "mz")  # of the header: into how many voxels its lengths (`cella`) are divided
# IMOD's own words in an MRC header (its `mrc_format.html`): whose header it is, and flags, of which this one says signed bytes.
IMOD_WORDS, IMOD_STAMP, SIGNED_BYTES = 152, 1146047817, 1
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2"}  # what mrcfile decompresses
ZARR = (".zgroup", ".zattrs", ".zarray", "zarr.json")
EM_TYPES = {1: 1, 2: 2, 4: 4, 5: 4, 8: 8, 9: 8}  # bytes of a voxel by the code of its type
NO_DENSITY = {
    3: "complex numbers, a Fourier transform",
    4: "complex numbers, a Fourier transform",
    16: "colours",
    101: "numbers of 4 bits",
}  # by the mode of an MRC file
OTHER_FILES = {
    b"\x89HDF": ("an HDF5 file, as EMAN2 writes them", "e2proc3d.py of EMAN2 converts it to MRC"),
    b"II*\0": ("a TIFF file", "tif2mrc of IMOD converts it to MRC"),
    b"MM\0*": ("a TIFF file", "tif2mrc of IMOD converts it to MRC"),
    b"II+\0": ("a TIFF file", "tif2mrc of IMOD converts it to MRC"),
    b"MM\0+": ("a TIFF file", "tif2mrc of IMOD converts it to MRC"),
    b"\xfd7zX": ("compressed (xz)", "decompress it with unxz"),
    b"\x28\xb5\x2f\xfd": ("compressed (zstd)", "decompress it with unzstd"),
    b"PK\x03\x04": ("compressed (zip)", "decompress it with unzip"),
}  # by their first four bytes: what it is, what to do


@dataclass(frozen=True)
class Density:
    """data: (z, y, x), or (n, z, y, x) of a stack of volumes; memory-mapped unless the file is compressed; read-only.

    voxel: edges x, y, z, Å; 0 where the header does not say it.  notes: what is unusual about the file, a line each.
    """

    data: np.ndarray
    voxel: tuple[float, float, float]
    notes: list[str] = field(default_factory=list)


@contextmanager
def open_density(path: str | os.PathLike, option: str) -> Iterator[Density]:
    """Open an MRC file, be it compressed by gzip or bzip2; its bytes are read as they are meant.

    Raises InputError naming file and option for a file that is missing, empty, truncated or not MRC, has no densities in it, or
    whose voxels are no cubes.
    """
    if Path(path).is_dir():
        raise InputError(f"{option}: '{path}' is {_folder(Path(path))}")
    require_file(path, option)
    with open(path, "rb") as file:
        head = file.read(HEADER)
    _refuse_others(path, head, option)
    if head[208:211] == b"MAP":
        refuse_long_header(path, option)
    notes: list[str] = []
    with ExitStack() as stack:
        header, data = _opened(path, head, option, stack, notes)
        if data.dtype.kind == "c":
            raise InputError(f"{option}: '{path}' holds {NO_DENSITY[4]}; give the volume itself")
        if data.dtype == np.int8 and _is_unsigned(header, data, notes):
            data = data.view(np.uint8)
        voxel = _voxel(header, path, option, notes)
        yield Density(data, voxel, [f"'{path}' {note}" for note in notes])


def refuse_long_header(path: str | os.PathLike, option: str) -> None:
    """Raise InputError for an MRC file whose header says of its extension that it is longer than the file, or than any is.

    mrcfile takes the memory for it before it reads: 2 GB for a file of some bytes.
    """
    with open(path, "rb") as file:
        header = file.read(HEADER)
    if len(header) == HEADER:  # else mrcfile says that it is cut off
        order: Literal["big", "little"] = "big" if header[212] == 0x11 else "little"
        length = int.from_bytes(header[92:96], order, signed=True)
        if not 0 <= length <= min(os.path.getsize(path) - HEADER, LONGEST_EXTENSION):
            raise InputError(
                f"{option}: '{path}' is not a complete MRC file (it says that its extended header has {length} "
                "bytes); copy or reconstruct it again"
            )


def _folder(path: Path) -> str:
    if any((path / name).exists() for name in ZARR):
        return "a folder, an OME-Zarr; give the volume as MRC (the CryoET Data Portal has its tomograms as MRC, too)"
    return "a folder; give the MRC file itself"


def _refuse_others(path: str | os.PathLike, head: bytes, option: str) -> None:
    """Raise InputError for what is known to be another kind of file, saying which."""
    if head[:4] in OTHER_FILES and head[208:211] != b"MAP":
        what, way_out = OTHER_FILES[head[:4]]
        raise InputError(f"{option}: '{path}' is {what}; {way_out}")
    if _is_em(head, os.path.getsize(path)):
        raise InputError(f"{option}: '{path}' is an EM file (TOM, PyTom); e2proc3d.py of EMAN2 converts it to MRC")
    mode = next((mode for order in ("little", "big") if (mode := int.from_bytes(head[12:16], order)) in NO_DENSITY), 0)
    if mode and head[208:211] == b"MAP":
        raise InputError(
            f"{option}: '{path}' holds {NO_DENSITY[mode]} (MRC mode {mode}), which are not read; give the volume "
            "itself, in another mode"
        )


def _is_em(head: bytes, size: int) -> bool:
    if len(head) < 512 or head[0] > 6 or head[1] or head[2] or head[3] not in EM_TYPES:
        return False
    return any(512 + math.prod(np.frombuffer(head, f"{order}i4", 3, 4).tolist()) * EM_TYPES[head[3]] == size for order in "<>")


def _opened(path: str | os.PathLike, head: bytes, option: str, stack: ExitStack, notes: list[str]) -> tuple[Any, np.ndarray]:
    """Header and data of an MRC file; what is open is closed by `stack`."""
    packed = COMPRESSED.get(head[:2]) if head[208:211] != b"MAP" else None
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            opened = (mrcfile.open if packed else mrcfile.mmap)(path, mode="r", permissive=False)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        if not packed and (found := _by_its_length(path, head, notes)):
            return found
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{option}: '{path}' is compressed ({packed}) and what is in it is not a complete MRC file ({reason}); "
            "compress it again"
            if packed
            else f"{option}: '{path}' is not a complete MRC file ({reason}); copy or reconstruct it again"
        ) from error
    stack.enter_context(opened)
    if packed:
        notes.append(f"is compressed ({packed}) and is read into memory as a whole; decompressed it is read much faster")
    longer = [str(warning.message) for warning in caught if "larger" in str(warning.message)]
    notes += [f"is longer than its header says ({message}); the rest is not read" for message in longer]
    if opened.data is None:
        raise InputError(f"{option}: '{path}' holds nothing; copy or reconstruct it again")
    return opened.header, opened.data


def _by_its_length(path: str | os.PathLike, head: bytes, notes: list[str]) -> tuple[Any, np.ndarray] | None:
    """Header and data of a file whose machine stamp or MRC id is missing or wrong, if mode, size and length agree.

    Warp, SerialEM, Amira and old versions of IMOD write such headers, and the packages of the field read them. None where they
    do not agree in either byte order.
    """
    for order, name in (("<", "little-endian"), (">", "big-endian")):
        if len(head) < HEADER:
            break
        header = np.frombuffer(head, HEADER_DTYPE.newbyteorder(order)).reshape(()).view(np.recarray)
        try:
            dtype, shape = data_dtype_from_header(header), data_shape_from_header(header)
        except (ValueError, ZeroDivisionError):  # no such mode
            continue
        start = HEADER + int(header["nsymbt"])
        if min(shape) > 0 and start >= HEADER and start + math.prod(map(int, shape)) * dtype.itemsize == os.path.getsize(path):
            what = "no MRC id" if bytes(header["map"])[:3] != b"MAP" else f"the machine stamp {bytes(header['machst']).hex(' ')}"
            notes.append(f"has {what} in its header; mode, size and length agree, so it is read as {name}")
            return header, np.memmap(path, dtype, "r", start, tuple(map(int, shape)))
    return None


def expected_size(path: str | os.PathLike) -> int | None:
    """Bytes that an MRC file has when all of it is written, as its header says; 0 for a compressed file, which says nothing.

    None while there is no header yet. For files that another program is writing.
    """
    with open(path, "rb") as file:
        head = file.read(HEADER)
    if head[208:211] != b"MAP" and head[:2] in COMPRESSED:
        return 0
    for order in "<>":
        if len(head) < HEADER:
            break
        header = np.frombuffer(head, HEADER_DTYPE.newbyteorder(order)).reshape(()).view(np.recarray)
        try:
            dtype, shape = data_dtype_from_header(header), data_shape_from_header(header)
        except (ValueError, ZeroDivisionError):
            continue
        extension = int(header["nsymbt"])
        if min(shape) > 0 and 0 <= extension <= LONGEST_EXTENSION:
            return HEADER + extension + math.prod(map(int, shape)) * int(dtype.itemsize)
    return None


def ends_blank(path: str | os.PathLike, size: int = 4096) -> bool:
    """Whether the last bytes of a file are zeros, as if they still had to be written."""
    with open(path, "rb") as file:
        file.seek(-min(size, os.path.getsize(path)), os.SEEK_END)
        return not any(file.read(size))


def _is_unsigned(header: Any, data: np.ndarray, notes: list[str]) -> bool:
    """Whether the bytes of mode 0 are from 0 to 255, as IMOD may write them, and not from -128 to 127, as the standard has it.

    By IMOD's flag and by the range in the header. Where these say nothing or contradict each other, by the grey values: bytes
    taken the wrong way are torn into two groups, which spread more.
    """
    stamp, flags = np.frombuffer(header.tobytes(), header["mode"].dtype, 2, IMOD_WORDS).tolist()
    said = {not flags & SIGNED_BYTES} if stamp == IMOD_STAMP else set()
    low, high = float(header["dmin"]), float(header["dmax"])
    if -128 <= low < 0 and low <= high < 128:
        said.add(False)
    elif low >= 0 and 128 <= high < 256:
        said.add(True)
    if len(said) == 1:
        unsigned, why = said.pop(), ""
    else:
        few = data[..., :: max(1, data.shape[-3] // 8), ::4, ::4] if data.ndim > 2 else data
        counts = np.bincount(few.view(np.uint8).ravel(), minlength=256)
        values = np.arange(256)
        spread = [_deviation(values, counts), _deviation(np.where(values < 128, values, values - 256), counts)]
        unsigned, why = spread[0] < spread[1], ", as its grey values show; its header does not tell"
        if not counts[128:].any():  # the same either way
            return False
    if unsigned or why:
        notes.append(f"has bytes (MRC mode 0) that are {'unsigned, 0 to 255' if unsigned else 'signed, -128 to 127'}{why}")
    return bool(unsigned)


def _deviation(values: np.ndarray, counts: np.ndarray) -> float:
    mean = np.average(values, weights=counts)
    return float(np.average((values - mean) ** 2, weights=counts))


def _voxel(header: Any, path: str | os.PathLike, option: str, notes: list[str]) -> tuple[float, float, float]:
    """Edges x, y, z, Å. Raises InputError for voxels that are no cubes, and for axes in another order."""
    axes = tuple(int(header[name]) for name in ("mapc", "mapr", "maps"))
    if sorted(axes) == [1, 2, 3] and axes != (1, 2, 3):
        order = ", ".join("xyz"[axis - 1] for axis in axes)
        raise InputError(
            f"{option}: '{path}' has its axes in the order {order}, and programs do not agree on what that means; "
            "write it again in the order x, y, z"
        )
    edges, counts = (np.array(values, dtype=float) for values in (header["cella"].item(), [header[name] for name in CELLS]))
    voxel = np.divide(edges, counts, out=np.zeros(3), where=(counts > 0) & np.isfinite(edges))
    voxel[voxel < 0] = 0
    known = voxel[voxel > 0]
    if len(known) and known.max() > known.min() * (1 + NOTED_ANISOTROPY):
        sizes = " x ".join(f"{edge:.5g}" for edge in voxel)
        if known.max() > known.min() * (1 + MAX_ANISOTROPY):
            raise InputError(
                f"{option}: '{path}' has voxels of {sizes} Å in its header, and only cubes can be used; if they are "
                "cubes correct the header (alterheader of IMOD), else resample it"
            )
        notes.append(f"has voxels of {sizes} Å in its header; they are taken as cubes of the first edge")
    return float(voxel[0]), float(voxel[1]), float(voxel[2])
