"""The tomograms whose picks are averaged: sizes and sampling rates, and why picks are left out."""

from __future__ import annotations

from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import open_tomogram, tomogram_id

from .._shared.averaging_options import check_diameter
from .config import AverageConfig

Header = tuple[tuple[int, int, int], float]  # size x, y, z and sampling rate
FAULTS = {
    "border": "more than half of their box is outside the tomogram",
    "not numbers": "their box holds values that are not numbers",
    "flat": "their box holds one grey value only",
}


def read_headers(config: AverageConfig) -> dict[str, Header]:
    """Size and sampling rate of each tomogram, by id; refuses those in which the particle does not fit, and different rates."""
    headers: dict[str, Header] = {}
    for path in config.tomograms:
        with open_tomogram(path, config.tomogram_sampling_rate, "--tomograms") as tomogram:
            size, rate = tomogram.size, tomogram.sampling_rate
        check_diameter(config.diameter, size, rate, str(path), "--diameter")
        if config.lowpass < 3 * rate:
            raise InputError(f"--lowpass: '{path}' has voxels of {rate:g} Å; a search needs {3 * rate:g} Å or more")
        if config.finest is not None and config.finest < 2 * rate:
            raise InputError(f"--finest: '{path}' has voxels of {rate:g} Å and shows nothing finer than {2 * rate:g} Å; raise it")
        first = next(iter(headers.values()), (size, rate))[1]
        if not same_sampling_rate(rate, first):
            raise InputError(
                f"--tomograms: '{path}' has voxels of {rate:g} Å, '{config.tomograms[0]}' of {first:g} Å; bin all of them alike"
            )
        headers[tomogram_id(path)] = (size, rate)
    return headers
