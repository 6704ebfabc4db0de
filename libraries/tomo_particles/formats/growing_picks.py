"""The picks of a picker that is still at work: a folder of files that grows, or one file that does."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..core.errors import InputError, NoPicksError, parameter
from ..core.picks import Picks
from ..core.read_once import ReadOnce
from .naming import bare
from .pick_files import read_one_of_several
from .pick_folders import files_so_far, is_other_file, is_single, refuse_several_formats
from .registry import recognise

NOTHING = ""  # in place of a digest: the picker looked at the tomogram and found nothing
Notes = list[str] | None
Sizes = Mapping[str, tuple[float, tuple[int, int, int]]]  # sampling rate (Å/voxel) and size (x, y, z, voxels) of tomograms, by id


@dataclass(frozen=True)
class _Read:
    """What one file says, in the state in which it was read.

    known: how many tomograms were known.  of: digests by tomogram.  counts: numbers of picks by tomogram.
    fault: why it cannot be read.
    notes: what else to know of it.  later: which of its picks are of tomograms that have not come.
    content: digest of the bytes of a file with picks, else empty.  format: its name, of a file with picks in a folder.
    """

    state: tuple[int, int]
    known: int
    of: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""
    notes: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    content: str = ""
    format: str = ""


class GrowingPicks:
    """source: file, folder or pattern.  picker: its number.  sampling_rate: Å/voxel of its files where they do not say it.

    said: words of an error, with the options of a program.
    """

    def __init__(
        self,
        source: str,
        picker: int = 0,
        sampling_rate: float | None = None,
        option: str = parameter("picks"),
        said: Callable[[InputError], str] = str,
    ) -> None:
        self.source, self.picker, self.sampling_rate, self.option, self._said = source, picker, sampling_rate, option, said
        self._files: dict[Path, _Read] = {}

    @property
    def faults(self) -> dict[str, str]:
        """Why files cannot be read as they are now, by path."""
        return {str(path): own.fault for path, own in self._files.items() if own.fault}

    @property
    def notes(self) -> list[str]:
        """What else to know of the files, a line each."""
        return [note for own in self._files.values() for note in own.notes]

    @property
    def counts(self) -> dict[str, int]:
        """How many picks there are of each tomogram."""
        found: Counter[str] = Counter()
        for own in self._files.values():
            found.update(own.counts)
        return dict(found)

    @property
    def later(self) -> list[str]:
        """Which picks of files with picks of known tomograms are of none of them, a line a file."""
        return [line for own in self._files.values() for line in own.later]

    @property
    def strange(self) -> list[str]:
        """The names of files with picks that are of no tomogram known at the last look."""
        return [path.name for path, own in self._files.items() if own.content and not own.of]

    def contents_of(self, tomo_id: str) -> list[str]:
        """The same for the same content of the files with picks of a tomogram, whatever they are called."""
        return sorted(own.content for own in self._files.values() if own.of.get(tomo_id, NOTHING) != NOTHING)

    def check_formats(self) -> None:
        """Raise InputError where the files of a folder are of several formats."""
        by_format: dict[str, list[Path]] = {}
        for path, own in self._files.items():
            if own.format:
                by_format.setdefault(own.format, []).append(path)
        refuse_several_formats(self.source, by_format, self.option)

    @property
    def states(self) -> dict[str, tuple[int, int]]:
        """Size and time of change of every file at the last look."""
        return {str(path): own.state for path, own in self._files.items()}

    def look(self, tomograms: Sizes) -> dict[str, str]:
        """A digest of the picks of each known tomogram, by id; NOTHING for an empty file of the name of a tomogram.

        A file is read if it is new or has changed, and again when a tomogram came that it may be of.
        """
        files = {}
        for path in files_so_far(self.source):
            try:
                state, before = _state(path), self._files.get(path)
            except FileNotFoundError:
                continue
            stale = before is None or before.state != state
            if before is not None and not stale:
                several = is_single(self.source) or len(before.of) != 1 or bool(before.later)
                stale = before.known < len(tomograms) and several
            files[path] = self._read(path, state, tomograms) if stale or before is None else before
        self._files = files
        of: dict[str, dict[Path, _Read]] = {}  # the files of each tomogram
        for path, own in files.items():
            for tomo_id in own.of:
                of.setdefault(tomo_id, {})[path] = own
        return {tomo_id: _joined(tomo_id, of[tomo_id]) for tomo_id in sorted(of)}

    def picks_of(self, tomo_id: str, tomograms: Sizes) -> Picks | None:
        """The picks of a tomogram as the last look found them; None if there are none, or if a file has changed since."""
        parts = []
        for path, own in self._files.items():
            if own.of.get(tomo_id, NOTHING) == NOTHING:
                continue
            try:
                found = self._picks(path, {tomo_id: tomograms[tomo_id]})
                unchanged = _state(path) == own.state
            except (InputError, OSError):
                return None
            if not unchanged or tomo_id not in found:
                return None
            parts.append(found[tomo_id])
        if not parts:
            return None
        return Picks.concatenate([part.at_sampling_rate(parts[0].sampling_rate) for part in parts])

    def digest_of(self, tomo_id: str) -> str:
        """The digest of a tomogram at the last look; NOTHING where it has none."""
        return _joined(tomo_id, self._files)

    def _picks(self, path: Path, tomograms: Sizes, notes: Notes = None, later: Notes = None) -> dict[str, Picks]:
        rates = {tomo_id: rate for tomo_id, (rate, _) in tomograms.items()}
        sizes = {tomo_id: size for tomo_id, (_, size) in tomograms.items()}
        folder = path.parent if is_single(self.source) else self.source
        return read_one_of_several(
            path,
            folder,
            rates,
            picker=self.picker,
            sampling_rate=self.sampling_rate,
            option=self.option,
            sizes=sizes,
            notes=notes,
            later=later,
        )

    def _read(self, path: Path, state: tuple[int, int], tomograms: Sizes) -> _Read:
        read = _Read(state, len(tomograms))
        file, notes, later = ReadOnce(path), list[str](), list[str]()
        try:
            if not tomograms or is_other_file(path):
                return read
            picks = self._picks(file, tomograms, notes, later)
            of = {tomo_id: digest_of_picks(own) for tomo_id, own in picks.items()}
            counts = {tomo_id: len(own) for tomo_id, own in picks.items()}
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            kind = recognise(file, self.option).name if os.path.isdir(self.source) else ""
            return replace(read, of=of, counts=counts, notes=tuple(notes), later=tuple(later), content=content, format=kind)
        except NoPicksError:
            named = [tomo_id for tomo_id, (rate, _) in tomograms.items() if bare(path.name, rate) == bare(tomo_id, rate)]
            return replace(read, of=dict.fromkeys(named[:1], NOTHING))
        except InputError as error:  # it may be half-written
            return replace(read, fault=self._said(error))
        except OSError as error:
            return replace(read, fault=f"'{path}': {error.strerror or error}")


def _state(path: Path) -> tuple[int, int]:
    info = path.stat()
    return info.st_size, info.st_mtime_ns


def digest_of_picks(picks: Picks) -> str:
    """The same for the same positions, scores, orientations, groups and classes, in any order."""
    rows = np.column_stack([picks.positions * picks.sampling_rate, picks.score, picks.angles, picks.group]).round(6)
    lines = sorted(f"{row.tolist()} {name}" for row, name in zip(rows, picks.species, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _joined(tomo_id: str, files: Mapping[Path, _Read]) -> str:
    """The digest of the picks of a tomogram in all its files."""
    digests = {path: read.of[tomo_id] for path, read in files.items() if read.of.get(tomo_id, NOTHING) != NOTHING}
    lines = [f"{os.path.basename(path)} {digest}" for path, digest in digests.items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else NOTHING
