"""The files of one picker. Most pickers write one file per tomogram: a folder or a pattern of files is then the output of one."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from ..core.errors import InputError, NoPicksError, listed
from ..core.files import require_file
from ..core.picks import Picks
from ..core.read_once import ReadOnce, read_once
from .naming import as_pattern, bare, candidates, stem_of, voxels_in
from .registry import FORMATS, recognise, sniffed

MAGIC = "*?["
# Extensions that much else bears: such a file in a folder is passed over if its content is no picks. One of any other extension
# is a picker's for certain, so that it is damaged then.
SHARED_EXTENSIONS = (".txt", ".xyz", ".json", ".xml", ".csv", ".tsv", ".em", ".star")
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def is_pattern(source: str | os.PathLike) -> bool:
    """Whether a name stands for several files: it has wildcards, and no file is called so."""
    return any(sign in str(source) for sign in MAGIC) and not os.path.exists(source)


def is_single(source: str | os.PathLike) -> bool:
    """Whether a name is meant as that of one file."""
    return not (os.path.isdir(source) or is_pattern(source))


def source_names(sources: Sequence[str | os.PathLike]) -> list[str]:
    """What to call pickers by their files, folders or patterns: of 'runs/cryolo/*.cbox' 'cryolo'; all different.

    Where two would be called alike, the folders above come before; where these are the same, a number behind.
    """
    places = [place_of(source) for source in sources]
    names = [place.name for place in places]
    for depth in range(2, max((len(place.parts) for place in places), default=1) + 1):
        names = [
            name if names.count(name) == 1 else "/".join(place.parts[-depth:]) for name, place in zip(names, places, strict=True)
        ]
    return [name if names.count(name) == 1 else f"{name}#{number}" for number, name in enumerate(names, start=1)]


def place_of(source: str | os.PathLike) -> Path:
    """A file without its ending, a folder, or the folder below which a pattern looks; absolute."""
    if is_single(source):
        return Path(os.path.abspath(source)).with_suffix("")
    return Path(os.path.abspath(Path(*takewhile(lambda part: not any(sign in part for sign in MAGIC), Path(source).parts))))


def files_of(source: str | os.PathLike, option: str, notes: list[str] | None = None) -> list[ReadOnce]:
    """The pick files behind the name of a file, a folder, or a pattern with wildcards (** for any depth), sorted.

    Of a folder: its files that are picks by extension and content; where it has none, those of its sub-folders.
    notes: receives what was passed over, a line each.
    Raises InputError for a name behind which there is no pick file, and a folder with files of several formats.
    """
    if is_pattern(source):
        found = sorted(ReadOnce(path) for path in glob.glob(str(source), recursive=True) if os.path.isfile(path))
        if not found:
            raise InputError(f"{option}: no file is called like '{source}'; check the pattern")
        return found
    if not os.path.isdir(source):
        return [read_once(require_file(source, option))]
    return _of_folder(Path(source), option, [] if notes is None else notes)


def _of_folder(folder: Path, option: str, notes: list[str]) -> list[ReadOnce]:
    extensions = {extension for one in FORMATS for extension in one.extensions}
    for listing in (folder.iterdir(), folder.rglob("*")):
        by_format: dict[str, list[ReadOnce]] = {}
        blank: list[ReadOnce] = []
        others: list[Path] = []
        packed: list[Path] = []
        for path in _with_extension(listing, extensions):
            if path.suffix.lower() in COMPRESSED:
                packed.append(path)
            elif is_blank(path):
                blank.append(path)
            elif path.suffix.lower() in SHARED_EXTENSIONS and not sniffed(path):
                others.append(path)
            else:
                by_format.setdefault(recognise(path, option).name, []).append(path)
        if by_format:
            break
    else:
        raise InputError(
            f"{option}: folder '{folder}' has no file of picks ({len(blank) + len(others) + len(packed)} files looked at, "
            f"{len(blank)} of them empty); give the folder that holds them, or the files as a pattern in quotes",
            *([f"decompress {_names(packed)}"] if packed else []),
        )
    refuse_several_formats(folder, by_format, option)
    if others:
        notes.append(f"{folder}: passed over, no picks: {_names(others)}")
    if packed:
        notes.append(f"{folder}: passed over, compressed: {_names(packed)}; decompress them to have their picks")
    (found,) = by_format.values()
    return sorted([*found, *(path for path in blank if path.suffix == found[0].suffix)])


def refuse_several_formats(folder: str | os.PathLike, by_format: Mapping[str, Sequence[Path]], option: str) -> None:
    """Raise InputError where the files of a folder, by format, are of more than one."""
    if len(by_format) > 1:
        each = ", ".join(f"{len(paths)} {name} ({paths[0].name})" for name, paths in by_format.items())
        some, *_ = by_format.values()
        raise InputError(
            f"{option}: folder '{folder}' holds files of several formats: {each}; they may be the same "
            f"picks twice, so choose with a pattern in quotes, as '{folder}/**/*{some[0].suffix}'"
        )


def _with_extension(paths: Iterable[Path], extensions: set[str]) -> list[ReadOnce]:
    visible = (ReadOnce(path) for path in paths if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in visible if _extension(path) in extensions)


def _extension(path: Path) -> str:
    """The extension of a file; of one that is compressed that of what is in it."""
    ending = path.suffix.lower()
    return Path(path.stem).suffix.lower() if ending in COMPRESSED else ending


def is_blank(path: ReadOnce) -> bool:
    """Whether a file holds nothing but white space: what pickers write for a tomogram without particles."""
    return not path.head(4096).strip()


def files_so_far(source: str | os.PathLike) -> list[Path]:
    """The files behind a name that may be those of a picker, as far as they are there: for a picker that is still at work.

    Of a folder those with an ending that pick files have; where it has none, those of its sub-folders. A file may be no picks.
    """
    if is_single(source):
        return [Path(source)] if os.path.isfile(source) else []
    if is_pattern(source):
        return sorted(Path(path) for path in glob.glob(str(source), recursive=True) if os.path.isfile(path))
    extensions = {extension for one in FORMATS for extension in one.extensions}
    for listing in (Path(source).iterdir(), Path(source).rglob("*")):
        visible = [path for path in listing if path.is_file() and not path.name.startswith(".")]
        if found := sorted(path for path in visible if path.suffix.lower() in extensions):
            return found
    return []


def is_other_file(path: Path) -> bool:
    """Whether a file with an ending that much else bears holds something else than picks, a log for one."""
    read = ReadOnce(path)
    return path.suffix.lower() in SHARED_EXTENSIONS and not is_blank(read) and not sniffed(read)


def _names(paths: Sequence[Path], among: str = "") -> str:
    """The first of some names, from the folder that they share with others."""
    return listed([os.path.relpath(path, among) if among else path.name for path in paths], quote="")


def refuse_split_picker(sources: Sequence[str | os.PathLike], known: Collection[str], option: str) -> None:
    """Refuse files of one picker (one per tomogram) that are given as if each were a picker, as by a pattern without quotes.

    known: the ids of the tomograms.  Raises InputError for two files of one folder and ending, called as two of them.
    """
    ids = {bare(tomo_id) for tomo_id in known}
    seen: dict[tuple[str, str], Path] = {}
    for path in (Path(source) for source in sources if is_single(source)):
        if bare(path.name) in ids:
            other = seen.setdefault((os.path.abspath(path.parent), path.suffix.lower()), path)
            if bare(other.name) != bare(path.name):
                raise InputError(
                    f"{option}: '{other}' and '{path}' look like one picker's files of two tomograms; give their "
                    f"folder, or a pattern in quotes, '{path.parent}/*{path.suffix}'"
                )


def shared_folder(files: Sequence[Path]) -> str:
    """The folder in which several files lie, however deep each; empty for a single file."""
    return os.path.commonpath([os.path.abspath(file.parent) for file in files]) if len(files) > 1 else ""


def _refuse_two_binnings(files: Sequence[Path], option: str) -> None:
    """Refuse files that are of one tomogram at two binnings by their names: the same picks twice, or voxels of two sizes."""
    seen: dict[tuple[Path, str, str], Path] = {}
    for file in files:
        other = seen.setdefault((file.parent, file.suffix.lower(), bare(file.name)), file)
        if voxels_in(file.name) != voxels_in(other.name):
            raise InputError(
                f"{option}: '{other}' and '{file}' are by their names of one tomogram at two binnings; choose one "
                "with a pattern in quotes"
            )


def joined(
    source: str | os.PathLike,
    files: Sequence[ReadOnce],
    read: Callable[[ReadOnce], dict[str, Picks]],
    option: str,
    notes: list[str],
    known: Collection[str],
) -> dict[str, Picks]:
    """The picks of several files of one picker, by tomogram.

    source: the folder or pattern, for messages; empty: files that were named one by one.
    read: gives the picks of a file by tomogram, none if they are of no known one.  known: the tomograms, for messages.
    notes: receives which files gave none.  Raises InputError if no file has a pick, or none of a known tomogram.
    """
    _refuse_two_binnings(files, option)
    of, among = f" of '{source}'" if source else "", shared_folder(files)
    parts: dict[str, list[Picks]] = {}
    empty: list[Path] = []
    strange: list[Path] = []
    for file in files:
        try:
            found = None if is_blank(file) else read(file)
        except NoPicksError:
            found = None
        if not found:
            (empty if found is None else strange).append(file)
        for tomo_id, own in (found or {}).items():
            parts.setdefault(tomo_id, []).append(own)
    if not parts and not strange:
        raise NoPicksError(f"{option}: none of the {len(files)} files{of} has a pick; leave them out")
    if not parts:
        raise InputError(
            f"{option}: none of the {len(files)} files{of} is of a tomogram given: {_names(strange, among)}; "
            f"{candidates([stem_of(path.name) for path in strange], known)}; call the files as their tomograms",
            *as_pattern([stem_of(path.name) for path in strange], known),
        )
    if strange:
        notes.append(
            f"{source or option}: {len(strange)} of {len(files)} files are of no tomogram given and left out: "
            f"{_names(strange, among)}"
        )
    if empty:
        notes.append(f"{source or option}: no picks in {_names(empty, among)}")
    whole = {
        tomo_id: Picks.concatenate([one.at_sampling_rate(own[0].sampling_rate) for one in own]) for tomo_id, own in parts.items()
    }
    twice = {tomo_id: _repeated(own) for tomo_id, own in whole.items() if len(parts[tomo_id]) > 1}
    if count := sum(twice.values()):
        notes.append(
            f"{source or option}: {count} picks lie exactly on another of their tomogram, in "
            f"{listed(tomo_id for tomo_id, own in twice.items() if own)}; are the same picks in two files?"
        )
    return whole


def _repeated(picks: Picks) -> int:
    """How many picks have the position and the class of one before."""
    return len(picks) - len(set(zip(map(tuple, picks.positions.round(3).tolist()), picks.species.tolist(), strict=True)))
