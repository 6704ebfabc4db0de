"""Scipion's sets on their way to the programs: links to tomograms, tables of picks, and what makes a set unusable."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace

from pyworkflow.utils import makeFilePath
from tomo.objects import SetOfCoordinates3D, SetOfTomograms, SetOfTomoMasks, Tomogram

from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import file_stem
from tomo_particles.core.picks import Picks
from tomo_particles.formats.xmd import join_tables, picks_columns, write_table

from ...convert import picks_of_set, size_of, tomogram_of, ts_ids_of

MAX_TOMOGRAM_LINES = 20


def link_tomogram(tomogram: Tomogram, link: str) -> str:
    """Make a link to the file of a tomogram, named by its id. Raises InputError if there is no such volume."""
    size_of(tomogram)
    makeFilePath(link)
    if not os.path.islink(link):
        os.symlink(os.path.abspath(tomogram.getFileName().partition(":")[0]), link)
    return link


def mask_file(masks: SetOfTomoMasks, ts_id: str) -> str:
    """The file of the mask of a tomogram. Raises InputError if there is no mask, or no file."""
    mask = masks[{"_tsId": ts_id}]
    if mask is None:
        raise InputError(f"*Masks of regions* has no mask of '{ts_id}'; make one, or leave this tomogram out")
    path = mask.getFileName().partition(":")[0]
    if not os.path.exists(path):
        raise InputError(f"the mask '{path}' of '{ts_id}' does not exist; make it again")
    return path


def link_mask(masks: SetOfTomoMasks, ts_id: str, link: str) -> str:
    """Make a link to the mask of a tomogram, named as programs expect. Raises InputError if there is no mask, or no file."""
    path = mask_file(masks, ts_id)
    makeFilePath(link)
    if not os.path.islink(link):
        os.symlink(os.path.abspath(path), link)
    return link


def write_picking(path: str, picking: SetOfCoordinates3D, ts_ids: Collection[str], rate: float) -> None:
    """Write the picks of the tomograms of the reference, in its voxels of `rate` Å. Raises InputError for a lost tomogram."""
    shared = [ts_id for ts_id in sorted(picking.getTSIds()) if ts_id in ts_ids]
    tomograms = {ts_id: tomogram_of(picking.getPrecedents(), ts_id) for ts_id in shared}
    for tomogram in tomograms.values():
        size_of(tomogram)  # without its file, the positions of Scipion's coordinates are unknown
    picks = {ts_id: picks_of_set(picking, tomogram, 1, rate) for ts_id, tomogram in tomograms.items()}
    write_picks_table(path, picks, picking.getBoxSize())


def write_picks_table(path: str, found: dict[str, Picks], box_size: int) -> None:
    """One table of all tomograms, under ids that are also the names of their links."""
    stems = {ts_id: file_stem(ts_id) for ts_id in found}
    table = join_tables([picks_columns(replace(picks, tomo_id=stems[ts_id]), box_size, f"{stems[ts_id]}.mrc")
                         for ts_id, picks in found.items()])
    write_table(path, {**table, "particleId": list(range(1, len(table["x"]) + 1))})


def set_errors(coordinates: SetOfCoordinates3D, growing: bool = False) -> list[str]:
    """What makes one set unusable. growing: its coordinates may still come, or never: nothing is wrong with none."""
    if growing and not ts_ids_of(coordinates):
        return []
    if not coordinates.getSize():
        return ["it is empty; remove it from the list."]
    tomograms = coordinates.getPrecedents()
    if not isinstance(tomograms, SetOfTomograms):
        return ["its tomograms cannot be found; choose coordinates that were picked in tomograms."]
    if not any(coordinates.getTSIds()):
        return ["its coordinates do not say in which tomogram they are; import them again."]
    errors = []
    rate, box_size = coordinates.getSamplingRate(), coordinates.getBoxSize()
    if not rate or rate <= 0:
        errors.append("it has no sampling rate; import it again with one.")
    elif not same_sampling_rate(rate, tomograms.getSamplingRate()):
        errors.append(f"it says {rate:g} Å/voxel but its tomograms {tomograms.getSamplingRate():g} Å/voxel; bring it to its "
                      "tomograms with 'extract 3D coordinates'.")
    if not box_size or box_size <= 0:
        errors.append("it has no box size; set one when importing or picking.")
    return errors
