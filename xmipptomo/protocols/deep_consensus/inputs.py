"""Writes the files that the programs read: common box and sampling rate, and one table of picks per tomogram."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from pyworkflow.object import Pointer
from tomo.objects import SetOfCoordinates3D, SetOfTomograms, Tomogram

from tomo_particles.consensus.merged_picks import REFERENCE
from tomo_particles.core.coordinates import inside_volume
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import written_aside
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import open_tomogram
from tomo_particles.formats.xmd import read_table, write_picks

from ...constants import CHOICE_RULES
from ...convert import TomogramSource, common_grid, nearest_rate, picks_of_set, size_of, tilts_of, tomogram_of, ts_ids_of
from ...files import RunFiles
from .commands import RunTomogram
from .form import EXTRACT_FROM

EXTENT_SLACK = 2.0  # voxels, the larger ones: a binning drops what does not fill a voxel


@dataclass(frozen=True)
class InputSets:
    """The sets of the form, in its order. extract_from: the tomograms that boxes are cut from; None for those of the picks.

    derived: of pickers that learned from a consensus; they decide nothing, not even which tomograms are looked at.
    """

    pickers: list[SetOfCoordinates3D]
    positive_references: list[SetOfCoordinates3D]
    negative_references: list[SetOfCoordinates3D]
    extract_from: SetOfTomograms | None = None
    derived: list[SetOfCoordinates3D] = field(default_factory=list)

    @property
    def all(self) -> list[SetOfCoordinates3D]:
        return self.pickers + self.positive_references + self.negative_references

    def ts_ids(self) -> list[str]:
        """Ids of the tomograms in which anything was picked, sorted: steps keep their order from run to run."""
        return sorted({ts_id for coordinates in self.all for ts_id in ts_ids_of(coordinates) if ts_id})

    def tomogram_sets(self) -> list[SetOfTomograms]:
        """The different sets of tomograms that the coordinates refer to."""
        unique: dict[str, SetOfTomograms] = {}
        for coordinates in self.all:
            tomograms = coordinates.getPrecedents()
            unique.setdefault(tomograms.getFileName(), tomograms)
        return list(unique.values())

    def image_sets(self) -> list[SetOfTomograms]:
        """The sets of tomograms that boxes are cut from."""
        return self.tomogram_sets() if self.extract_from is None else [self.extract_from]

    def pointer_to(self, tomograms: SetOfTomograms) -> Pointer:
        """How the coordinates refer to one of `tomogram_sets`: by the protocol that made it, where one of them does.

        Output that refers to a set itself is lost by protocols that were scheduled to run after each other.
        """
        pointers = [coordinates._precedentsPointer for coordinates in self.all]
        pointers = [pointer for pointer in pointers if pointer.get().getFileName() == tomograms.getFileName()]
        return max(pointers, key=Pointer.hasExtended)

    def common_grid(self, rate_choice: int, box_choice: int) -> tuple[float, int]:
        """Sampling rate (Å/voxel) and box size that the pickers' sets share, by two of CHOICE_RULES."""
        grids = [(s.getSamplingRate(), s.getBoxSize()) for s in self.pickers]
        grids = [grid for grid in grids if all(grid)]  # of a set without coordinates they may not be known
        return common_grid(grids, CHOICE_RULES[rate_choice], CHOICE_RULES[box_choice])


def count_rows(path: str) -> int:
    """Number of picks in an XMD; 0 if there is no such file."""
    return len(read_table(path).get("x", [])) if Path(path).exists() else 0


def picks_of_sets(sets: Sequence[SetOfCoordinates3D], ts_id: str, rate: float, size: Sequence[float],
                  numbers: Sequence[int]) -> tuple[list[Picks], int]:
    """The picks of one tomogram in each of the sets, as picker `numbers`, and how many were left out.

    size: x, y, z of the tomogram, voxels of `rate`. The picks outside it are left out; sets without any pick too.
    Raises InputError if most picks of a set lie outside: then its scale, axes or origin are wrong.
    """
    found, left_out = [], 0
    for number, coordinates in zip(numbers, sets, strict=True):
        if ts_id not in ts_ids_of(coordinates):
            continue
        picks = picks_of_set(coordinates, tomogram_of(coordinates.getPrecedents(), ts_id), number, rate)
        inside = inside_volume(picks.positions, size)
        if inside.mean() < 0.5:
            raise InputError(f"tomogram '{ts_id}': {(~inside).sum()} of the {len(picks)} picks of "
                             f"{f'set {number}' if number else 'the references'} lie outside it; check their sampling rate, axes "
                             "and origin")
        left_out += int((~inside).sum())
        found.append(picks[inside])
    return found, left_out


