"""Masks of regions as MRC files: bytes 0 to 7, and in a label of the header which of these classes are bad."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import mrcfile
import numpy as np

from ..core.coordinates import same_sampling_rate
from ..core.density_files import open_density
from ..core.errors import InputError, parameter
from ..core.files import written_aside
from ..core.tomograms import without_date
from .classes import NAMES, USER
from .region_mask import RegionMask, on_voxels

ENDING = "_mask"  # of the name of a mask, after the id of its tomogram
FOR_TEMPLATES = f"give the mask of the templates with {parameter('template_mask')}"  # where a program has both
BAD_LABEL = "bad classes:"


def write_mask(path: str | os.PathLike, mask: RegionMask) -> None:
    """Write a mask as MRC of mode 0."""
    with (
        written_aside(path, 1024 + mask.labels.size) as aside,
        mrcfile.new(aside, mask.labels.astype(np.int8), overwrite=True) as file,
    ):
        file.voxel_size = mask.voxel
        without_date(file)
        file.add_label(f"{BAD_LABEL} {' '.join(map(str, sorted(mask.bad)))}")


def read_mask(path: str | os.PathLike, size: Sequence[int], rate: float, option: str = parameter("mask")) -> RegionMask:
    """The mask of a tomogram of `size` x, y, z voxels of `rate` Å.

    Raises InputError for a file that is no mask of regions, or that has another extent than the tomogram. A mask of 0 and 1 of
    another program often says the opposite, where to pick: without the label of the header nothing is taken for a mask.
    """
    with _opened(path, size, rate, option) as (values, voxel):
        if (bad := _bad_classes(path)) is None:
            raise InputError(
                f"{option}: the header of '{path}' does not say which classes are bad, so xmipp_mask_tomo did not write it",
                "give it to xmipp_mask_tomo as a mask of your own, not 0 where nothing shall be picked",
                FOR_TEMPLATES,
            )
        labels = values.astype(np.uint8) if values.dtype.kind in "iu" else np.nan_to_num(values, nan=-1.0)
        if values.min() < 0 or values.max() >= len(NAMES) or (labels != labels.astype(np.uint8)).any():
            raise InputError(
                f"{option}: '{path}' holds other values than the classes 0 to {len(NAMES) - 1} of a mask of regions",
                "give a mask that xmipp_mask_tomo wrote",
                FOR_TEMPLATES,
            )
        return RegionMask(labels.astype(np.uint8), voxel, bad)


def require_user_mask(path: str | os.PathLike, size: Sequence[int], rate: float, option: str = parameter("user")) -> None:
    """Raise InputError for a volume that `with_user_mask` cannot use; its values are not looked at."""
    with _opened(path, size, rate, option):
        pass


def with_user_mask(
    mask: RegionMask, path: str | os.PathLike, size: Sequence[int], rate: float, option: str = parameter("user")
) -> RegionMask:
    """A mask with the class of the user wherever a volume of the user is not 0. size x, y, z voxels of `rate` Å: the tomogram.

    The volume has the shape of the tomogram, whatever its header says, or another sampling of the same extent.
    """
    with _opened(path, size, rate, option) as (values, voxel):
        marked = np.empty(values.shape, dtype=bool)
        for plane, own_plane in zip(values, marked, strict=True):  # plane by plane: it may be as large as the tomogram
            np.logical_and(plane != 0, plane == plane, out=own_plane)  # what is no number marks nothing
    own = on_voxels(marked, mask.labels.shape, mask.voxel / voxel)
    if voxel < mask.voxel:  # a voxel of the mask is marked if one of those in it is
        for axis, own_edge in enumerate(own.shape):
            centres = (np.arange(marked.shape[axis]) + 0.5) * voxel / mask.voxel
            index = np.minimum(np.floor(centres).astype(int), own_edge - 1)
            marked = np.logical_or.reduceat(marked, np.flatnonzero(np.diff(index, prepend=-1)), axis)
        own[tuple(map(slice, marked.shape))] |= marked
    return RegionMask(np.where(own, np.uint8(USER), mask.labels), mask.voxel, mask.bad)


@contextmanager
def _opened(path: str | os.PathLike, size: Sequence[int], rate: float, option: str) -> Iterator[tuple[np.ndarray, float]]:
    """Values (z, y, x), memory-mapped, and the edge of a voxel, Å."""
    with open_density(path, option) as density:
        values, header = density.data, density.voxel[0]
        if values.ndim != 3:
            raise InputError(f"{option}: '{path}' is not a 3D volume; give the mask of one tomogram")
        if values.shape == tuple(size)[::-1]:
            yield values, rate
            return
        edges = np.array(values.shape[::-1])
        # The last voxel of a mask may be cut by the face of the tomogram, or end there.
        if not (header > 0 and (np.abs(edges * header - np.array(size) * rate) < header + rate).all()):
            raise InputError(
                f"{option}: '{path}' has {_edges(edges)} voxels of {header:g} Å, but the tomogram has {_edges(size)} of "
                f"{rate:g} Å, another extent",
                "give the mask of this tomogram",
                FOR_TEMPLATES,
            )
        yield values, rate if same_sampling_rate(header, rate) else header


def _bad_classes(path: str | os.PathLike) -> frozenset[int] | None:
    """The bad classes that the header names; None where it names none."""
    with mrcfile.open(path, permissive=True, header_only=True) as file:
        for label in file.get_labels():
            if label.startswith(BAD_LABEL):
                return frozenset(int(word) for word in re.findall(r"\d+", label.removeprefix(BAD_LABEL)))
    return None


def _edges(edges: Sequence[int] | np.ndarray) -> str:
    return " x ".join(map(str, edges))
