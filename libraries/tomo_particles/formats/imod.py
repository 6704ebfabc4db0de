"""IMOD models (.mod) by imodmodel: every point of every contour is a pick."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import InputError
from ..core.picks import Picks
from .model import BY_FILE, Context, Format, Found

if TYPE_CHECKING:
    from imodmodel.models import MINX

# The centre of the first voxel is at (0.5, 0.5, 0) of a model (MatTomo's README; flag "z coordinates start from -0.5").
FIRST_VOXEL = np.array([0.5, 0.5, 0.0])
SIZES = {b"CONT": (12,), b"MESH": (12, 4)}  # bytes of each of the things that the first numbers of a chunk count
NANOMETRES, ANGSTROMS = -9, -10  # the header gives the unit as a power of ten of a metre


def _sniff(head: bytes) -> bool:
    return head.startswith(b"IMODV")


def parse(path: Path, option: str) -> list[Found]:
    """Voxels of the tomogram that was open; the objects' names are species, contours beyond one a group."""
    model = _read(path, option)
    header = model.header
    if header.flags.model_last_viewed_onYZ_flipped_or_rotated:
        raise InputError(
            f"{option}: '{path}' was saved with y and z exchanged; open it in 3dmod, undo Edit - Image - Flip/Rotate, and save it"
        )
    contours = [(own.header.name, contour.points) for own in model.objects for contour in own.contours if len(contour.points)]
    points = np.concatenate([np.zeros((0, 3)), *(points for _, points in contours)])
    several = len(contours) > 1
    group = np.repeat(np.arange(1, len(contours) + 1) if several else np.zeros(len(contours)), [len(p) for _, p in contours])
    species = [name.strip("\0 ") for name, own in contours for _ in range(len(own))]
    size = (int(header.xmax), int(header.ymax), int(header.zmax))
    rate = header.pixelsize * 10.0 ** (header.units - ANGSTROMS) if header.units in (NANOMETRES, ANGSTROMS) else None
    return [
        Found(
            path.name,
            BY_FILE,
            points - FIRST_VOXEL,
            rate=rate,
            size=size if min(size) > 0 else None,
            on_image=model.minx is not None,
            trimmed=_trimmed(model.minx),
            group=group.astype(int),
            species=species,
        )
    ]


def _trimmed(image: MINX | None) -> str:
    """Where the image of a model lies in a larger one (IMOD's chunk MINX: position = index x scale - translation)."""
    if image is None or not (any(image.ctrans) or any(image.crot)):
        return ""
    first = ", ".join(f"{0 - shift / (scale or 1):g}" for shift, scale in zip(image.ctrans, image.cscale, strict=True))
    turned = f" and turned by {', '.join(f'{angle:g}' for angle in image.crot)} degrees" if any(image.crot) else ""
    return f"trimmed from a larger one (its first voxel is at {first} of that one{turned})"


class _Whole(io.BytesIO):
    """A file whose end is an error: imodmodel 0.1 reads on for ever behind the end of one that is cut off.

    It also takes gigabytes for the points that a contour or a mesh says to have, before it looks for them. Therefore the
    numbers, with which their headers begin, are compared with the rest of the file.
    """

    _name = b""  # of the chunk that begins here, if one does: four letters

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if size is not None and len(data) < size:
            raise EOFError("it ends too early")
        if count := SIZES.get(self._name):
            numbers = struct.unpack_from(f">{len(count)}i", data)
            left = len(self.getbuffer()) - self.tell()
            if min(numbers) < 0 or sum(n * width for n, width in zip(numbers, count, strict=True)) > left:
                raise EOFError("it says more points than it holds")
        self._name = data if size == 4 else b""
        return data


def _read(path: Path, option: str):  # type: ignore[no-untyped-def]  # imodmodel is imported only here
    from imodmodel.parsers import parse_model

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # imodmodel 0.1 calls pydantic by its old names
            return parse_model(_Whole(path.read_bytes()))
    except Exception as error:  # it has no exceptions of its own: struct, pydantic, key and value errors
        raise InputError(
            f"{option}: '{path}' cannot be read as an IMOD model ({type(error).__name__}); it is damaged or cut "
            "off, save it again"
        ) from error


def write(path: Path, picks: Mapping[str, Picks], context: Context) -> None:
    """One object a species, with one contour of scattered points a group."""
    from imodmodel import ImodModel
    from imodmodel.models import Contour, Object

    (own,) = picks.values()
    model = ImodModel()
    for name in dict.fromkeys(own.species.tolist()):
        made = Object()
        made.header.name = str(name)[:63]
        made.header.flags.scattered = True
        of_species = own[own.species == name]
        for group in dict.fromkeys(of_species.group.tolist()):
            made.contours.append(Contour(points=of_species.positions[of_species.group == group] + FIRST_VOXEL))
        model.objects.append(made)
    size = context.tomogram(own.tomo_id).size or tuple(np.ceil(own.positions.max(axis=0) + 1).astype(int))
    model.header.xmax, model.header.ymax, model.header.zmax = (int(edge) for edge in size)
    model.header.pixelsize, model.header.units = own.sampling_rate / 10, NANOMETRES
    model.header.flags.z_coordinates_start_from_negative_half = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model.to_file(path)


IMOD = Format("imod", "IMOD model", (".mod",), _sniff, parse, write, frozenset({"group", "species"}), single=True)
