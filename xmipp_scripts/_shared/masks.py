"""Masks of regions that belong to tomograms, by the names of their files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tomo_particles.core.errors import InputError, listed
from tomo_particles.core.files import require_file


def masks_by_tomogram(given: Sequence[str], tomo_ids: Sequence[str], option: str, *, every: bool = True) -> dict[str, str]:
    """The file of each tomogram, from files and folders; empty if none is given.

    Raises InputError where a tomogram has two, or none (not `every`: where no tomogram has one), and for a file of no tomogram.
    In a folder, the masks may lie beside their tomograms.
    """
    from tomo_particles.core.tomograms import tomogram_id
    from tomo_particles.regions.mask_files import ENDING, FOR_TEMPLATES

    if not given:
        return {}
    found: dict[str, str] = {}
    for path in given:
        inside = sorted(map(str, Path(path).glob("*.mrc"))) if os.path.isdir(path) else [str(require_file(path, option))]
        stems = {one: tomogram_id(one) for one in inside}
        no_masks = {stem for stem in stems.values() if f"{stem}{ENDING}" in stems.values()}
        names = {one: stem.removesuffix(ENDING) for one, stem in stems.items() if stem not in no_masks}
        if not os.path.isdir(path) and names[path] not in tomo_ids:
            raise InputError(
                f"{option}: '{path}' is named as the mask of no tomogram",
                f"name it as its tomogram, <tomogram>{ENDING}.mrc",
                FOR_TEMPLATES,
            )
        for one, tomo_id in names.items():
            if tomo_id not in tomo_ids:
                continue
            if tomo_id in found:
                raise InputError(f"{option}: '{found[tomo_id]}' and '{one}' are both masks of '{tomo_id}'; give one")
            found[tomo_id] = one
    lacking = [tomo_id for tomo_id in tomo_ids if tomo_id not in found]
    if lacking and (every or not found):
        raise InputError(f"{option}: no mask of {listed(lacking)}; give one per tomogram, named <tomogram>{ENDING}.mrc")
    return found
