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
    from tomo_particles.regions.mask_files import ENDING, FOR_TEMPLATES

    if not given:
        return {}
    found: dict[str, str] = {}
    for path in given:
        names = _in_folder(path) if os.path.isdir(path) else {path: named_as(require_file(path, option))}
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
        raise no_mask(lacking, option)
    return found


def masks_so_far(given: Sequence[str]) -> dict[str, list[str]]:
    """The files of masks that are there, by the tomogram that each is named as: for masks that still arrive."""
    found: dict[str, list[str]] = {}
    for path in given:
        names = _in_folder(path) if os.path.isdir(path) else {path: named_as(path)} if os.path.isfile(path) else {}
        for one, tomo_id in names.items():
            found.setdefault(tomo_id, []).append(one)
    return found


def named_as(mask: str | os.PathLike) -> str:
    """The tomogram that the file of a mask is named as."""
    from tomo_particles.core.tomograms import tomogram_id
    from tomo_particles.regions.mask_files import ENDING

    return tomogram_id(mask).removesuffix(ENDING)


def no_mask(tomo_ids: Sequence[str], option: str) -> InputError:
    """What is said of tomograms without a mask where others have one."""
    from tomo_particles.regions.mask_files import ENDING

    return InputError(f"{option}: no mask of {listed(tomo_ids)}; give one per tomogram, named <tomogram>{ENDING}.mrc")


def _in_folder(folder: str) -> dict[str, str]:
    """The masks of a folder, each with the tomogram that it is named as; tomograms beside their masks are none."""
    from tomo_particles.core.tomograms import tomogram_id
    from tomo_particles.regions.mask_files import ENDING

    stems = {str(path): tomogram_id(path) for path in sorted(Path(folder).glob("*.mrc"))}
    tomograms = {stem for stem in stems.values() if f"{stem}{ENDING}" in stems.values()}
    return {path: stem.removesuffix(ENDING) for path, stem in stems.items() if stem not in tomograms}
