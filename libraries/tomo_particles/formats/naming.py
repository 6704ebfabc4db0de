"""Which tomogram a file means: names are matched whole, then without what programs add to them; never by a part."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from ..core.errors import InputError, listed, parameter
from .model import BY_FILE, BY_NAME, BY_NUMBER, KEEP, LEAVE_OUT, Context, Found

# What programs add to the name of a tilt series: a voxel size, a binning, what was done, who wrote the file.
_ENDINGS = re.compile(
    r"(_\d+(\.\d+)?(apx|a)|_+bin\d+|_b\d+|_(full_)?rec|_info|_ali|_aligned|_wbp|_sirt|_corrected|_denoised|_filtered|_tomo"
    r"|_relion\d*|_particles|_picks|_coords|_objlist|_objl|_boxes|_extracted|_job)$", re.I)
_BEGINNINGS = re.compile(r"^(rec_|tomo_(?=\D)|(objlist|objl|particles|picks|coords)_)", re.I)
_EXTENSIONS = re.compile(
    r"\.(mrc|mrcs|rec|hdf|em|st|ali|map|tomostar|xml|json|ndjson|star|cbox|coords|tbl|mod|txt|xyz|csv|tsv|xmd|cmm)$", re.I)


def stem_of(name: str) -> str:
    """A name without folders (of Windows too) and extensions."""
    stem = re.split(r"[/\\]", name.strip())[-1]
    while _EXTENSIONS.search(stem):
        stem = _EXTENSIONS.sub("", stem)
    return stem


def bare(name: str) -> str:
    """A name as names are compared: plain, in lower case."""
    return plain(name).lower()


def plain(name: str) -> str:
    """A name without what programs add to it: 'rec_TS_01_12.23Apx.mrc' is 'TS_01'."""
    stem = _BEGINNINGS.sub("", stem_of(name))
    while (shorter := _ENDINGS.sub("", stem)) != stem and shorter:
        stem = shorter
    return stem


def require_numbers_known(found: Iterable[Found], path: object, context: Context) -> None:
    """Raise InputError, listing them, for tomograms that a file only numbers while nobody says which they are.

    A file with one number only may be that of the tomogram whose name it bears, or of the only one.
    """
    numbers = [one.name for one in found if one.named == BY_NUMBER and one.name not in context.names]
    lone = context.tomograms and len(set(numbers)) == 1 and (
        len(context.tomograms) == 1 or context.among or _matches_of_file(path, context))
    if numbers and not lone:
        which = f"which of {listed(context.tomograms)} they are" if context.tomograms else "which they are"
        every = ", ".join(dict.fromkeys(numbers))
        raise InputError(f"{context.option}: '{path}' names tomograms by numbers ({every})",
                         f"say {which} with {parameter('names')} {numbers[0]}=NAME, or with a file that lists them")


def tomogram_of(found: Found, path: object, context: Context) -> str | None:
    """The id of the tomogram of some picks; None if it is not at hand and the user asked to leave such out.

    Raises InputError, with the candidates, for a name that fits no tomogram or several.
    """
    told = context.names.get(found.name) or context.names.get(stem_of(found.name))
    told = context.names.get(told or "", told)  # a name may be told in two steps: a number, a file name, an id
    if told is not None:
        if context.tomograms and told not in context.tomograms:
            raise InputError(f"{parameter('names')}: '{told}' is none of the tomograms {listed(context.tomograms)}; correct it")
        return told
    if not context.tomograms:
        return stem_of(found.name)
    if found.named == BY_NAME:
        matches = _matches(found.name, context)
        return _only(matches, found, path, context) if matches else _unmatched(found, path, context)
    if matches := _matches_of_file(path, context):  # a number says less than the name of the file
        return _only(matches, found, path, context)
    if len(context.tomograms) == 1 and not context.among:  # the file does not say it, but there is only one
        return next(iter(context.tomograms))
    return _unmatched(found, path, context)


def _matches(name: str, context: Context) -> list[str]:
    """The ids that a name fits, by the strictest of three comparisons that any fits; other names that the user told count."""
    called = {**{alias: tomo_id for alias, tomo_id in context.names.items() if tomo_id in context.tomograms},
              **{tomo_id: tomo_id for tomo_id in context.tomograms}}
    for form in (str, stem_of, bare):
        if same := [tomo_id for alias, tomo_id in called.items() if form(alias) == form(name)]:
            return list(dict.fromkeys(same))
    return []


def _matches_of_file(path: object, context: Context) -> list[str]:
    """The ids that the name of a file fits; of one of several else those that the nearest of its own folders fits: TomoTwin calls
    its files by the particle, in one folder per tomogram."""
    file = Path(str(path))
    if (matches := _matches(file.name, context)) or not context.among:
        return matches
    folders = (*Path(os.path.relpath(file, context.among)).parts[-2::-1], Path(context.among).name)
    return next((matches for folder in folders if (matches := _matches(folder, context))), [])


def _only(matches: list[str], found: Found, path: object, context: Context) -> str:
    if len(matches) > 1:
        raise InputError(f"{context.option}: '{path}': tomogram '{found.name}' may be {listed(matches)}",
                         f"say which with {parameter('names')} {found.name}=NAME", "rename the files")
    return matches[0]


def _unmatched(found: Found, path: object, context: Context) -> str | None:
    if context.unknown == KEEP:
        return stem_of(found.name)
    if context.unknown == LEAVE_OUT and (found.named == BY_NAME or context.among):
        return None
    name = stem_of(found.name)
    what = "is by its name of" if found.named == BY_FILE else "has picks of"
    column = ["add a column tomo_id"] if found.named == BY_FILE and str(path).lower().endswith(".csv") else []
    raise InputError(f"{context.option}: '{path}' {what} tomogram '{name}', which is none of those given; "
                     f"{candidates([name], context.tomograms)}",
                     "give that tomogram", f"say which it is with {parameter('names')} {name}=NAME", *column)


def candidates(names: Iterable[str], known: Iterable[str]) -> str:
    """The tomograms that names may have meant: the nearest, else the first of them all."""
    every = sorted(known)
    near = [one for name in names for one in difflib.get_close_matches(name, every, n=3, cutoff=0.5)]
    return f"the nearest are {listed(dict.fromkeys(near))}" if near else f"there are {listed(every)}"


def left_out(counts: Mapping[str, int], path: object, known: Collection[str]) -> str:
    """The line that says that picks of a file, so many of each name, are left out, and which tomograms may have been meant."""
    strange = [name for name, count in counts.items() if count]
    near = dict.fromkeys(one for name in strange for one in _nearest(name, known))
    return (f"{path}: {sum(counts.values())} picks of {listed(strange)} are of no tomogram given and left out"
            + (f"; nearest: {listed(near)}" if near else ""))


def _nearest(name: str, known: Collection[str]) -> list[str]:
    """The tomogram that a name is a spelling of, if any: like it, and of no other number; 'TS_2' may be 'TS_02', never 'TS_03'.

    A run on some of the tomograms of a file shall not be told that each of the others resembles one of them.
    """
    numbers = _numbers(name)
    may_be = [one for one in known if numbers <= _numbers(one) or _numbers(one) <= numbers]
    return difflib.get_close_matches(name, may_be, n=1, cutoff=0.6)


def _numbers(name: str) -> set[int]:
    return {int(digits) for digits in re.findall(r"[0-9]+", name)}
