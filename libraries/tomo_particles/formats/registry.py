"""The formats of pick files: which there are, which one a file is, reading and writing it. How to add one: docs/formats.md."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..core.errors import InputError, parameter
from ..core.files import put, require_file, space_for, unfinished
from ..core.picks import Picks
from ..core.read_once import ReadOnce, read_once
from .assemble import read_with
from .copick import COPICK, PORTAL
from .cryolo import CBOX, COORDS
from .deepetpicker import DEEPETPICKER
from .dynamo import DYNAMO
from .eman import EMAN2
from .imod import IMOD
from .markers import MARKERS
from .model import Context, Format, TomogramInfo
from .motive_list import MOTIVE_LIST
from .napari import NAPARI
from .other_files import what_it_is
from .peet import PEET
from .pytme import PYTME
from .pytom import PYTOM, PYTOM_STAR
from .relion import RELION3, RELION5
from .stopgap import STOPGAP
from .submission import SUBMISSION
from .tables import CSV, XMD
from .warp_m import WARP_M
from .xml_lists import DEEPFINDER, MEMBRANORAMA

__all__ = [
    "FORMATS",
    "OWN",
    "Context",
    "Format",
    "TomogramInfo",
    "foreign",
    "format_named",
    "format_to_write",
    "read",
    "recognise",
    "refuse_existing",
    "sniffed",
    "write",
    "write_all",
]

FORMATS: tuple[Format, ...] = (
    CSV,
    XMD,
    RELION5,
    RELION3,
    CBOX,
    COORDS,
    DEEPFINDER,
    MEMBRANORAMA,
    EMAN2,
    DYNAMO,
    IMOD,
    COPICK,
    PORTAL,
    MOTIVE_LIST,
    STOPGAP,
    SUBMISSION,
    PYTME,
    PYTOM,
    PYTOM_STAR,
    DEEPETPICKER,
    NAPARI,
    MARKERS,
    PEET,
    WARP_M,
)
OWN = (CSV, XMD)
BYTES_OF_A_PICK = 200  # in a file of any format, about
PICKLE_EXTENSIONS = (".tloc", ".tlpkl", ".temb", ".pkl", ".pickle")  # TomoTwin's own files


def format_named(name: str, option: str) -> Format:
    """The format of a name. Raises InputError listing the names."""
    for one in FORMATS:
        if one.name == name.lower():
            return one
    raise InputError(f"{option}: '{name}' is no format; it must be one of {', '.join(one.name for one in FORMATS)}")


def recognise(path: str | Path, option: str = parameter("input")) -> Format:
    """The format of a file, by its content and then its extension.

    Raises InputError for a file that does not exist or is empty, a pickle, and one that fits no format or several.
    """
    path = read_once(require_file(path, option))
    head = path.head()  # all of it: EMAN2 writes its boxes after long lists of other things
    _refuse_pickle(path, head, option)
    fitting = [one for one in FORMATS if one.sniff(head)]
    of_extension = _of_extension(path, FORMATS)
    if not fitting and (found := what_it_is(head)):
        raise InputError(f"{option}: '{path}' {found}")
    both = [one for one in fitting if one in of_extension]
    candidates = both or fitting or of_extension
    if len(candidates) == 1:
        return candidates[0]
    names = " or ".join(one.name for one in candidates)
    if fitting:
        raise InputError(f"{option}: '{path}' may be {names}", f"say which with {parameter('format')}")
    if of_extension:
        raise InputError(
            f"{option}: '{path}' should be {names} by its extension, but its content is none of them: it is "
            "damaged, or misses the columns of positions",
            "write it again",
            f"say with {parameter('format')} what it is",
        )
    every = ", ".join(one.name for one in FORMATS)
    raise InputError(f"{option}: '{path}' is of no known format ({every})", f"say which with {parameter('format')}")


def _of_extension(path: Path, formats: Iterable[Format]) -> list[Format]:
    """The formats that an extension may mean; our own, where it is one of them."""
    fitting = [one for one in formats if path.suffix.lower() in one.extensions]
    return [one for one in fitting if one in OWN] or fitting


def foreign(path: ReadOnce) -> bool:
    """Whether the content of a file is of another package, whatever its extension."""
    head = path.head()
    return any(one.sniff(head) for one in FORMATS if one not in OWN)


def sniffed(path: ReadOnce) -> bool:
    """Whether the content of a file is of any of the formats."""
    head = path.head()
    return any(one.sniff(head) for one in FORMATS)


def _refuse_pickle(path: Path, head: bytes, option: str) -> None:
    """Python's pickles run what their author wrote when they are opened; they are never opened here."""
    if path.suffix.lower() in PICKLE_EXTENSIONS or (len(head) > 2 and head[0] == 0x80 and head[1] in (2, 3, 4, 5)):
        raise InputError(
            f"{option}: '{path}' is a pickle, which could run any program when it is opened, so it is not; let "
            "TomoTwin write .cbox, .coords or .star (tomotwin_pick.py) and give that"
        )


