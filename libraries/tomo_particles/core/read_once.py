"""Files that several parts of a program read, and that are opened once."""

from __future__ import annotations

import io
import os
from functools import cached_property
from pathlib import PosixPath
from typing import IO, Any

HEAD = 1 << 22  # bytes


class ReadOnce(PosixPath):
    """The path of a file that keeps its content after the first reading: later readers of this path do not open the file again.

    The first reading takes at most HEAD bytes, because often no more is needed. A longer file is therefore opened a second time
    when it is read whole. Paths derived from this one (`with_suffix`, `Path(path)`) do not share the content.
    """

    @cached_property
    def _head(self) -> bytes:
        with open(self, "rb") as file:
            return file.read(HEAD + 1)

    @cached_property
    def _content(self) -> bytes:
        if len(self._head) <= HEAD:
            return self._head
        with open(self, "rb") as file:
            return file.read()

    def head(self, size: int = HEAD) -> bytes:
        """The first bytes of the file, at most `size` and HEAD."""
        return self._head[: min(size, HEAD)]

    def read_bytes(self) -> bytes:
        """The whole file."""
        return self._content

    def open(  # type: ignore[override]
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """A stream of the content in memory, to read; for any other mode the file itself."""
        if mode == "rb":
            return io.BytesIO(self._content)
        if mode == "r":
            return io.TextIOWrapper(io.BytesIO(self._content), encoding, errors, newline)
        return open(self, mode, buffering, encoding, errors, newline)

    def forget(self) -> None:
        """Free the memory; the next reader opens the file again."""
        for kept in ("_head", "_content"):
            self.__dict__.pop(kept, None)


def read_once(path: str | os.PathLike) -> ReadOnce:
    """The path as a `ReadOnce`; unchanged if it is one."""
    return path if isinstance(path, ReadOnce) else ReadOnce(path)
