"""An output set that grows: tomogram by tomogram, each in one transaction and once, also after an interruption."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pyworkflow.object import Object, Set
from pyworkflow.protocol import Protocol

from .set_looks import look_at_set


class GrowingOutput:
    """name: of the output.  kind: class of the set.  prepare: gives a new set its properties, before the first item.

    An output that is there already is continued: the one that the run knows, or one whose file was written before the run was
    killed. Its tomograms are counted in the file.
    """

    def __init__(self, protocol: Protocol, name: str, kind: type[Set], prepare: Callable[[Any], None]) -> None:
        self._protocol, self.name, self._kind, self._prepare = protocol, name, kind, prepare
        self._path = protocol._getPath(f"{name}.sqlite")
        self._set: Any = None
        self._tsIds: list[str] | None = None  # nobody else writes it

    @property
    def ts_ids(self) -> list[str]:
        """The tomograms that it has."""
        if self._tsIds is None:
            found = look_at_set(self._path)
            if found is None and os.path.exists(self._path):
                raise BlockingIOError(f"'{self._path}' cannot be read at the moment")
            self._tsIds = list(found.counts) if found else []
        return self._tsIds

    def append(self, ts_id: str, items: Iterable[Object]) -> None:
        """Append all items of one tomogram; readers see all of them or none. Whatever fails leaves the set as it was."""
        output = self._opened()
        try:
            if self.ts_ids:
                output.enableAppend()  # pyworkflow closes the set after every update
            n = 0
            for n, item in enumerate(items, start=1):  # noqa: B007
                output.append(item)
            if n:
                self._put(Set.STREAM_OPEN)
                self._tsIds = [*dict.fromkeys([*self.ts_ids, ts_id])]
        except BaseException:
            output.close()  # without a commit: what was appended is forgotten
            self._set = self._tsIds = None
            raise

    def adopt(self) -> None:
        """Make the run know an output whose file was written just before the run was killed, and open it again: pyworkflow closes
        the outputs of a run that is stopped."""
        if self.ts_ids:
            self._opened()
            self._put(Set.STREAM_OPEN)

    def close(self) -> None:
        """Say that nothing more comes."""
        if self.ts_ids:
            self._opened()
            self._put(Set.STREAM_CLOSED)

    def _opened(self) -> Any:
        if self._set is None:
            if self.ts_ids:
                known = self._protocol.hasAttribute(self.name)
                self._set = getattr(self._protocol, self.name) if known else self._kind(filename=self._path)
                if not known:
                    self._set.loadAllProperties()
                    self._prepare(self._set)
            else:  # a file without items is what an interruption left
                if os.path.exists(self._path):
                    os.remove(self._path)
                self._set = self._kind(filename=self._path)
                self._prepare(self._set)
        return self._set

    def _put(self, state: int) -> None:
        self._set.setStreamState(state)
        self._set.write()
        self._protocol._updateOutputSet(self.name, self._set, state=state)


def new_ones(wanted: Sequence[str], output: GrowingOutput) -> list[str]:
    """The tomograms that an output still lacks, in order."""
    there = set(output.ts_ids)
    return [ts_id for ts_id in wanted if ts_id not in there]
