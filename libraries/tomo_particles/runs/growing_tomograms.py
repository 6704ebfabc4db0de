"""The tomograms of a folder that grows: which are complete, and what is wrong with others."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..core.density_files import ends_blank, expected_size
from ..core.errors import InputError, listed, parameter
from ..core.tomograms import open_tomogram, tomogram_id
from .arrivals import SETTLE, Arrival, FileState, seen_again

ENDINGS = (".mrc", ".rec", ".map", ".mrc.gz", ".mrc.bz2")  # of tomograms in a folder; a pattern may name others


@dataclass(frozen=True)
class Arrived:
    """A complete tomogram. digest: of the state of its file.  sampling_rate: Å/voxel.  size: x, y, z, voxels.

    notes: what is unusual about it, a line each.
    """

    path: str
    digest: str
    sampling_rate: float
    size: tuple[int, int, int]
    notes: tuple[str, ...] = ()


class GrowingTomograms:
    """source: folder, or pattern with wildcards.  sampling_rate: Å/voxel, in place of what the headers say.

    said: words of an error, with the options of a program.  arrived: the complete ones, by id.  faults: why others cannot be used
    as they are, by id.
    """

    def __init__(
        self,
        source: str,
        sampling_rate: float | None = None,
        settle: float = SETTLE,
        option: str = parameter("tomogram"),
        said: Callable[[InputError], str] = str,
    ) -> None:
        self.source, self.sampling_rate, self.settle, self.option, self._said = source, sampling_rate, settle, option, said
        self.arrived: dict[str, Arrived] = {}
        self.faults: dict[str, str] = {}
        self._arrivals: dict[str, Arrival] = {}
        self._opened: dict[tuple[str, FileState], Arrived | str] = {}

    @property
    def waiting(self) -> bool:
        """Whether there are files that may still become complete."""
        return bool(self._unfinished)

    @property
    def _unfinished(self) -> dict[str, Arrival]:
        by_id = {tomogram_id(path): own for path, own in self._arrivals.items()}
        return {tomo_id: own for tomo_id, own in by_id.items() if tomo_id not in self.arrived and tomo_id not in self.faults}

    def unfinished(self, now: float) -> dict[str, str]:
        """Why tomograms that are neither complete nor given up are left out by a run that ends now, by id."""
        return {tomo_id: own.shortfall(now) for tomo_id, own in self._unfinished.items()}

    @property
    def states(self) -> dict[str, FileState]:
        """What the last look found of every file."""
        return {path: own.state for path, own in self._arrivals.items()}

    def look(self, now: float) -> None:
        """Look at the folder, at this monotonic time. Raises OSError where it cannot be read."""
        self._arrivals = seen_again(self._arrivals, dict(self._found()), now)
        current = {(path, own.state) for path, own in self._arrivals.items()}
        self._opened = {key: own for key, own in self._opened.items() if key in current}
        paths: dict[str, list[str]] = {}
        for path in self._arrivals:
            paths.setdefault(tomogram_id(path), []).append(path)
        self.arrived, self.faults = {}, {}
        for tomo_id, own in paths.items():
            found = self._tomogram(own[0], now) if len(own) == 1 else f"several files have its name: {listed(own)}; rename them"
            if isinstance(found, Arrived):
                self.arrived[tomo_id] = found
            elif found:
                self.faults[tomo_id] = found

    def _found(self) -> list[tuple[str, FileState]]:
        if os.path.isdir(self.source):
            paths = sorted(str(path) for path in Path(self.source).iterdir() if path.name.lower().endswith(ENDINGS))
            paths = [path for path in paths if not os.path.basename(path).startswith(".")]
        else:
            paths = sorted(glob.glob(self.source, recursive=True))
        found = []
        for path in paths:
            try:
                if os.path.isfile(path):
                    found.append((path, self._state(path)))
            except FileNotFoundError:  # renamed meanwhile
                continue
        return found

    def _state(self, path: str) -> FileState:
        info = os.stat(path)
        before = self._arrivals.get(path)
        if before is not None and (before.state.size, before.state.changed) == (info.st_size, info.st_mtime_ns):
            return before.state
        expected = expected_size(path)
        blank = expected == 0 or (expected is not None and 0 < expected <= info.st_size and ends_blank(path))
        return FileState(info.st_size, info.st_mtime_ns, expected, blank)

    def _tomogram(self, path: str, now: float) -> Arrived | str:
        """The tomogram, or why it cannot be used; empty while it is waited for."""
        arrival = self._arrivals[path]
        if not arrival.complete(now, self.settle):
            return arrival.fault(now)
        key = (path, arrival.state)
        if key not in self._opened:
            self._opened[key] = self._open(path, arrival.state)
        return self._opened[key]

    def _open(self, path: str, state: FileState) -> Arrived | str:
        try:
            with open_tomogram(path, self.sampling_rate, self.option) as opened:
                return Arrived(path, f"{state.size} {state.changed}", opened.sampling_rate, opened.size, opened.notes)
        except InputError as error:
            return self._said(error)
        except OSError as error:
            return f"'{path}': {error.strerror or error}"
