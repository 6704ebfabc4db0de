"""The work of xmipp_template_matching_tomo from files to files: templates and masks read and checked, searches, picks written."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import Tomogram, open_tomogram, tomogram_id, write_volume
from tomo_particles.fourier.ctf import CTF
from tomo_particles.fourier.whitening import whitening_of
from tomo_particles.geometry.orientations import angles_of, rotation_grid
from tomo_particles.pickers.template_kernels import Imaging, Kernels, density_diameter, spherical_mask, usable_resolution
from tomo_particles.pickers.template_matching import ScoreMap, Space, match, prepare, seconds_per_rotation, working_bytes
from tomo_particles.pickers.template_selection import CANDIDATES, select

from .._shared.picker_output import write_pickings

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

    from ..template_matching_tomo import TemplateMatchingConfig

CROWTHER_RANGE = (7.0, 20.0)  # degrees: finer takes hours on a workstation, coarser misses what is not nearly round
SPHERICAL = 0.2  # root mean square of what a mask varies by at one distance from its centre, relative to it


@dataclass(frozen=True)
class Template:
    """density: (z, y, x), particle bright; rate: Å/voxel; diameter: Å."""

    name: str
    path: Path
    density: np.ndarray
    rate: float
    diameter: float


def write_matches(config: TemplateMatchingConfig) -> list[Picks]:
    """Search from files to a file; returns the picks of each tomogram. All input is checked before the first search."""
    templates = _read_templates(config)
    mask = _read_mask(config, templates) if config.mask else None
    for path in config.tomograms:
        with open_tomogram(path, config.tomogram_sampling_rate, "--tomograms") as tomogram:
            _check_sizes(tomogram, templates)
    ctf = None
    if config.defocus:
        ctf = CTF(config.defocus, config.voltage, config.spherical_aberration, config.amplitude_contrast, None)
    pickings = []
    for path in config.tomograms:
        with open_tomogram(path, config.tomogram_sampling_rate, "--tomograms") as tomogram:
            pickings.append(_search(config, tomogram, templates, mask, ctf))
    write_pickings(config.output, pickings, config.tomograms, max(template.diameter for template in templates))
    return pickings


def _read_templates(config: TemplateMatchingConfig) -> list[Template]:
    templates = []
    for number, path in enumerate(config.templates):
        density, rate = _read_density(path, config.template_sampling_rate, "--templates")
        if density.max() <= density.min():
            raise InputError(f"--templates: '{path}' holds one grey value only; give the density of a particle")
        if config.diameters:
            diameter = config.diameters[number % len(config.diameters)]
        else:
            diameter = density_diameter(density, rate)
        templates.append(Template(Path(path).stem, Path(path), density, rate, diameter))
    return templates


def _read_density(path: str, sampling_rate: float | None, option: str) -> tuple[np.ndarray, float]:
    try:
        with open_tomogram(path, sampling_rate, option) as volume:
            density, rate = np.array(volume.data, dtype=np.float32), volume.sampling_rate
    except InputError as error:  # the reader advises the option for tomograms
        raise InputError(str(error).replace("--tomogramSamplingrate", "--templateSamplingrate")) from error
    if not np.isfinite(density).all():
        raise InputError(f"{option}: '{path}' has voxels that are not numbers; write it again")
    return density, rate


def _read_mask(config: TemplateMatchingConfig, templates: list[Template]) -> np.ndarray:
    """(n,) the mask's value at 0, 1, 2... template voxels from its centre."""
    option = "--mask"
    mask, _ = _read_density(str(config.mask), config.template_sampling_rate or templates[0].rate, option)
    for template in templates:
        if mask.shape != template.density.shape:
            raise InputError(
                f"{option}: '{config.mask}' has {_size(mask.shape)} voxels, '{template.path}' {_size(template.density.shape)}; "
                "give a mask in the box of the templates"
            )
        if not same_sampling_rate(template.rate, templates[0].rate):
            raise InputError(f"{option}: '{template.path}' and '{templates[0].path}' have different voxels; leave {option} out")
    if mask.min() < 0 or mask.max() <= 0:
        raise InputError(f"{option}: '{config.mask}' must be 0 outside of the particle and up to 1 inside")
    centre = np.array(mask.shape)[:, None, None, None] // 2
    square = ((np.indices(mask.shape) - centre) ** 2).sum(axis=0).ravel()
    same_distance = np.bincount(square, mask.ravel()) / np.maximum(np.bincount(square), 1)
    rms = np.sqrt(np.mean((mask.ravel() - same_distance[square]) ** 2) / np.mean(mask**2))
    shells = np.rint(np.sqrt(square)).astype(int)
    profile = np.bincount(shells, mask.ravel()) / np.bincount(shells)
    if rms > SPHERICAL:
        raise InputError(
            f"{option}: '{config.mask}' is not a ball about the middle of its box (voxel size // 2), and the local normalisation "
            "needs one mask for all rotations; leave it out and give --diameter"
        )
    return profile / profile.max()


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape[::-1]))


