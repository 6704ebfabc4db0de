"""xmipp_template_matching_tomo from files to files: templates and masks read and checked, picks and score maps written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import each_tomogram, open_tomogram, tomogram_id, write_volume
from tomo_particles.fourier.ctf import CTF
from tomo_particles.geometry.orientations import angles_of
from tomo_particles.learning.training_time import in_minutes
from tomo_particles.pickers.template_matching import PreparedTomogram, ScoreMap
from tomo_particles.pickers.template_search import SearchSettings, Template, edges, search

from .._shared.mask_option import bad_voxels_of, mask_of
from .._shared.masks import masks_by_tomogram
from .._shared.picker_output import write_pickings
from .._shared.program import print_notes
from .._shared.progress import say_on_the_way, stage
from .._shared.templates import check_template_sizes, read_density, read_templates
from .config import TemplateMatchingConfig

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

LONG = 600  # seconds: longer work comes with advice
SPHERICAL = 0.2  # root mean square of what a mask varies by at one distance from its centre, relative to it


def write_matches(config: TemplateMatchingConfig) -> list[Picks]:
    """Search from files to a file; returns the picks of each tomogram. All input is checked before the first search."""
    notes: list[str] = []
    masks = masks_by_tomogram(config.mask, [tomogram_id(path) for path in config.tomograms], "--mask")
    templates = read_templates(config.templates, config.diameters, config.template_sampling_rate, notes, "--templates")
    template_mask = _read_template_mask(config, templates, notes) if config.template_mask else None
    for tomogram in each_tomogram(config.tomograms, config.tomogram_sampling_rate, "--tomograms", notes):
        check_template_sizes(tomogram, templates, "--templates")
        mask_of(masks, tomogram)
    print_notes(notes)
    ctf = None
    if config.defocus:
        ctf = CTF(config.defocus, config.voltage, config.spherical_aberration, config.amplitude_contrast, None)
    settings = SearchSettings(
        tilts=config.tilts,
        ctf=ctf,
        lowpass=config.lowpass,
        angular_step=config.angular_step,
        bright=config.bright,
        whiten=config.whiten,
        number=config.number,
        threshold=config.threshold,
        select=config.select,
        coarse_first=config.coarse_first,
        threads=config.threads,
    )
    pickings: list[Picks] = []

    def expect(seconds: float) -> None:
        if not pickings:  # the others take about as long as the first
            say_on_the_way(time_line(seconds, config, templates))

    with stage("template matching", len(config.tomograms), "tomograms") as at:
        for path in config.tomograms:
            keep = partial(_write_score_map, Path(config.scoremaps), tomogram_id(path)) if config.scoremaps else None
            with open_tomogram(path, config.tomogram_sampling_rate, "--tomograms") as tomogram:
                mask = mask_of(masks, tomogram)
                bad = bad_voxels_of(mask, tomogram)
                picks = search(
                    tomogram,
                    templates,
                    settings,
                    template_mask,
                    bad=bad,
                    keep=keep,
                    progress=say_on_the_way,
                    expect=expect,
                    done=at.within,
                )
                if mask is not None:  # a peak may be refined into a bad voxel
                    picks = picks[~mask.is_bad_at(picks.positions, tomogram.sampling_rate)]
            pickings.append(picks)
            at.done(f"{path}: {len(picks)} picks")
    write_pickings(config.output, pickings, config.tomograms, max(template.diameter for template in templates))
    return pickings


def time_line(seconds: float, config: TemplateMatchingConfig, templates: Sequence[Template]) -> str:
    """How long the work takes; of long work also what shortens it. seconds: of the first tomogram."""
    count = len(config.tomograms)
    line = f"about {in_minutes(seconds * count)} for {count} tomogram{'s' * (count > 1)}"
    if seconds * count > LONG:
        line += "; a larger --angularstep or --lowpass makes it quicker"
        if not config.diameters:
            largest = max(template.diameter for template in templates)
            line += f", and so does --diameter where the particle is smaller than measured ({largest:.0f} A)"
    return line


def _read_template_mask(config: TemplateMatchingConfig, templates: list[Template], notes: list[str]) -> np.ndarray:
    """(n,) the mask's value at 0, 1, 2... template voxels from its centre."""
    option = "--templateMask"
    mask, _ = read_density(str(config.template_mask), config.template_sampling_rate or templates[0].rate, option, notes)
    for template in templates:
        if mask.shape != template.density.shape:
            raise InputError(
                f"{option}: '{config.template_mask}' has {edges(mask.shape)} voxels, '{template.path}' "
                f"{edges(template.density.shape)}; give a mask in the box of the templates"
            )
        if not same_sampling_rate(template.rate, templates[0].rate):
            raise InputError(f"{option}: '{template.path}' and '{templates[0].path}' have different voxels; leave {option} out")
    if mask.min() < 0 or mask.max() <= 0:
        raise InputError(f"{option}: '{config.template_mask}' must be 0 outside of the particle and up to 1 inside")
    centre = np.array(mask.shape)[:, None, None, None] // 2
    square = ((np.indices(mask.shape) - centre) ** 2).sum(axis=0).ravel()
    same_distance = np.bincount(square, mask.ravel()) / np.maximum(np.bincount(square), 1)
    rms = np.sqrt(np.mean((mask.ravel() - same_distance[square]) ** 2) / np.mean(mask**2))
    shells = np.rint(np.sqrt(square)).astype(int)
    profile = np.bincount(shells, mask.ravel()) / np.bincount(shells)
    if rms > SPHERICAL:
        raise InputError(
            f"{option}: '{config.template_mask}' is not a ball about the middle of its box (voxel size // 2), and the local "
            "normalisation needs one mask for all rotations; leave it out and give --diameter"
        )
    return profile / profile.max()


def _write_score_map(
    folder: Path, tomo_id: str, template: Template, found: ScoreMap, rotations: Rotation, prepared: PreparedTomogram
) -> None:
    """Scores (0 where there is none), rotation numbers, and the angles of the rotations by number."""
    import pandas as pd

    name, rate = template.name, float(np.mean(prepared.voxel))
    write_volume(folder / f"{tomo_id}_{name}_scores.mrc", np.where(np.isfinite(found.score), found.score, 0), rate)
    write_volume(folder / f"{tomo_id}_{name}_rotations.mrc", found.rotation, rate)
    table = pd.DataFrame(angles_of(rotations), columns=["rot", "tilt", "psi"])
    table.insert(0, "rotation", np.arange(len(table)))
    write_csv_table(folder / f"{tomo_id}_{name}_rotations.csv", table)
