"""The boxes of many picks of one tomogram: cut by several threads, normalised, written to files; the contrast of each pick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    size, rate, own_rate = cutter.box_size, cutter.sampling_rate, tomogram.sampling_rate
    n, same = len(positions), same_sampling_rate(rate, own_rate)
    scale = scale or grey_scale(tomogram.data)
    cutter = replace(cutter, flat=FLAT * scale[1])
    if network is not None:  # it normalises itself
        cutter = replace(cutter, normalise=False, factor=1.0)
    reach = max(1, round(size / 4 if same else size / 4 * rate / own_rate))  # a header that is rounded changes nothing
    _, rows, group = np.unique(np.rint(positions) if same else positions, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()  # numpy 2.0 gives it another shape
    rows_of = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    places = positions[rows]
    own_places = places if same else rescale_positions(places, rate, own_rate)
    # A whole box at the sampling rate of the tomogram holds all voxels needed for the contrast: they are not read again.
    whole = fits_inside(own_places, tomogram.size, size) & (same and 2 * (reach + 1) <= size)
    contrast, gaps = np.zeros((len(rows), 2)), np.zeros(len(rows), dtype=int)
    counted = count(1)

    # What a box needs of the planes: itself, and what its contrast is measured in
    middle_of = np.rint(own_places).astype(int)
    away = max(reach_of(size, rate, own_rate), reach + 2)
    low, high = (np.clip(middle_of[:, 2] + side, 0, tomogram.data.shape[0]) for side in (-away, away + 1))

    def parts_of(slab: Slab, numbers: np.ndarray, edge: int) -> list[np.ndarray]:
        starts = (middle_of[numbers] - (0, 0, slab.first) - edge // 2).tolist()
        return [slab.grey[z : z + edge, y : y + edge, x : x + edge] for x, y, z in starts]

    def cut_seen(slab: Slab, numbers: np.ndarray) -> np.ndarray:
        middle = np.stack(parts_of(slab, numbers, 2 * (reach + SMOOTHING // 2)))
        contrast[numbers] = extremes_within(middle, reach, scale_in(slab))
        made = network_input_of_parts(parts_of(slab, numbers, size), str(network), flat=cutter.flat)
        return -made if cutter.invert else made

    def cut_whole(slab: Slab, numbers: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        if network is not None and slab.numbers:  # nothing but the network's input is made of them: they are not copied
            return cut_seen(slab, numbers)
        for part, box in zip(parts_of(slab, numbers, size), boxes, strict=True):
            box[...] = part
        gaps[numbers] = fill_gaps_of_each(boxes)
        contrast[numbers] = extremes_within(boxes, reach, scale_in(slab))
        contrast[numbers[gaps[numbers] == size**3]] = 0
        for box in boxes:
            cutter.finish(box)
        return finished(boxes)

    def cut_other(slab: Slab, numbers: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        grey, above = slab.grey, np.array([0, 0, slab.first])
        for number, room in zip(numbers.tolist(), boxes, strict=True):
            # Rounded before the planes are counted from another one: half a voxel is rounded to an even number
            middle = middle_of[number] - above
            place = middle if same else places[number] - above * (own_rate / rate)
            box, gaps[number] = cutter.raw(grey, place, own_rate, room)
            contrast[number] = extremes(grey, middle, reach, scale_in(slab))
            if (box := cutter.finish(box)) is not room:  # a resampled box is an array of its own
                room[...] = box
        return finished(boxes)

    def scale_in(slab: Slab) -> tuple[float, float]:
        return scale[0] - slab.zero, scale[1]

    def finished(boxes: np.ndarray) -> np.ndarray:
        return boxes if network is None else network_input(boxes, network, flat=cutter.flat, own=True)

    if n * size**3 > tomogram.data.size:
        read_ahead(tomogram.path)
    with ThreadPoolExecutor(threads) as pool:
        for slab in slabs(tomogram.data, low, high, size**3, pool, 0.0 if network is None else scale[0]):

            def work(numbers: np.ndarray, slab=slab) -> None:  # type: ignore[no-untyped-def]
                memory = np.empty((max(1, CACHED // size**3), size, size, size), dtype=np.float32)
                for cut, of_kind in ((cut_whole, numbers[whole[numbers]]), (cut_other, numbers[~whole[numbers]])):
                    for start in range(0, len(of_kind), len(memory)):
                        some = of_kind[start : start + len(memory)]
                        made = cut(slab, some, memory[: len(some)])
                        for number, box in zip(some.tolist(), made, strict=True):
                            for row in rows_of[number].tolist():
                                write(row, box)
                                done(next(counted) / n)

            # Neighbours one after another: their boxes overlap, and are still in the processor's cache
            across = middle_of[slab.rows]
            near = slab.rows[np.lexsort((across[:, 0], across[:, 1] // size, across[:, 2] // size))]
            list(pool.map(work, np.array_split(near, threads)))
    return contrast[group], gaps[group]