def write_tomogram(files: RunFiles, inputs: InputSets, ts_id: str, sources: Sequence[TomogramSource], grid: tuple[float, int],
                   starting_id: int, pickers: Collection[int] | None = None) -> RunTomogram:
    """Write the tables of one tomogram, in voxels of the common grid. sources: the tomogram in each set that has it.
    pickers: numbers of those whose picks count, from 1; None: all.

    Raises InputError if there is no tomogram, its file is missing or no volume, or if picks do not belong to it.
    """
    rate, box_size = grid
    if not sources:
        raise InputError("no set of tomograms has it, although coordinates say that they were picked in it"
                         if inputs.extract_from is None else f"*{EXTRACT_FROM}* do not have it")
    source = nearest_rate(sources, rate)
    tomogram = tomogram_of(inputs.image_sets()[source.set_index], ts_id)
    picked = [tomogram_of(tomograms, ts_id) for tomograms in inputs.tomogram_sets() if ts_id in tomograms.getTSIds()]
    if inputs.extract_from is not None:
        _require_same_extent(tomogram, picked)
    size = [n * source.sampling_rate / rate for n in size_of(tomogram)]
    numbers = range(1, len(inputs.pickers) + 1)
    counting = [number for number in numbers if pickers is None or number in pickers]
    picks, left_out = picks_of_sets([inputs.pickers[n - 1] for n in counting], ts_id, rate, size, counting)
    (positive, positive_out), (negative, negative_out) = (
        picks_of_sets(sets, ts_id, rate, size, [REFERENCE] * len(sets))
        for sets in (inputs.positive_references, inputs.negative_references))
    of_derived, _ = picks_of_sets(inputs.derived, ts_id, rate, size,
                                  [len(inputs.pickers) + number for number in range(1, len(inputs.derived) + 1)])
    # Without any picker the references stand for themselves: the consensus needs a table.
    picks = picks or positive + negative
    every = picks + positive + negative
    for parts, path in ((picks, files.picks(ts_id)), (positive, files.positive_references(ts_id)),
                        (negative, files.negative_references(ts_id)), (every, files.every_pick(ts_id)),
                        (of_derived, files.derived_picks(ts_id))):
        if parts:
            write_picks(path, Picks.concatenate(parts), box_size, source.file_name)
    pickers = np.concatenate([part.picker for part in every])
    return RunTomogram(ts_id, source.file_name, source.sampling_rate, [int(n) for n in size], rate, box_size, starting_id,
                         has_truth=bool(positive), has_lie=bool(negative), has_derived=bool(of_derived),
                         counts=[int((pickers == n).sum()) for n in numbers],
                         left_out=left_out + positive_out + negative_out,
                         tilts=next(filter(None, map(tilts_of, [tomogram, *picked])), None), notes=_notes_of(source))


def _require_same_extent(tomogram: Tomogram, picked: Sequence[Tomogram]) -> None:
    """Raise InputError if a tomogram is no version of those that were picked: places would be wrong without a word."""
    for other in picked:
        lengths, others = ([n * of.getSamplingRate() for n in size_of(of)] for of in (tomogram, other))
        slack = EXTENT_SLACK * max(tomogram.getSamplingRate(), other.getSamplingRate())
        if any(abs(a - b) > slack for a, b in zip(lengths, others, strict=True)):
            raise InputError(f"*{EXTRACT_FROM}* have it with {_angstrom(lengths)} Å, the tomograms of the picks with "
                             f"{_angstrom(others)} Å; give a version that is neither cropped nor padded, and check "
                             "the sampling rates")


def _angstrom(lengths: Sequence[float]) -> str:
    return " x ".join(f"{length:.0f}" for length in lengths)


def _notes_of(source: TomogramSource) -> list[str]:
    """What is unusual about the file of a tomogram; the step that cuts boxes refuses what cannot be read."""
    try:
        with open_tomogram(source.file_name.partition(":")[0], source.sampling_rate) as tomogram:
            return list(tomogram.notes)
    except InputError as error:
        return [str(error)]


def write_common_grid(path: str, sampling_rate: float, box_size: int, names: Sequence[str],
                 tomograms: Sequence[RunTomogram], derived: Sequence[str] = ()) -> None:
    """Write the values that the later steps use, as JSON."""
    content = {"samplingRate": sampling_rate, "boxSize": box_size, "pickers": list(names), "derived": list(derived),
               "tomograms": [asdict(tomogram) for tomogram in tomograms]}
    with written_aside(path) as aside:
        Path(aside).write_text(json.dumps(content, indent=1), encoding="utf-8")


@dataclass(frozen=True)
class CommonGrid:
    """The common sampling rate and box size of a run.

    names: of the pickers, in order.  tomograms: by tsId, without those that failed.  derived: names of the derived pickers.
    """

    sampling_rate: float
    box_size: int
    names: list[str]
    tomograms: dict[str, RunTomogram]
    derived: list[str] = field(default_factory=list)

    @property
    def every_name(self) -> dict[int, str]:
        """The names of references, pickers and derived pickers, by their numbers in a comment."""
        of_derived = {-(len(self.names) + number): f"{name} (derived)" for number, name in enumerate(self.derived, start=1)}
        return {REFERENCE: "reference", **dict(enumerate(self.names, start=1)), **of_derived}


def read_common_grid(path: str) -> CommonGrid:
    """Read what write_common_grid wrote."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    tomograms = [RunTomogram(**values) for values in content["tomograms"]]
    by_id = {tomogram.ts_id: tomogram for tomogram in tomograms}
    return CommonGrid(content["samplingRate"], content["boxSize"], content["pickers"], by_id, content.get("derived", []))
