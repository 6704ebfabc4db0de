"""Copies of the files of a run in a folder of the user, where nothing of his is replaced."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import digest_of, written_aside


def copy_files(source: str, folder: str, before: Mapping[str, str]) -> dict[str, str]:
    """Copy the files of a folder to another; returns the digest of each copy, by its path.

    before: what this gave the last time; such a file is replaced if nobody changed it.
    Raises InputError, before anything is copied, for any other file of the same name.
    """
    copies = {path: Path(folder).resolve() / path.name for path in sorted(Path(source).iterdir())}
    for copy in copies.values():
        if copy.exists() and before.get(str(copy)) != digest_of(copy):
            raise InputError(
                f"*Destination folder*: {copy} exists, and is not what this run wrote; move it, or choose another folder")
    for path, copy in copies.items():
        with written_aside(copy) as aside:
            shutil.copyfile(path, aside)
    return {str(copy): digest_of(copy) for copy in copies.values()}
