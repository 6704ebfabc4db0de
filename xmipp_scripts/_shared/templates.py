"""Templates: densities of particles that are looked for in tomograms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tomo_particles.core.errors import InputError, parameter
from tomo_particles.core.tomograms import Tomogram, open_tomogram
from tomo_particles.pickers.template_kernels import density_diameter
from tomo_particles.pickers.template_search import Template


def read_templates(
    paths: Sequence[str], diameters: Sequence[float], sampling_rate: float | None, notes: list[str], option: str
) -> list[Template]:
    """The templates of the files. diameters: Å, one for all or one each; without, they are measured. notes: receives notes."""
    templates = []
    for number, path in enumerate(paths):
        density, rate = read_density(path, sampling_rate, option, notes)
        if density.max() <= density.min():
            raise InputError(f"{option}: '{path}' holds one grey value only; give the density of a particle")
        if diameters:
            diameter = diameters[number % len(diameters)]
        else:
            diameter = density_diameter(density, rate)
        templates.append(Template(Path(path).stem, Path(path), density, rate, diameter))
    return templates


def read_density(path: str, sampling_rate: float | None, option: str, notes: list[str]) -> tuple[np.ndarray, float]:
    """A density (z, y, x) and its sampling rate, Å/voxel."""
    with open_tomogram(path, sampling_rate, option, parameter("template_sampling_rate")) as volume:
        density, rate = np.array(volume.data, dtype=np.float32), volume.sampling_rate
        notes += volume.notes
    if not np.isfinite(density).all():
        raise InputError(f"{option}: '{path}' has voxels that are not numbers; repair the file")
    return density, rate


def check_template_sizes(tomogram: Tomogram, templates: Sequence[Template], option: str) -> None:
    """Raise InputError for a template that cannot be in the tomogram. option: of the templates."""
    smallest = min(tomogram.size) * tomogram.sampling_rate
    for template in templates:
        box = min(template.density.shape) * template.rate
        if template.diameter > smallest:
            raise InputError(
                f"{option}: '{template.path}', {template.diameter:.0f} Å in diameter, is bigger than '{tomogram.path}' is "
                f"thick ({smallest:.0f} Å)",
                "check both sampling rates",
                f"lower {parameter('diameter')}",
            )
        if template.diameter > 2 * box:
            raise InputError(
                f"{parameter('diameter')}: {template.diameter:g} Å are more than twice the box of '{template.path}' ({box:g} Å); "
                "lower it"
            )
        if template.diameter < 2 * tomogram.sampling_rate:
            raise InputError(
                f"{parameter('diameter')}: {template.diameter:g} Å are less than two voxels of '{tomogram.path}' "
                f"({tomogram.sampling_rate:g} Å/voxel); raise it or check the sampling rates"
            )
