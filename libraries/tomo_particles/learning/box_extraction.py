"""The boxes of many picks of one tomogram: cut by several threads, normalised, written to files; the contrast of each pick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from ..core.coordinates import rescale_positions, same_sampling_rate
from ..core.grey_values import SMOOTHING, extremes, extremes_within, grey_scale
from ..core.picks import Picks
from ..core.subtomograms import FLAT, Cutter, fill_gaps_of_each, fits_inside, reach_of
from ..core.tomograms import Tomogram, image_name, new_stack, read_ahead, write_volume
from .network_input import input_edge, input_sampling_rate, network_input, network_input_of_parts
from .slabs import Slab, slabs

Write = Callable[[int, np.ndarray], None]
# Voxels of the boxes that a thread works on at once: few enough for the cache, enough that threads seldom wait for each other
CACHED = 1 << 20
# Deviations of a tomogram's grey values that their mean may be away from 0: the sums of float32 in a network's input lose nothing
NEAR = 4.0


@dataclass(frozen=True)
class BoxSet:
    """Picks whose boxes go into files of one name. base: of the file names."""

    base: Path
    picks: Picks


@dataclass(frozen=True)
class WrittenBoxes:
    """images: Xmipp's names.  contrast: (n, 2) lowest and highest grey value.  gaps: (n,) how many voxels were no numbers."""

    images: list[str]
    contrast: np.ndarray
    gaps: np.ndarray


def write_boxes(
    tomogram: Tomogram,
    sets: Sequence[BoxSet],
    cutter: Cutter,
    *,
    network: str | None = None,
    threads: int = 1,
    individual: bool = False,
    scale: tuple[float, float] | None = None,
    done: Callable[[float], None] = lambda share: None,
) -> list[WrittenBoxes]:
    """Write the boxes of all sets, in one pass over the tomogram: one stack BASE.mrcs for each set, or if `individual` one volume
    per pick, BASE_000001.mrc and so on.

    cutter: of the sampling rate of the picks.  network: write what this network sees of the boxes, which it normalises itself.
    scale: the result of `grey_scale` for the tomogram, if the caller has it; else it is measured here.  done: receives the share
    of the boxes that is cut, from several threads.
    """
    edge, rate = cutter.box_size, cutter.sampling_rate
    if network is not None:
        edge, rate = input_edge(network, edge), input_sampling_rate(network, edge, rate)
    own = [(number, row) for number, one in enumerate(sets) for row in range(len(one.picks))]
    images = [[_image(one.base, row, individual) for row in range(len(one.picks))] for one in sets]
    with ExitStack() as stack:
        writers: list[Write] = []
        for one, names in zip(sets, images, strict=True):
            if individual or not names:
                writers.append(lambda row, box, names=names: write_volume(names[row], box, rate))  # type: ignore[misc]
            else:
                writers.append(stack.enter_context(new_stack(f"{one.base}.mrcs", len(names), edge, rate)).write)

        def write(row: int, box: np.ndarray) -> None:
            number, of_set = own[row]
            writers[number](of_set, box)

        positions = np.concatenate([one.picks.positions for one in sets])
        contrast, gaps = cut_boxes(tomogram, positions, cutter, write, network, threads, scale, done)
    ends = np.cumsum([len(one.picks) for one in sets])[:-1]
    return list(map(WrittenBoxes, images, np.split(contrast, ends), np.split(gaps, ends)))


def _image(base: Path, row: int, individual: bool) -> str:
    return f"{base}_{row + 1:06d}.mrc" if individual else image_name(row + 1, f"{base}.mrcs")


