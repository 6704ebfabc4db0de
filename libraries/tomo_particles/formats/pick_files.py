"""Pick files that people and pickers write, as one Picks per tomogram, in any of the formats of `registry`. Where a file is asked
for, a folder or a pattern stands for all files of that picker."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..core.coordinates import check_inside, rescale_size, same_sampling_rate
from ..core.errors import InputError, NoPicksError, listed, parameter
from ..core.extent import extent_warning
from ..core.files import require_file
from ..core.picks import Picks
from ..core.read_once import ReadOnce, read_once
from .assemble import read_with
from .headers import ANGLES
from .model import KEEP, LEAVE_OUT, Context, Format, TomogramInfo
from .naming import left_out, same_text, versions_of, voxels_in
from .pick_folders import files_of, is_blank, joined, shared_folder
from .pick_source import PickSource
from .registry import CSV, OWN, foreign, recognise
from .tables import is_nameless, rows_by_tomogram, species_of

CONVERT = "convert the file first with xmipp_convert_coordinates_tomo"  # it asks for all that a format may leave open


def read_pick_file(
    source: str | os.PathLike | PickSource,
    rates: Mapping[str, float],
    *,
    picker: int = 0,
    sampling_rate: float | None = None,
    option: str = parameter("picks"),
    sizes: Mapping[str, Sequence[int]] | None = None,
    notes: list[str] | None = None,
) -> dict[str, Picks]:
    """Picks of every tomogram of a file, in the file's order; of a folder or a pattern (`pick_folders`), of all its files.

    source: its name, or the `PickSource` of a caller who needs the file for more than its picks; its option is for messages then.
    rates: sampling rate (Å/voxel) of each known tomogram, by id; a pick's rate is its samplingRate column, else
    `sampling_rate`, else its tomogram's. Ids are matched whole, or without what programs add: 'TS_1' may be
    'TS_1_denoised', never 'TS_10'.
    sizes: x, y, z, voxels of the tomograms, for formats that count from their centre; these are refused without.
    notes: receives what was left out: which files, and of a file the picks of tomograms that are not known, a line each; and a
    warning for picks whose place tells of a wrong unit (`extent_warning`).
    Raises InputError for a file that cannot be read, has no picks, lacks a column, has a coordinate that is no
    number, mixes sampling rates in one tomogram, or names none of the known tomograms.
    """
    notes = [] if notes is None else notes
    if not isinstance(source, PickSource):
        source = PickSource(source, option)
    path, option, files = source.path, source.option, source.files
    notes += source.passed_over
    context = _context(_tomograms(rates, sizes), sampling_rate, LEAVE_OUT, option, shared_folder(files), notes)

    def of_file(file: ReadOnce) -> dict[str, Picks]:
        return _of_file(file, rates, context, picker)

    found = of_file(files[0]) if len(files) == 1 else joined(path, files, of_file, option, notes, rates)
    notes += _extent_warnings(path, found, rates, context)
    return found


def read_one_of_several(
    file: str | os.PathLike,
    folder: str | os.PathLike,
    rates: Mapping[str, float],
    *,
    picker: int = 0,
    sampling_rate: float | None = None,
    option: str = parameter("picks"),
    sizes: Mapping[str, Sequence[int]] | None = None,
    notes: list[str] | None = None,
    later: list[str] | None = None,
) -> dict[str, Picks]:
    """Picks of every known tomogram of one of the files that a picker writes into a folder; none if it names others only.

    For files that arrive one by one. notes: as of `read_pick_file`, but for picks of tomograms that may still come: these are
    noted in `later`.  Raises NoPicksError for a file without picks.
    """
    notes = [] if notes is None else notes
    path = read_once(file)
    if is_blank(path):
        raise NoPicksError(f"{option}: '{path}' has no picks; leave it out")
    context = _context(_tomograms(rates, sizes), sampling_rate, LEAVE_OUT, option, os.path.abspath(folder), notes)
    context = replace(context, later=[] if later is None else later)
    found = _of_file(path, rates, context, picker)
    notes += _extent_warnings(path, found, rates, context)
    return found


def _of_file(file: ReadOnce, rates: Mapping[str, float], context: Context, picker: int) -> dict[str, Picks]:
    found = _read_known(file, rates, context)
    for tomo_id, own in found.items():
        size = context.tomogram(tomo_id).size
        if context.among and size is not None:  # who reads one file checks himself and can name it; of several we know which
            extent = rescale_size(size, rates[tomo_id], own.sampling_rate)
            check_inside(own.positions, extent, f"{context.option}: '{file}', tomogram '{tomo_id}'", own.sampling_rate)
    return {tomo_id: replace(own, picker=np.full(len(own), picker)) for tomo_id, own in found.items()}


def _extent_warnings(
    path: str | os.PathLike, found: Mapping[str, Picks], rates: Mapping[str, float], context: Context
) -> list[str]:
    """What is suspicious about the places of picks in their tomograms, a line each."""
    lines = []
    for tomo_id, own in found.items():
        size, rate = context.tomogram(tomo_id).size, rates[tomo_id]
        known = [own.sampling_rate, *rates.values(), context.sampling_rate]
        if size is not None and (warning := extent_warning(own.at_sampling_rate(rate), size, known)):
            lines.append(f"{path}: {warning}")
    return lines


def _read_known(path: ReadOnce, rates: Mapping[str, float], context: Context) -> dict[str, Picks]:
    """The picks of one file, of known tomograms; none if it is one of several and names others only."""
    option, sampling_rate = context.option, context.sampling_rate
    if other := _other_format(path, option):
        return _read_other(other, path, context)
    said: list[str] = []
    groups = _as_known(rows_by_tomogram(path, option, notes=said), path, context)
    context.notes.extend(f"{path}: {note}" for note in said)
    strange = {tomo_id: len(rows) for tomo_id, rows in groups.items() if tomo_id not in rates}
    if len(strange) == len(groups) and not context.among:
        raise InputError(
            f"{option}: '{path}' names the tomograms {listed(sorted(groups))}, but those given are "
            f"{listed(sorted(rates))}; "
            "tomo_id must be a tomogram's file name without extension, and may lack what programs add (rec_, _denoised, _bin2)"
        )
    if 0 < len(strange) < len(groups):
        context.note_left_out(left_out(strange, path, rates))
    return {
        tomo_id: _picks(tomo_id, rows, sampling_rate or rates[tomo_id], path, option)
        for tomo_id, rows in groups.items()
        if tomo_id in rates
    }


def _as_known(groups: dict[str, pd.DataFrame], path: ReadOnce, context: Context) -> dict[str, pd.DataFrame]:
    """The rows of a file by the ids of the tomograms: these in another Unicode form, or of another version of the tomogram."""
    meant = versions_of(groups, context)
    others = {name: tomo_id for name, tomo_id in meant.items() if same_text(name) != same_text(tomo_id)}
    for name, tomo_id in others.items():
        if voxels_in(name) != voxels_in(tomo_id) and not (context.sampling_rate or "samplingRate" in groups[name]):
            raise InputError(
                f"{context.option}: '{path}' has picks of '{name}', by the names another binning than '{tomo_id}'",
                f"give {parameter('picks_sampling_rate')}",
                "add the column samplingRate",
            )
        context.notes.append(f"{path}: picks of '{name}' are taken for those of '{tomo_id}'")
    return {meant.get(name, name): rows for name, rows in groups.items()}


def read_every_tomogram(
    path: str | os.PathLike, *, sampling_rate: float | None = None, option: str = parameter("picks")
) -> dict[str, Picks]:
    """Picks of every tomogram that a file (a folder, a pattern) names; the rest as `read_pick_file`.

    A pick's rate is its samplingRate column, else `sampling_rate` (Å/voxel). Raises InputError, also where nothing tells it, and
    for files of the same name, which only known tomograms can tell apart by their folders.
    """
    files = files_of(path, option)
    if len(files) > 1:
        if twice := next((name for name, n in Counter(file.name for file in files).items() if n > 1), None):
            raise InputError(
                f"{option}: '{path}' holds several files called '{twice}'",
                f"give {parameter('tomograms')}, so that they can be told by their folders",
            )
        return joined(
            path, files, lambda file: read_every_tomogram(file, sampling_rate=sampling_rate, option=option), option, [], {}
        )
    path = files[0]
    if other := _other_format(path, option):
        return _read_other(other, path, _context({}, sampling_rate, KEEP, option, "", []))
    groups = rows_by_tomogram(path, option)
    for tomo_id, rows in groups.items():
        if not (sampling_rate or "samplingRate" in rows):
            raise InputError(
                f"{option}: '{path}' has no column samplingRate, so the voxel size of tomogram '{tomo_id}' is unknown",
                "add the column",
                f"give {parameter('picks_sampling_rate')}",
            )
    return {tomo_id: _picks(tomo_id, rows, sampling_rate or np.nan, path, option) for tomo_id, rows in groups.items()}


def _other_format(path: ReadOnce, option: str) -> Format | None:
    """The format of a file that is neither CSV nor XMD with names of tomograms; None for those two."""
    require_file(path, option)
    if path.suffix.lower() == ".csv" and not foreign(path):
        return CSV if is_nameless(path) else None
    if path.suffix.lower() == ".xmd":
        return None
    with _or_converted():
        found = recognise(path, option)
    return CSV if found is CSV and is_nameless(path) else None if found in OWN else found


def _tomograms(rates: Mapping[str, float], sizes: Mapping[str, Sequence[int]] | None) -> dict[str, TomogramInfo]:
    found = {tomo_id: TomogramInfo(tomo_id, rate) for tomo_id, rate in rates.items()}
    for tomo_id, (x, y, z) in (sizes or {}).items():
        if tomo_id in found:
            found[tomo_id] = replace(found[tomo_id], size=(int(x), int(y), int(z)))
    return found


def _context(tomograms: Mapping, sampling_rate: float | None, unknown: str, option: str, among: str, notes: list[str]) -> Context:
    return Context(tomograms, sampling_rate, unknown=unknown, option=option, among=among, notes=notes)


def _read_other(found: Format, path: Path, context: Context) -> dict[str, Picks]:
    with _or_converted():
        return read_with(found, path, context)


@contextmanager
def _or_converted() -> Iterator[None]:
    """A file of another format can be converted first, where all that it leaves open can be told."""
    try:
        yield
    except InputError as error:
        if not error.remedies:
            raise
        raise InputError(error.text, *error.remedies, CONVERT) from error


def _picks(tomo_id: str, rows: pd.DataFrame, rate: float, path: object, option: str) -> Picks:
    if "samplingRate" in rows:
        rate = float(rows["samplingRate"].iloc[0])
        if not all(same_sampling_rate(rate, other) for other in rows["samplingRate"]):
            raise InputError(f"{option}: '{path}' mixes sampling rates in tomogram '{tomo_id}'; give one samplingRate a tomogram")
    angles = rows[list(ANGLES)].to_numpy(float) if all(name in rows for name in ANGLES) else None
    try:
        return Picks(
            tomo_id,
            rows[["x", "y", "z"]].to_numpy(float),
            rate,
            angles=angles,
            score=rows["score"].to_numpy(float) if "score" in rows else None,
            group=rows["group"].to_numpy(int) if "group" in rows else None,
            species=species_of(rows["class"]) if "class" in rows else None,
        )
    except InputError as error:
        raise InputError(f"{option}: '{path}': {error}") from error
