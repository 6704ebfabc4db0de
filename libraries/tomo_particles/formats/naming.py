"""Which tomogram a file means: names are matched whole, then without what programs add to them; never by a part.

Names are compared in one Unicode form: a Mac stores 'ü' as two characters.
"""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ..core.coordinates import same_sampling_rate
from ..core.errors import InputError, listed, parameter
from .model import BY_FILE, BY_NAME, BY_NUMBER, KEEP, LEAVE_OUT, Context, Found, TomogramInfo

MAX_NAME_ROUNDING = 0.01  # relative: names have a voxel size to one or two decimals

# What programs add to the name of a tilt series: a voxel size, a binning, what was done, who wrote the file. '_2a' and '_b2' may
# as well tell two grids apart.
_ENDINGS = re.compile(
    r"(_\d+\.\d+a|_\d+(\.\d+)?apx|_+bin\d+|_(full_)?rec|_info|_ali|_aligned|_wbp|_sirt|_corrected|_denoised|_filtered|_tomo"
    r"|_relion\d*|_particles|_picks|_coords|_objlist|_objl|_boxes|_extracted|_job)$",
    re.I,
)
_VOXEL_SIZE = re.compile(r"_(\d+)a$", re.I)  # only if it is that of the tomogram
_VOXELS = re.compile(r"(?<=_)(?:\d+\.\d+A|\d+(?:\.\d+)?Apx|bin\d+)(?![a-z0-9])", re.I)
_BEGINNINGS = re.compile(r"^(rec_|tomo_(?=\D)|(objlist|objl|particles|picks|coords)_)", re.I)
_EXTENSIONS = re.compile(
    r"\.(mrc|mrcs|rec|hdf|em|st|ali|map|tomostar|xml|json|ndjson|star|cbox|coords|tbl|mod|txt|xyz|csv|tsv|xmd|cmm)$", re.I
)


def stem_of(name: str) -> str:
    """A name without folders (of Windows too) and extensions."""
    stem = re.split(r"[/\\]", name.strip())[-1]
    while _EXTENSIONS.search(stem):
        stem = _EXTENSIONS.sub("", stem)
    return stem


def same_text(name: str) -> str:
    """A name in the Unicode form in which names are compared."""
    return unicodedata.normalize("NFC", name)


def bare(name: str, rate: float | None = None) -> str:
    """A name as names are compared: plain, in lower case, in one Unicode form."""
    return same_text(plain(name, rate)).lower()


def plain(name: str, rate: float | None = None) -> str:
    """A name without what programs add to it: 'rec_TS_01_12.23Apx.mrc' is 'TS_01'.

    rate: Å/voxel of the tomogram, where it is known; if 10, then '_10A' is its voxel size, which may else be part of a name.
    """
    stem = _BEGINNINGS.sub("", stem_of(name))
    while (shorter := stem_of(_without_ending(stem, rate))) != stem and shorter:
        stem = shorter
    return stem


def _without_ending(stem: str, rate: float | None) -> str:
    size = _VOXEL_SIZE.search(stem)
    if rate and size and same_sampling_rate(float(size[1]), rate):
        return stem[: size.start()]
    return _ENDINGS.sub("", stem)


def require_numbers_known(found: Iterable[Found], path: object, context: Context) -> None:
    """Raise InputError, listing them, for tomograms that a file only numbers while nobody says which they are.

    A file with one number only may be that of the tomogram whose name it bears, or of the only one. A number may be the very
    name of a tomogram.
    """
    known = {*context.names, *context.tomograms}
    numbers = [one.name for one in found if one.named == BY_NUMBER and one.name not in known]
    lone = (
        context.tomograms
        and len(set(numbers)) == 1
        and (len(context.tomograms) == 1 or context.among or _matches_of_file(path, context))
    )
    if numbers and not lone:
        which = f"which of {listed(context.tomograms)} they are" if context.tomograms else "which they are"
        every = ", ".join(dict.fromkeys(numbers))
        raise InputError(
            f"{context.option}: '{path}' names tomograms by numbers ({every})",
            f"say {which} with {parameter('names')} {numbers[0]}=NAME, or with a file that lists them",
        )


def tomogram_of(found: Found, path: object, context: Context) -> str | None:
    """The id of the tomogram of some picks; None if it is not at hand and the user asked to leave such out.

    Raises InputError, with the candidates, for a name that fits no tomogram or several.
    """
    told = _told(found.name, context)
    told = context.names.get(told or "", told)  # a name may be told in two steps: a number, a file name, an id
    if told is not None:
        if context.tomograms and told not in context.tomograms:
            raise InputError(f"{parameter('names')}: '{told}' is none of the tomograms {listed(context.tomograms)}; correct it")
        return told
    if not context.tomograms:
        return _own_name(found, path, context)
    if found.named == BY_NAME:
        matches = _matches(found.name, context)
        return _only(matches, found, path, context) if matches else _unmatched(found, path, context)
    if matches := _matches_of_file(path, context):  # a number says less than the name of the file
        return _only(matches, found, path, context)
    if found.named == BY_NUMBER and found.name in context.tomograms:
        context.notes.append(f"{path}: number {found.name} is taken for the tomogram of that name")
        return found.name
    if len(context.tomograms) == 1 and not context.among:  # the file does not say it, but there is only one
        (only,) = context.tomograms
        if not _differ_by_number(Path(str(path)).name, only):
            context.notes.append(f"{path}: {found.named} '{stem_of(found.name)}' is taken for the only tomogram, '{only}'")
            return only
        found = replace(found, name=Path(str(path)).name, named=BY_FILE)
    return _unmatched(found, path, context)


