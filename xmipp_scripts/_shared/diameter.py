"""Whether particles of a diameter can be seen in a tomogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError

if TYPE_CHECKING:
    from tomo_particles.core.tomograms import Tomogram


def check_particle_size(diameter: float, tomogram: Tomogram, option: str, least: int) -> None:
    """Raises InputError unless `diameter` Å are at least `least` voxels of the tomogram, and no more than it is thick.

    option: the beginning of the message: what gave the diameter.
    """
    rate, smallest = tomogram.sampling_rate, min(tomogram.size)
    voxels = diameter / rate
    if voxels > smallest:
        raise InputError(
            f"{option}: {diameter:g} Å are {voxels:.0f} voxels, more than '{tomogram.path}' is thick ({smallest}); "
            "lower it or check the sampling rate"
        )
    if voxels < least:
        raise InputError(
            f"{option}: {diameter:g} Å are {voxels:.2g} voxels of '{tomogram.path}' ({rate:g} Å/voxel): too few to tell from "
            "noise; raise it or give a finer tomogram"
        )
