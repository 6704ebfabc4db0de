"""Writes files under a temporary name first, so that the final name never holds an incomplete file; names for files; comments in
CSV files."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .errors import InputError
from .names import to_cell

if TYPE_CHECKING:
    import pandas as pd


_ASIDE = re.compile(r"\..+\.\d+\.(xmd|mrcs?|h5|keras)")  # large files alone, as `written_aside` names them
_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "files may not be that large here",
}


_unfinished: set[Path] = set()  # files and folders in the making


@contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """A file or folder in the making while the block runs: `remove_unfinished` removes it."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)


def remove_unfinished() -> None:
    """Remove all that is in the making: for a process that ends at once, with no block left in order."""
    for path in list(_unfinished):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def remove_leftovers(folder: str | os.PathLike) -> None:
    """Remove what a process that was killed was writing below a folder, where no other process writes."""
    for path in Path(folder).rglob(".*"):
        if _ASIDE.fullmatch(path.name) and path.is_file():
            path.unlink()


@contextmanager
def written_aside(path: str | os.PathLike, size: int = 0) -> Iterator[Path]:
    """Give a temporary path beside `path` (same ending); rename it to `path` if the block succeeds and the disk has it all.

    Parent folders are made. If the block fails the temporary file is removed and `path` stays as it was. size: bytes that it will
    take, about, for the message of a full disk. Raises InputError, which names the file and the space, where there is no space.
    """
    final = Path(path)
    # The process id keeps parallel runs apart; the ending stays last because MRC, XMD and Keras writers read it.
    aside = final.with_name(f".{final.stem}.{os.getpid()}{final.suffix}")
    with space_for(final, size, aside):
        final.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(aside):
            try:
                yield aside
                put(aside, final)
            finally:
                aside.unlink(missing_ok=True)


def put(made: str | os.PathLike, final: str | os.PathLike) -> None:
    """Rename a file that is complete to its final name, once the disk has all of it."""
    _to_disk(made)
    os.replace(made, final)
    _to_disk(Path(final).parent)


def _to_disk(path: str | os.PathLike) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network disks cannot do this for folders
            raise
    finally:
        os.close(descriptor)


@contextmanager
def space_for(path: str | os.PathLike, size: int = 0, aside: Path | None = None) -> Iterator[None]:
    """Make one line of a disk that is full while `path` is written. size: bytes needed, about.  aside: what is written so far."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # HDF5 tells the number in its text only, and where it closes a file not as an OSError
        found = next(
            (number for number in _FULL if getattr(error, "errno", None) == number or f"errno = {number}," in str(error)), None
        )
        if found is None:
            raise
        if aside is not None and aside.exists():
            size = max(size, aside.stat().st_size + 1)
        raise InputError(
            f"'{path}' cannot be written: {_FULL[found]}; it needs {_megabytes(size)}; free some space and start again"
        ) from error


def _megabytes(size: int) -> str:
    return f"about {max(0.1, (size or 1_000_000) / 1e6):.1f} MB"  # what nobody foretold is a picture or a page


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
    """Write a table as CSV with six significant decimals, under a temporary name first; a spreadsheet runs no cell of it."""
    texts = {
        name: [to_cell(cell) if isinstance(cell, str) else cell for cell in table[name]]
        for name in table
        if table[name].dtype == object or str(table[name].dtype).startswith("str")
    }
    table = table.assign(**texts)
    with written_aside(path, 12 * table.size) as aside:
        table.to_csv(aside, index=False, float_format="%.6g", quoting=quoting_of(table))


def without_comments(content: bytes) -> io.BytesIO:
    """A CSV without its comments: the lines that begin with #. Inside a line # is part of a name, of a class or a picker."""
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
    return io.BytesIO(b"".join(line for line in lines if not line.startswith(b"#")))


def quoting_of(table: pd.DataFrame) -> Literal[0, 2]:
    """How to quote a CSV so that no row is read as a comment: all words, if one of the first column begins with #."""
    comment = any(str(value).startswith("#") for value in set(table.iloc[:, 0]))
    return csv.QUOTE_NONNUMERIC if comment else csv.QUOTE_MINIMAL