def _check_sizes(tomogram: Tomogram, templates: list[Template]) -> None:
    smallest = min(tomogram.size) * tomogram.sampling_rate
    for template in templates:
        box = min(template.density.shape) * template.rate
        if template.diameter > smallest:
            raise InputError(
                f"--templates: '{template.path}', {template.diameter:.0f} Å in diameter, is bigger than '{tomogram.path}' is "
                f"thick ({smallest:.0f} Å); check both sampling rates, or lower --diameter"
            )
        if template.diameter > 2 * box:
            raise InputError(
                f"--diameter: {template.diameter:g} Å are more than twice the box of '{template.path}' ({box:g} Å); lower it"
            )
        if template.diameter < 2 * tomogram.sampling_rate:
            raise InputError(
                f"--diameter: {template.diameter:g} Å are less than two voxels of '{tomogram.path}' "
                f"({tomogram.sampling_rate:g} Å/voxel); raise it or check the sampling rates"
            )


def _search(
    config: TemplateMatchingConfig, tomogram: Tomogram, templates: list[Template], mask: np.ndarray | None, ctf: CTF | None
) -> Picks:
    """The picks of one tomogram: every template searched, then selected."""
    coarsest = max(template.rate for template in templates)
    imaging = Imaging(usable_resolution(tomogram.sampling_rate, coarsest, config.lowpass, ctf), config.tilts, ctf)
    if config.whiten:
        whitening = whitening_of(tomogram.data, tomogram.sampling_rate, config.tilts, config.threads)
        imaging = replace(imaging, whitening=whitening)
    reach = max(template.diameter for template in templates) / 2
    space = prepare(tomogram.data, tomogram.sampling_rate, imaging, reach, bright=config.bright, workers=config.threads)
    print(
        f"{tomogram.path}: at {imaging.resolution:.1f} Å on {_size(space.shape)} voxels of {np.mean(space.voxel):.2f} Å, "
        f"about {(space.spectrum.nbytes + working_bytes(space, config.threads)) / 2**20:.0f} MB"
    )
    tomo_id = tomogram_id(tomogram.path)
    candidates = {}
    for template in templates:
        kernels = Kernels(template.density, template.rate, _search_mask(template, mask, space), space.voxel, imaging)
        step = config.angular_step or crowther_step(imaging.resolution, template.diameter)
        rotations = rotation_grid(step)
        found = _match(config, template, space, kernels, rotations, step)
        if config.scoremaps:
            _write_score_map(Path(config.scoremaps), tomo_id, template.name, found, rotations, space)
        candidates[template.name] = _picks(config, tomogram, tomo_id, template, found, rotations)
    diameters = {template.name: template.diameter for template in templates}
    picks = select(candidates, diameters, config.select, config.number)
    print(f"{tomogram.path}: {len(picks)} picks")
    return picks


def crowther_step(resolution: float, diameter: float) -> float:
    """Angle (degrees) by which a particle's surface moves one resolution, within CROWTHER_RANGE."""
    return float(np.clip(np.degrees(resolution / diameter), *CROWTHER_RANGE))


def _search_mask(template: Template, profile: np.ndarray | None, space: Space) -> np.ndarray:
    rate = float(np.mean(space.voxel))
    if profile is None:
        return spherical_mask(template.diameter / rate)
    reach = int(np.ceil(np.flatnonzero(profile > 1e-3)[-1] * template.rate / rate))
    z, y, x = np.ogrid[-reach:reach + 1, -reach:reach + 1, -reach:reach + 1]
    radius = np.sqrt(z**2 + y**2 + x**2) * (rate / template.rate)
    return np.interp(radius, np.arange(len(profile)), profile, right=0).astype(np.float32)


def _match(
    config: TemplateMatchingConfig, template: Template, space: Space, kernels: Kernels, rotations: Rotation, step: float
) -> ScoreMap:
    count = len(rotations)
    seconds = seconds_per_rotation(space, kernels) * count / min(config.threads, count)
    print(f"  {template.name}: {template.diameter:.0f} Å, {count} rotations of {step:.1f} degrees, about {seconds:.0f} s")
    start = time.perf_counter()
    found = match(space, kernels, rotations, threads=config.threads)
    print(
        f"  {template.name}: {time.perf_counter() - start:.0f} s, best score {found.score.max():.3f}, "
        f"noise threshold {found.automatic_threshold:.3f}"
    )
    return found


def _picks(
    config: TemplateMatchingConfig, tomogram: Tomogram, tomo_id: str, template: Template, found: ScoreMap, rotations: Rotation
) -> Picks:
    number = config.number * CANDIDATES if config.number and config.select == "filtered" else config.number
    peaks = found.peaks(template.diameter / 2 / tomogram.sampling_rate, threshold=config.threshold, number=number)
    best = found.rotation[tuple(peaks.voxels.T)]
    angles = angles_of(rotations[best]) if len(best) else np.zeros((0, 3))
    species = np.full(len(peaks), template.name, dtype=object)
    return Picks(tomo_id, peaks.positions, tomogram.sampling_rate, score=peaks.scores, angles=angles, species=species)


def _write_score_map(folder: Path, tomo_id: str, name: str, found: ScoreMap, rotations: Rotation, space: Space) -> None:
    """Scores (0 where there is none), rotation numbers, and the angles of the rotations by number."""
    import pandas as pd

    rate = float(np.mean(space.voxel))
    write_volume(folder / f"{tomo_id}_{name}_scores.mrc", np.where(np.isfinite(found.score), found.score, 0), rate)
    write_volume(folder / f"{tomo_id}_{name}_rotations.mrc", found.rotation, rate)
    table = pd.DataFrame(angles_of(rotations), columns=["rot", "tilt", "psi"])
    table.insert(0, "rotation", np.arange(len(table)))
    write_csv_table(folder / f"{tomo_id}_{name}_rotations.csv", table)
