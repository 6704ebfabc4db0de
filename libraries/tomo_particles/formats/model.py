"""What a format is, what its reader finds in a file, and what is known from elsewhere of the tomograms that the file names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError, parameter
from ..core.picks import Picks
from ..core.read_once import read_once

# Where a file counts its positions from. CORNER: the centre of the first voxel is 0. The others count from a point of the
# tomogram: half its size (RELION 5), or the voxel of index size // 2 (EMAN2); both as 0-based index of the tomogram at hand.
CORNER, HALF, MIDDLE_VOXEL = "corner", "half", "middle voxel"

# How a file names a tomogram: by its name, by a number of a list kept elsewhere, or not at all (then by the file's own name).
BY_NAME, BY_NUMBER, BY_FILE = "name", "number", "file"

ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))  # by their marks
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")  # but for tabs and ends of lines and pages

# What becomes of the picks of a tomogram that is not at hand.
REFUSE, LEAVE_OUT, KEEP = "refuse", "leave out", "keep"


@dataclass(frozen=True)
class TomogramInfo:
    """A tomogram at hand: its id, sampling rate (Å/voxel) and size x, y, z in voxels; None what is unknown."""

    tomo_id: str
    sampling_rate: float | None = None
    size: tuple[int, int, int] | None = None
    path: str = ""


@dataclass(frozen=True)
class Context:
    """What the user says besides the file.

    tomograms: the tomograms at hand by id; empty: not known.  sampling_rate: Å/voxel of coordinates in voxels whose file does
    not say it.  size: x, y, z, voxels of sampling_rate, of the tomograms that are not at hand.
    angstrom: whether numbers that a file gives as they stand (`Format.as_they_stand`) are Å from the centre of the first voxel.
    names: the id of a tomogram by the name or number that files give it.
    unknown: what becomes of picks of tomograms that are not at hand while others are.  option: for messages.
    among: the folder that the files of a picker share, of which this is one; then a tomogram is its own by name only, be it the
    only one at hand. Empty: there is but one file.
    family: of the file that is written, in a conversion; further columns of files of the same family are kept for it.
    notes: receives what was left out of a file, and what else to know of it, a line each.
    later: receives instead which picks were left out because their tomogram is not at hand, where it may still come.
    """

    tomograms: Mapping[str, TomogramInfo] = field(default_factory=dict)
    sampling_rate: float | None = None
    size: tuple[int, int, int] | None = None
    angstrom: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    unknown: str = REFUSE
    option: str = parameter("input")
    among: str = ""
    family: str = ""
    notes: list[str] = field(default_factory=list, compare=False)
    later: list[str] | None = field(default=None, compare=False)

    def note_left_out(self, line: str) -> None:
        """Note which picks were left out because their tomogram is not at hand."""
        (self.notes if self.later is None else self.later).append(line)

    def tomogram(self, tomo_id: str) -> TomogramInfo:
        """The tomogram of an id; of one that is not at hand only what the user says of all."""
        return self.tomograms.get(tomo_id, TomogramInfo(tomo_id, self.sampling_rate, self.size))


@dataclass(frozen=True)
class Found:
    """Picks of one tomogram as a file states them.

    positions: (n, 3) x, y, z, counted from `origin`, in Å if `angstrom`, else in voxels of `rate` Å.
    rate: None where the file does not say it; of positions in Å, the voxel size that they were made of.
    sure: False if `rate` is stated of something else than the tomogram, so that a user may know better.
    fraction: whether positions are fractions of the size of the tomogram, in any unit.
    size: of the tomogram, voxels, where the file says it.  on_image: whether it is that of an image that was open, for certain.
    trimmed: where that image lies in a larger one, for messages; empty where the file does not say so.
    score, group, species: as in `Picks`; None: unknown.
    angles: as the file states them.  convention: makes rot, tilt, psi of them; None: they are.
    further: what else the file says of each pick, by label: makes (n,) texts; None: of no use in another file.
    notes: what the user should know of how the file was read, a line each.
    """

    name: str
    named: str
    positions: np.ndarray
    origin: str = CORNER
    angstrom: bool = False
    rate: float | None = None
    sure: bool = True
    fraction: bool = False
    size: tuple[int, int, int] | None = None
    on_image: bool = False
    trimmed: str = ""
    score: Any = None
    angles: Any = None
    convention: Callable[[np.ndarray], np.ndarray] | None = None
    group: Any = None
    species: Any = None
    further: Mapping[str, Callable[[], np.ndarray] | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """One file format.

    name: for options.  title: for people.  extensions: with the dot, lower case.
    sniff: whether the beginning of a file, bytes, is of this format.  parse: path and option to what the file holds.
    write: to a path that is free; None where we only read.  keeps: which of score, angles, group, species are written.
    fills: which of score and angles are written as 0 for a pick of which they are not known.
    single: a file holds one tomogram only.  one_species: and one species only.
    as_they_stand: whether it gives positions as plain numbers from the centre of the first voxel, which may be Å as well.
    family: formats of the same family keep each other's further columns; empty: none are kept.
    """

    name: str
    title: str
    extensions: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    parse: Callable[[Path, str], Sequence[Found]]
    write: Callable[[Path, Mapping[str, Picks], Context], None] | None = None
    keeps: frozenset[str] = frozenset()
    fills: frozenset[str] = frozenset()
    single: bool = False
    one_species: bool = False
    as_they_stand: bool = False
    family: str = ""

    def found_in(self, path: Path, option: str) -> Sequence[Found]:
        """What a file holds, as it states it. Raises InputError naming the file, and the line where there is one."""
        try:
            return self.parse(path, option)
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError) as error:
            # what other packages' readers raise over damage that our own looks did not find
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{option}: '{path}' cannot be read as {self.title} ({reason}); the file is damaged",
                "write it again",
                f"say with {parameter('format')} what it is",
            ) from error


def text_of(head: bytes) -> str:
    """The text of the beginning of a file, whatever its Unicode encoding; empty for what is no text."""
    for mark, encoding in ENCODINGS:
        if head.startswith(mark):
            return head[: len(head) // 2 * 2].decode(encoding, errors="replace")
    return "" if b"\0" in head else head.decode("utf-8", errors="replace")


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a file, whatever its Unicode encoding and line ends, one at a time. Raises ValueError for what is no text."""
    head = read_once(path).head(4096)
    if head and not text_of(head):
        raise ValueError("it is no text")
    encoding = next((encoding for mark, encoding in ENCODINGS if head.startswith(mark)), "utf-8")
    with path.open(encoding=encoding, errors="replace") as file:
        yield from file


def require_text(path: Path, option: str) -> None:
    """Raise InputError, naming the line, for bytes that are no UTF-8, and for control characters, which no program writes."""
    content = path.read_bytes()
    try:
        content.decode("utf-8")
        place = found.start() if (found := _CONTROL.search(content)) else None
    except UnicodeDecodeError as error:
        place = error.start
    if place is not None:
        line = content.count(b"\n", 0, place) + 1
        raise InputError(
            f"{option}: '{path}', line {line}: the byte {content[place]:#04x} is no text; the file is damaged, write it again"
        )


def read_text(path: Path) -> str:
    """The whole text of a file, whatever its Unicode encoding. Raises ValueError for what is no text."""
    content = path.read_bytes()
    if text := text_of(content):
        return text
    raise ValueError("it is no text")
