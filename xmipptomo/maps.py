"""Scipion's volumes as the MRC files that programs read: named as their class, with the sampling rate in the header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import mrcfile
import numpy as np
from pwem.emlib.image import ImageHandler
from pwem.objects import SetOfVolumes, Volume

from tomo_particles.core.density_files import open_density
from tomo_particles.core.errors import InputError, parameter
from tomo_particles.core.files import written_aside

MRC = (".mrc", ".mrcs", ".map", ".rec", ".ccp4", ".st", ".ali")


def volumes_of(objects: Iterable[Volume | SetOfVolumes]) -> Iterator[Volume]:
    """The volumes of single volumes and of sets, in order."""
    for item in objects:
        if isinstance(item, SetOfVolumes):
            yield from (volume.clone() for volume in item.iterItems())
        else:
            yield item


def names_of(volumes: Sequence[Volume]) -> list[str]:
    """A name for each volume, of letters, digits and _.-: its label, else its file's name; numbered where two are alike."""
    names: list[str] = []
    for volume in volumes:
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", volume.getObjLabel() or Path(_path_of(volume)).stem).strip("_.") or "template"
        name, number = plain, 2
        while name in names:
            name, number = f"{plain}_{number}", number + 1
        names.append(name)
    return names


def _path_of(volume: Volume) -> str:
    return volume.getFileName().partition(":")[0]  # Scipion adds the format to some names: emd_1.map:mrc


def write_map(path: str, volume: Volume) -> None:
    """Write a volume as float32 MRC with its sampling rate. Raises InputError if its file is missing or is no cubic volume."""
    source = _path_of(volume)
    if not Path(source).is_file():
        raise InputError(f"the volume {source} does not exist")
    data = np.squeeze(_grey_values(volume))
    if data.ndim != 3:
        raise InputError(f"{source} is no volume (its shape is {' x '.join(map(str, data.shape))})")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as aside, mrcfile.new(aside, data.astype(np.float32), overwrite=True) as file:
        file.voxel_size = volume.getSamplingRate()


def _grey_values(volume: Volume) -> np.ndarray:
    """The grey values of a volume. Xmipp takes all bytes of MRC files as signed, so these files are read by our own reader."""
    source, index = _path_of(volume), volume.getIndex()
    if Path(source).suffix.lower() not in MRC:
        return ImageHandler().read(volume).getData()
    with open_density(source, parameter("templates")) as density:
        return np.array(density.data[index - 1] if density.data.ndim == 4 and index else density.data, dtype=np.float32)


def write_maps(folder: str, volumes: Sequence[Volume]) -> list[str]:
    """Write each volume as <folder>/<name>.mrc; returns the paths in the same order."""
    paths = [str(Path(folder) / f"{name}.mrc") for name in names_of(volumes)]
    for path, volume in zip(paths, volumes, strict=True):
        write_map(path, volume)
    return paths