def read(path: str | Path, context: Context, format_name: str = "") -> dict[str, Picks]:
    """The picks of each tomogram of a file, by its id. Raises InputError with one line for whatever is wrong with it."""
    path = read_once(path)
    if not format_name:
        return read_with(recognise(path, context.option), path, context)
    found = format_named(format_name, parameter("format"))
    _refuse_pickle(require_file(path, context.option), path.head(4), context.option)
    return read_with(found, path, context)


def format_to_write(path: str | Path, name: str = "") -> Format:
    """The format to write a file in, by its name or else its extension. Raises InputError, listing those there are."""
    writable = [one for one in FORMATS if one.write is not None]
    if name:
        asked = format_named(name, parameter("output_format"))
        if asked not in writable:
            raise InputError(
                f"{parameter('output_format')}: {asked.name} is only read; "
                f"it must be one of {', '.join(one.name for one in writable)}"
            )
        return asked
    fitting = _of_extension(Path(path), writable)
    if len(fitting) == 1:
        return fitting[0]
    names = " or ".join(one.name for one in fitting) if fitting else ", ".join(one.name for one in writable)
    output, told = parameter("output"), f"say which with {parameter('output_format')}"
    raise InputError(
        f"{output}: '{path}' may be {names}; {told}"
        if fitting
        else f"{output}: the extension of '{path}' names no format that is written; {told} ({names})"
    )


def write(path: str | Path, picks: Mapping[str, Picks], context: Context, found: Format, overwrite: bool = False) -> list[Path]:
    """Write picks, by id of their tomogram, and return the files (Dynamo writes two); as `write_all`."""
    return write_all({Path(path): picks}, context, found, overwrite)[Path(path)]


def write_all(
    jobs: Mapping[Path, Mapping[str, Picks]], context: Context, found: Format, overwrite: bool = False
) -> dict[Path, list[Path]]:
    """Write several files of picks, each with its own, and return what was written for each; all of them or none.

    Raises InputError for a file that exists already, unless it may be overwritten.
    """
    if found.write is None:
        raise ValueError(f"{found.name} is only read")
    made: dict[Path, dict[Path, Path]] = {}  # of each job: final paths by those written aside
    with contextlib.ExitStack() as stack:
        for path, picks in jobs.items():
            refuse_existing(path, overwrite)
            stack.enter_context(space_for(path, BYTES_OF_A_PICK * sum(map(len, picks.values()))))
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=path.parent, prefix=".convert_")))
            stack.enter_context(unfinished(folder))
            found.write(folder / path.name, picks, context)
            made[path] = {part: path.with_name(part.name) for part in sorted(folder.iterdir())}
        parts = [pair for of_job in made.values() for pair in of_job.items()]
        for _, final in parts:
            refuse_existing(final, overwrite)
        for part, final in parts:
            put(part, final)
    return {path: list(of_job.values()) for path, of_job in made.items()}


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise InputError for a file that exists and may not be overwritten, and for a folder."""
    if path.is_dir():
        raise InputError(f"{parameter('output')}: '{path}' is a folder; give the name of a file")
    if path.exists() and not overwrite:
        raise InputError(f"{parameter('output')}: file '{path}' exists; choose another name or give {parameter('overwrite')}")
