"""Masks of regions that belong to tomograms, by the names of their files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tomo_particles.core.errors import InputError, listed
from tomo_particles.core.files import require_file


def masks_by_tomogram(given: Sequence[str], tomo_ids: Sequence[str], option: str) -> dict[str, str]:
    """The file of each tomogram, from files and folders; empty if none is given.

    Raises InputError where a tomogram has none or two, and for a file of no tomogram.
    """
    from tomo_particles.regions.mask_files import ENDING, FOR_TEMPLATES

    if not given:
        return {}
    found: dict[str, str] = {}
    for path in given:
        inside = _in_folder(path) if os.path.isdir(path) else [str(require_file(path, option))]
        names = {one: named_as(one) for one in inside}
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
    if lacking := [tomo_id for tomo_id in tomo_ids if tomo_id not in found]:
        raise no_mask(lacking, option)
    return found


def masks_so_far(given: Sequence[str]) -> dict[str, list[str]]:
    """The files of masks that are there, by the tomogram that each is named as: for masks that still arrive."""
    found: dict[str, list[str]] = {}
    for path in given:
        for one in _in_folder(path) if os.path.isdir(path) else [path] * os.path.isfile(path):
            found.setdefault(named_as(one), []).append(one)
    return found


def named_as(mask: str) -> str:
    """The tomogram that the file of a mask is named as."""
    from tomo_particles.core.tomograms import tomogram_id
    from tomo_particles.regions.mask_files import ENDING

    return tomogram_id(mask).removesuffix(ENDING)


def no_mask(tomo_ids: Sequence[str], option: str) -> InputError:
    """What is said of tomograms without a mask where others have one."""
    from tomo_particles.regions.mask_files import ENDING

    return InputError(f"{option}: no mask of {listed(tomo_ids)}; give one per tomogram, named <tomogram>{ENDING}.mrc")


def _in_folder(folder: str) -> list[str]:
    return sorted(map(str, Path(folder).glob("*.mrc")))
