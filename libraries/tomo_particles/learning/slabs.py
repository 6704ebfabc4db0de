"""The planes of a tomogram in order, each read once, for callers that need many boxes of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from ..core.subtomograms import all_numbers
from ..core.tomograms import release

MOST_BYTES = 1 << 29  # of the planes that are held at once
HEIGHT, LEAST_HEIGHT = 2.0, 1.25  # of a slab, in heights of what the tallest box needs: what is above 1 is new
PLANES_AT_ONCE = 8  # read by one thread
STRIPS = 8  # of rows, in which planes are moved


@dataclass(frozen=True)
class Slab:
    """Some planes of a tomogram and the places that need no others.

    grey: (z, y, x), the tomogram itself, or float32 planes of it, from which `zero` is subtracted; then zero is not 0.
    first: number of its first plane.  rows: of the places.  numbers: whether all its grey values are known to be numbers; then
    they are float32.
    """

    grey: np.ndarray
    first: int
    rows: np.ndarray
    zero: float = 0.0
    numbers: bool = False


def slabs(
    volume: np.ndarray, low: np.ndarray, high: np.ndarray, voxels: int, pool: Executor, zero: float = 0.0
) -> Iterator[Slab]:
    """All places, in the order of their first planes; the array of a slab is used again for the next one.

    low, high: (n,) the first plane that a place needs, and the one behind its last.  voxels: of a box.  zero: see `Slab`.
    The cost is the number of voxels that are read: where all boxes together have more than the planes in which they lie, each
    plane is read once. A float32 tomogram stays where it is if zero is 0; of another one, planes are copied. Where there are few
    boxes, and where planes to be copied are so large that too few can be held, there is one slab, the tomogram as it is, of which
    only the boxes are read.
    """
    order = np.argsort(low, kind="stable")
    if not len(low):
        return
    plane, begin, end = int(np.prod(volume.shape[1:])), int(low.min()), int(high.max())
    needed = int((high - low).max())
    in_place = volume.dtype == np.float32 and not zero
    most = end - begin if in_place else min(end - begin, MOST_BYTES // (4 * plane))
    height = min(int(HEIGHT * needed), most)
    if len(low) * voxels < (end - begin) * plane or height < min(LEAST_HEIGHT * needed, end - begin):
        yield Slab(volume, 0, order)
        return
    held = None if in_place else np.empty((height, *volume.shape[1:]), dtype=np.float32)
    first, read, at = begin, begin, 0  # read: the planes before this one were read
    numbers = np.zeros(len(volume), dtype=bool)  # of each plane
    while at < len(order):
        following = int(low[order[at]])
        if held is not None:
            _move(held, following - first, max(0, read - following), pool)
        first, start = following, max(read, following)
        read = min(first + height, end)
        # those whose first plane comes later may end in this slab, too: the next one begins with the first that does not
        stop = at + int(np.argmax(np.append(high[order[at:]] > read, True)))
        release(volume, first if held is None else start)
        if held is None:
            numbers[start:read] = _are_numbers(volume, start, read, pool)
            yield Slab(volume, 0, order[at:stop], numbers=bool(numbers[first:read].all()))
        else:
            numbers[start:read] = _read(volume, start, read, held[start - first :], pool, zero)
            yield Slab(held[: read - first], first, order[at:stop], zero, bool(numbers[first:read].all()))
        at = stop


def _are_numbers(volume: np.ndarray, start: int, stop: int, pool: Executor) -> bool:
    """Whether all grey values of the planes are numbers."""

    def part(begin: int) -> bool:
        return all(all_numbers(volume[number]) for number in range(begin, min(begin + PLANES_AT_ONCE, stop)))

    return all(list(pool.map(part, range(start, stop, PLANES_AT_ONCE))))


def _move(held: np.ndarray, start: int, count: int, pool: Executor) -> None:
    """Move so many planes from `start` to the beginning, strip by strip: one thread alone does not fill the memory bus."""

    def part(rows: np.ndarray) -> None:
        strip = slice(rows[0], rows[-1] + 1)
        held[:count, strip] = held[start : start + count, strip]  # numpy heeds that they may overlap

    list(pool.map(part, np.array_split(np.arange(held.shape[1]), min(STRIPS, held.shape[1]))))


def _read(volume: np.ndarray, start: int, stop: int, into: np.ndarray, pool: Executor, zero: float) -> bool:
    """Whether all grey values of the planes are numbers."""

    def part(begin: int) -> bool:
        numbers = True
        with np.errstate(over="ignore", invalid="ignore"):  # of float64, and of what is no number
            for number in range(begin, min(begin + PLANES_AT_ONCE, stop)):
                plane = into[number - start]
                plane[...] = volume[number]
                numbers &= all_numbers(plane)  # plane by plane: it is still in the processor's cache
                if zero:
                    plane -= np.float32(zero)
        return numbers

    return all(list(pool.map(part, range(start, stop, PLANES_AT_ONCE))))