def cut_boxes(
    tomogram: Tomogram,
    positions: np.ndarray,
    cutter: Cutter,
    write: Write,
    network: str | None = None,
    threads: int = 1,
    scale: tuple[float, float] | None = None,
    done: Callable[[float], None] = lambda share: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the boxes at positions (n, 3), x, y, z, voxels of the cutter's rate, and give each, with its row, to `write`; returns
    their contrast and gaps, as `WrittenBoxes`.

    Positions with the same box are cut once: a raw pick and the merged pick that it is.  `write` is called by several threads.
    """
    volume = tomogram.data
    cuts = _Cuts(tomogram, positions, cutter, network, scale or grey_scale(volume))
    counted = count(1)
    if len(positions) * cutter.box_size**3 > volume.size:
        read_ahead(tomogram.path)
    with ThreadPoolExecutor(threads) as pool:
        for slab in slabs(volume, cuts.low, cuts.high, cutter.box_size**3, pool, cuts.zero):

            def work(numbers: np.ndarray, slab: Slab = slab) -> None:
                for some, boxes in cuts.boxes(slab, numbers):
                    for number, box in zip(some.tolist(), boxes, strict=True):
                        for row in cuts.rows_of[number].tolist():
                            write(row, box)
                            done(next(counted) / len(positions))

            list(pool.map(work, np.array_split(cuts.near_each_other(slab.rows), threads)))
    return cuts.contrast[cuts.number_of], cuts.gaps[cuts.number_of]


class _Cuts:
    """The boxes of one tomogram that differ, by their numbers, and what is found while they are cut.

    number_of: (n,) the box of each position.  rows_of: the positions of each box.  low, high: the first plane that each box and
    its contrast need, and the one behind the last.  zero: what a slab may subtract.  contrast, gaps: of each box, as of
    `WrittenBoxes`.
    """

    def __init__(
        self, tomogram: Tomogram, positions: np.ndarray, cutter: Cutter, network: str | None, scale: tuple[float, float]
    ) -> None:
        self._network, self._scale, self._own_rate = network, scale, tomogram.sampling_rate
        self._cutter = replace(cutter, flat=FLAT * scale[1])
        if network is not None:  # it normalises itself
            self._cutter = replace(self._cutter, normalise=False, factor=1.0)
        self.zero = 0.0 if network is None or abs(scale[0]) <= NEAR * scale[1] else scale[0]
        size, rate = cutter.box_size, cutter.sampling_rate
        self._same = same_sampling_rate(rate, self._own_rate)
        own_size = size if self._same else size * rate / self._own_rate  # a header that is rounded changes nothing
        self._reach = max(1, round(own_size / 4))
        distinct = np.rint(positions) if self._same else positions
        _, rows, number_of = np.unique(distinct, axis=0, return_index=True, return_inverse=True)
        self.number_of = number_of.ravel()  # numpy 2.0 gives it another shape
        ends = np.cumsum(np.bincount(self.number_of))[:-1]
        self.rows_of = np.split(np.argsort(self.number_of, kind="stable"), ends)
        self._places = positions[rows]
        own_places = self._places if self._same else rescale_positions(self._places, rate, self._own_rate)
        self._middle = np.rint(own_places).astype(int)
        # A whole box at the sampling rate of the tomogram holds all voxels needed for the contrast: they are not read again.
        self._whole = fits_inside(own_places, tomogram.size, size) & (self._same and 2 * (self._reach + 1) <= size)
        self._around = 2 * (self._reach + SMOOTHING // 2)  # edge of what the contrast is measured in
        self._clear = fits_inside(own_places, tomogram.size, self._around)
        self._away = max(reach_of(size, rate, self._own_rate), self._reach + 2)
        depth = tomogram.data.shape[0]
        self.low, self.high = (np.clip(self._middle[:, 2] + side, 0, depth) for side in (-self._away, self._away + 1))
        self.contrast, self.gaps = np.zeros((len(rows), 2)), np.zeros(len(rows), dtype=int)

    def near_each_other(self, numbers: np.ndarray) -> np.ndarray:
        """These boxes, neighbours one after another: their boxes overlap, and are still in the processor's cache."""
        across, size = self._middle[numbers], self._cutter.box_size
        return numbers[np.lexsort((across[:, 0], across[:, 1] // size, across[:, 2] // size))]

    def boxes(self, slab: Slab, numbers: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Some numbers and their boxes, or what the network sees of these; the arrays are used again for the next."""
        size = self._cutter.box_size
        memory = np.empty((max(1, CACHED // size**3), size, size, size), dtype=np.float32)
        for cut, of_kind in ((self._cut_whole, numbers[self._whole[numbers]]), (self._cut_other, numbers[~self._whole[numbers]])):
            for start in range(0, len(of_kind), len(memory)):
                some = of_kind[start : start + len(memory)]
                yield some, cut(slab, some, memory[: len(some)])

    def _cut_whole(self, slab: Slab, numbers: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        size = self._cutter.box_size
        parts = self._parts_of(slab, numbers, size)
        if self._network is not None and slab.numbers:  # nothing else is made of them: they are not copied
            self._measure_contrast(slab, numbers)
            seen = network_input_of_parts(parts, self._network, flat=self._cutter.flat)
            return -seen if self._cutter.invert else seen
        for part, box in zip(parts, boxes, strict=True):
            box[...] = part
        if slab.zero != self.zero:  # as in `_grey_around`
            with np.errstate(over="ignore", invalid="ignore"):
                boxes -= np.float32(self.zero)
        self.gaps[numbers] = fill_gaps_of_each(boxes)
        self.contrast[numbers] = extremes_within(boxes, self._reach, (self._scale[0] - self.zero, self._scale[1]))
        self.contrast[numbers[self.gaps[numbers] == size**3]] = 0
        for box in boxes:
            self._cutter.finish(box)
        return self._made_of(boxes)

    def _cut_other(self, slab: Slab, numbers: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        self._measure_contrast(slab, numbers)
        for number, room in zip(numbers.tolist(), boxes, strict=True):
            grey, first = self._grey_around(slab, number)
            box, self.gaps[number] = self._cutter.raw(grey, self._places[number], self._own_rate, room, first)
            if (box := self._cutter.finish(box)) is not room:  # a resampled box is an array of its own
                room[...] = box
        return self._made_of(boxes)

    def _grey_around(self, slab: Slab, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Grey values around a pick, from which `zero` is subtracted, and where the first of them is: x, y, z.

        Far from 0 the mean that fills a box at the border would be rounded to a step of float32.
        """
        if slab.zero == self.zero:
            return slab.grey, np.array([0, 0, slab.first])
        start = np.maximum(self._middle[number][::-1] - self._away, 0)
        stop = self._middle[number][::-1] + self._away + 1
        with np.errstate(over="ignore", invalid="ignore"):  # of float64, and of what is no number
            grey = np.array(slab.grey[tuple(map(slice, start, stop))], dtype=np.float32)
            grey -= np.float32(self.zero)
        return grey, start[::-1]

    def _measure_contrast(self, slab: Slab, numbers: np.ndarray) -> None:
        clear = self._clear[numbers] & slab.numbers
        own, at_once = numbers[clear], max(1, CACHED // self._around**3)  # at another sampling rate these may be the larger boxes
        for start in range(0, len(own), at_once):
            some = own[start : start + at_once]
            around = np.stack(self._parts_of(slab, some, self._around))
            self.contrast[some] = extremes_within(around, self._reach, self._scale_in(slab))
        for number in numbers[~clear].tolist():
            middle = self._middle[number] - (0, 0, slab.first)
            self.contrast[number] = extremes(slab.grey, middle, self._reach, self._scale_in(slab))

    def _parts_of(self, slab: Slab, numbers: np.ndarray, edge: int) -> list[np.ndarray]:
        starts = (self._middle[numbers] - (0, 0, slab.first) - edge // 2).tolist()
        return [slab.grey[z : z + edge, y : y + edge, x : x + edge] for x, y, z in starts]

    def _made_of(self, boxes: np.ndarray) -> np.ndarray:
        return boxes if self._network is None else network_input(boxes, self._network, flat=self._cutter.flat, own=True)

    def _scale_in(self, slab: Slab) -> tuple[float, float]:
        return self._scale[0] - slab.zero, self._scale[1]
