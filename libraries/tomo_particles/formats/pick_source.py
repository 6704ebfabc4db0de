"""What a user names as the picks of one picker: a file, a folder or a pattern, looked up and read once however many need it."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property

from ..core.errors import parameter
from ..core.read_once import ReadOnce
from .pick_folders import files_of


class PickSource:
    """The pick files behind a name, found when first asked for, each opened once (`ReadOnce`).

    path: as the user gave it.  option: for messages.
    The format of a file is told by its beginning, which is kept: `registry.recognise` opens it no second time.
    """

    def __init__(self, path: str | os.PathLike, option: str = parameter("picks")) -> None:
        self.path = os.fspath(path)
        self.option = option
        self._passed_over: list[str] = []

    @cached_property
    def files(self) -> list[ReadOnce]:
        """The files, sorted. Raises InputError as `files_of`."""
        return files_of(self.path, self.option, self._passed_over)

    @property
    def passed_over(self) -> list[str]:
        """What of a folder is no pick file, a line each."""
        return self._passed_over if self.files else []

    @cached_property
    def content(self) -> tuple[tuple[str, str], ...]:
        """Name and digest of every file, in the order in which they are read."""
        return tuple((str(file), hashlib.sha256(file.read_bytes()).hexdigest()) for file in self.files)

    @property
    def digest(self) -> tuple[str, ...]:
        """The same for sources with the same content, whatever their files are called."""
        return tuple(sorted(digest for _, digest in self.content))

    def forget(self) -> None:
        """Free the memory of what was read."""
        for file in self.files:
            file.forget()


class SilentSource(PickSource):
    """A picker that was followed to its end and found nothing, whatever lies behind its name."""

    @cached_property
    def files(self) -> list[ReadOnce]:
        """None."""
        return []
