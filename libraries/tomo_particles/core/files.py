"""Writing files so that nothing half-written ever stands under a final name, and names for them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def written_aside(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path` (same ending); rename it to `path` if the block succeeds.

    Parent folders are made. If the block fails the temporary file is removed and `path` stays as it was.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    # The process id keeps parallel runs apart; the ending stays last because MRC, XMD and Keras writers read it.
    aside = final.with_name(f".{final.stem}.{os.getpid()}{final.suffix}")
    try:
        yield aside
        os.replace(aside, final)
    finally:
        aside.unlink(missing_ok=True)


def file_stem(tomo_id: str) -> str:
    """A file name for the id of a tomogram: unchanged if it is plain, else made plain and unique by a digest of the id."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", tomo_id)
    return plain if plain == tomo_id else f"{plain}_{hashlib.sha1(tomo_id.encode()).hexdigest()[:8]}"


def digest_of(path: str | os.PathLike) -> str:
    """A digest of the content of a file; empty where there is none."""
    found = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                found.update(part)
    except OSError:
        return ""
    return found.hexdigest()


def require_file(path: str | os.PathLike, option: str) -> Path:
    """The path of an existing, non-empty file. Raises InputError naming the file and the option."""
    found = path if isinstance(path, Path) else Path(path)  # a `ReadOnce` stays one
    if not found.is_file():
        raise InputError(f"{option}: file '{path}' does not exist; check the name")
    if found.stat().st_size == 0:
        raise InputError(f"{option}: file '{path}' is empty; give a file with content")
    return found


def write_csv_table(path: str | os.PathLike, table: pd.DataFrame) -> None:
    """Write a table as CSV with six significant decimals, aside and renamed."""
    with written_aside(path) as aside:
        table.to_csv(aside, index=False, float_format="%.6g")