def versions_of(names: Collection[str], context: Context) -> dict[str, str]:
    """The tomograms that names mean, of which some are no ids: 'TS_1' may be given as 'TS_1_denoised', another version of it.

    Names that are no ids count where they fit one tomogram, without what programs add, and no other of the names fits it.
    """
    ids = {same_text(tomo_id): tomo_id for tomo_id in context.tomograms}
    whole = {name: ids[same_text(name)] for name in names if same_text(name) in ids}
    fits = {name: _matches(name, context) for name in names if name not in whole}
    claimed = Counter([*whole.values(), *(tomo_id for matches in fits.values() for tomo_id in matches)])
    return whole | {name: matches[0] for name, matches in fits.items() if len(matches) == 1 and claimed[matches[0]] == 1}


def _told(name: str, context: Context) -> str | None:
    """What the user said of a name: itself, as a file, or by a pattern such as '*' for '*_deconv', with one star on each side."""
    ways = {same_text(said): tomo_id for said, tomo_id in context.names.items()}
    ids = {same_text(tomo_id): tomo_id for tomo_id in context.tomograms}
    own = same_text(stem_of(name))
    if told := ways.get(same_text(name)) or ways.get(own):
        return ids.get(same_text(told), told)
    for said, tomo_id in ways.items():
        before, star, after = said.partition("*")
        if star and own.startswith(before) and own.endswith(after) and len(own) > len(before) + len(after):
            meant = same_text(tomo_id).replace("*", own[len(before) : len(own) - len(after)])
            if not ids:
                return meant
            if len(matches := _matches(meant, context)) == 1:
                return matches[0]
    return None


def _matches(name: str, context: Context) -> list[str]:
    """The ids that a name fits, by the strictest of three comparisons that any fits; other names that the user told count."""
    called = {
        **{alias: tomo_id for alias, tomo_id in context.names.items() if tomo_id in context.tomograms},
        **{tomo_id: tomo_id for tomo_id in context.tomograms},
    }

    def bare_of(one: str, tomo_id: str) -> str:
        return bare(one, context.tomograms[tomo_id].sampling_rate)

    for form in (lambda one, _: same_text(one), lambda one, _: same_text(stem_of(one)), bare_of):
        if same := [tomo_id for alias, tomo_id in called.items() if form(alias, tomo_id) == form(name, tomo_id)]:
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
        raise InputError(
            f"{context.option}: '{path}': tomogram '{found.name}' may be {listed(matches)}",
            f"say which with {parameter('names')} {found.name}=NAME",
            "rename the files",
        )
    return matches[0]


def _unmatched(found: Found, path: object, context: Context) -> str | None:
    if context.unknown == LEAVE_OUT and (found.named == BY_NAME or context.among):
        return None
    name = _own_name(found, path, context)
    if context.unknown == KEEP:
        return name
    what = "is by its name of" if found.named == BY_FILE else "has picks of"
    column = ["add a column tomo_id"] if found.named == BY_FILE and str(path).lower().endswith(".csv") else []
    raise InputError(
        f"{context.option}: '{path}' {what} tomogram '{name}', which is none of those given; "
        f"{candidates([name], context.tomograms)}",
        "give that tomogram",
        *as_pattern([name], context.tomograms),
        f"say which it is with {parameter('names')} {name}=NAME",
        *column,
    )


def _own_name(found: Found, path: object, context: Context) -> str:
    """A tomogram's name as it stands in a file. Raises InputError where nothing but dots is left of it: '/', '.mrc', '..'."""
    if not (name := stem_of(found.name)).strip("."):
        raise InputError(f"{context.option}: '{path}': '{found.name}' is the name of no tomogram; correct it")
    return name


def as_pattern(names: Iterable[str], known: Collection[str]) -> list[str]:
    """The way out, if there is one, that names which fit no tomogram are those of the tomograms but for one beginning and ending.

    All tomograms have what is added to the names, or a name has something added to one tomogram; shown, never believed unasked.
    """
    ids = {same_text(tomo_id): tomo_id for tomo_id in known}
    for name in map(same_text, names):
        longer = [(tomo_id, *added) for tomo_id in ids if (added := _around(name, tomo_id))]
        shorter = [(tomo_id, *added) for tomo_id in ids if (added := _around(tomo_id, name))]
        for found, said, meant in ((longer, "*", "{}*{}"), (shorter, "{}*{}", "*")):
            if len(found) == 1:
                tomo_id, before, after = found[0]
                if found is shorter or all(one.startswith(before) and one.endswith(after) for one in ids):
                    pattern = f"{said.format(before, after)}={meant.format(before, after)}"
                    return [f"if '{name}' is '{ids[tomo_id]}', say so of all such names with {parameter('names')} '{pattern}'"]
    return []


def _around(name: str, longer: str) -> tuple[str, str] | None:
    """What a longer name has before and after a name, if it is set off by a sign and has letters: TS_1 is not in TS_10."""
    before, found, after = longer.partition(name)
    apart = (not before or not before[-1].isalnum()) and (not after or not after[0].isalnum())
    return (before, after) if found and apart and re.search("[^\\W\\d_]", before + after) else None


def voxels_in(name: str) -> tuple[str, ...]:
    """What a name says of its voxels, as it says it: '12.23Apx', 'bin4'."""
    return tuple(found.lower() for found in _VOXELS.findall(stem_of(name)))


def other_voxels(name: str, tomogram: TomogramInfo) -> str:
    """What a name says of its voxels, if those of the tomogram are others by its sampling rate or name; else empty."""
    for said in voxels_in(name):
        number = float(re.sub("[^0-9.]", "", said))
        if said.startswith("bin"):
            if any(own.startswith("bin") and own != said for own in voxels_in(tomogram.tomo_id)):
                return said
        elif tomogram.sampling_rate and abs(number - tomogram.sampling_rate) > MAX_NAME_ROUNDING * tomogram.sampling_rate:
            return f"of {number:g} Å"
    return ""


def unknown_binning(name: str, tomogram: TomogramInfo, context: Context) -> str:
    """The binning that a name says and that of its tomogram does not, unless the user says which tomogram it is; else empty."""
    of_tomogram = any(said.startswith("bin") for said in voxels_in(tomogram.tomo_id))
    known = not context.tomograms or of_tomogram or _told(name, context)
    return "" if known else next((said for said in voxels_in(name) if said.startswith("bin")), "")


def called_as_another(path: object, tomo_ids: Collection[str], context: Context) -> list[str]:
    """A warning for a file whose name is that of one tomogram, and whose picks are of others."""
    own = _matches_of_file(path, replace(context, among="")) if tomo_ids else []
    if len(own) != 1 or own[0] in tomo_ids:
        return []
    return [
        f"warning: {path}: by its name it is of tomogram '{own[0]}', but in it are picks of {listed(dict.fromkeys(tomo_ids))}"
    ]


def require_apart(assigned: Mapping[str, str], path: object, context: Context) -> None:
    """Raise InputError for two names of a file, with the tomograms they are taken for, that are so only without their endings.

    'TS_01_bin2' and 'TS_01_bin4' may be two tomograms of one tilt series, in other voxels.
    """
    first: dict[str, str] = {}
    for name, tomo_id in assigned.items():
        other = first.setdefault(tomo_id, name)
        if same_text(stem_of(name)).lower() != same_text(stem_of(other)).lower() and not _told(name, context):
            raise InputError(
                f"{context.option}: '{path}' has picks of '{other}' and '{name}', which would both be of tomogram '{tomo_id}'",
                f"say so with {parameter('names')} {name}={tomo_id}",
                "remove those of one of them",
            )


def candidates(names: Iterable[str], known: Iterable[str]) -> str:
    """The tomograms that names may have meant: the nearest, else the first of them all."""
    every = sorted(known)
    near = [one for name in names for one in difflib.get_close_matches(name, every, n=3, cutoff=0.5)]
    return f"the nearest are {listed(dict.fromkeys(near))}" if near else f"there are {listed(every)}"


def left_out(counts: Mapping[str, int], path: object, known: Collection[str]) -> str:
    """The line that says that picks of a file, so many of each name, are left out, and which tomograms may have been meant."""
    strange = [name for name, count in counts.items() if count]
    near = dict.fromkeys(one for name in strange for one in _nearest(name, known))
    return f"{path}: {sum(counts.values())} picks of {listed(strange)} are of no tomogram given and left out" + (
        f"; nearest: {listed(near)}" if near else ""
    )


def _nearest(name: str, known: Collection[str]) -> list[str]:
    """The tomogram that a name is a spelling of, if any: like it, and of no other number; 'TS_2' may be 'TS_02', never 'TS_03'.

    A run on some of the tomograms of a file shall not be told that each of the others resembles one of them.
    """
    numbers = _numbers(name)
    may_be = [one for one in known if numbers <= _numbers(one) or _numbers(one) <= numbers]
    return difflib.get_close_matches(name, may_be, n=1, cutoff=0.6)


def _differ_by_number(name: str, other: str) -> bool:
    """Whether two names are the same but for their numbers: TS_2 is not TS_1, whatever else is at hand."""
    words = [re.sub("[0-9]+", "#", bare(one)) for one in (name, other)]
    return words[0] == words[1] and "#" in words[0]


def _numbers(name: str) -> set[int]:
    return {int(digits) for digits in re.findall(r"[0-9]+", name)}
