"""The boxes of picks, cut from their tomograms when they are needed, as packed spectra of one band."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.grey_values import grey_limits
from ..core.subtomograms import counted_crop, crop
from .average import Particles, chunks
from .band import Band, in_wedge

COMMON_NOISE = 5.15  # deviations of normal noise at which `grey_limits` cuts: grey values are in these deviations
BLOCKS = 64  # of a tomogram, for its noise spectrum
FLOOR = 0.05  # of the highest amplitude, as in `whitening`
LEAST_INSIDE = 0.5  # share of a box: picks with less of it inside the tomogram are left out
BOX = 1.6  # edge of a box in diameters


def box_of(diameter: float, rate: float) -> int:
    """Even edge, voxels of `rate` Å, of the boxes for a particle of `diameter` Å."""
    return max(8, 2 * int(np.ceil(BOX * diameter / rate / 2)))


@dataclass(frozen=True)
class Source:
    """One tomogram and its picks. data: (z, y, x), any type; particles dark unless `bright`.

    positions: (n, 3) x, y, z, voxels.  weights: (n,).  tilts: first and last about y, degrees.  rate: Å/voxel.
    """

    name: str
    data: np.ndarray
    rate: float
    positions: np.ndarray
    weights: np.ndarray
    tilts: tuple[float, float]
    bright: bool = False

    @cached_property
    def limits(self) -> tuple[float, float]:
        return grey_limits(self.data)

    def box(self, position: np.ndarray, edge: int) -> np.ndarray:
        """(edge,) * 3 about the voxel nearest to x, y, z: protein positive, beads cut, the noise's deviation 1."""
        centre, largest = self.limits
        grey = crop(self.data, np.rint(position).astype(int), edge)
        grey -= np.float32(centre)
        np.clip(grey, -largest, largest, out=grey)
        grey *= np.float32((1 if self.bright else -1) * COMMON_NOISE / largest)
        return grey

    def amplitude(self, edge: int) -> np.ndarray:
        """(shells,) mean amplitude of boxes from all over the tomogram in the wedge, highest 1; of shell 0 that of shell 1."""
        band = Band(edge, self.rate, 2 * self.rate)
        size = np.array(self.data.shape[::-1])
        counts = np.maximum(1, np.minimum(size // edge, int(BLOCKS ** (1 / 3) + 0.5)))
        along = [edge // 2 + (n - edge) * (np.arange(c) + 0.5) / c for n, c in zip(size, counts, strict=True)]
        centres = np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 3)
        power = sum(np.square(np.abs(band.pack(self.box(centre, edge)))) for centre in centres)
        seen = in_wedge(band.frequencies, self.tilts)
        shells = np.bincount(band.shells, power * seen) / np.maximum(np.bincount(band.shells, seen), 1)
        amplitude = np.sqrt(shells)
        amplitude[0] = amplitude[1]
        highest = float(amplitude.max()) or 1.0
        return np.maximum(amplitude / highest, FLOOR)


class PickedBoxes:
    """The picks of several tomograms in an order that only tomograms and places decide.

    inside: (n,) share of each box inside its tomogram; picks with less than LEAST_INSIDE, and boxes without any contrast or with
    values that are not numbers, are left out: `rows` are those that are used, and `left_out` says how many of what are not.
    """

    def __init__(self, sources: Sequence[Source], diameter: float, threads: int = 1) -> None:
        self.sources = sorted(sources, key=lambda source: source.name)
        self.rate, self.diameter, self.threads = sources[0].rate, diameter, threads
        self.edge = box_of(diameter, self.rate)
        every = [(number, row) for number, source in enumerate(self.sources) for row in _by_place(source.positions)]
        kept, self.left_out = [], {"border": 0, "not numbers": 0, "flat": 0}
        with ThreadPoolExecutor(threads) as pool:
            for place, fault in zip(every, pool.map(self._fault, every), strict=True):
                if fault:
                    self.left_out[fault] += 1
                else:
                    kept.append(place)
        self.places = np.array(kept, dtype=int).reshape(-1, 2)  # of each pick: its source, and its row there

    def _fault(self, place: tuple[int, int]) -> str:
        source = self.sources[place[0]]
        position = source.positions[place[1]]
        if self._inside(source, position) < LEAST_INSIDE:
            return "border"
        box, gaps = counted_crop(source.data, np.rint(position).astype(int), self.edge)
        return "not numbers" if gaps else "flat" if box.max() <= box.min() else ""

    def _inside(self, source: Source, position: np.ndarray) -> float:
        start = np.rint(position) - self.edge // 2
        size = np.array(source.data.shape[::-1])
        return float(np.prod(np.clip(np.minimum(start + self.edge, size) - np.maximum(start, 0), 0, None)) / self.edge**3)

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def names(self) -> list[str]:
        """(n,) tomogram of each pick."""
        return [self.sources[number].name for number in self.places[:, 0]]

    @cached_property
    def positions(self) -> np.ndarray:
        """(n, 3) x, y, z of each pick, voxels."""
        return np.array([self.sources[number].positions[row] for number, row in self.places]).reshape(-1, 3)

    @cached_property
    def tilts(self) -> np.ndarray:
        return np.array([self.sources[number].tilts for number in self.places[:, 0]]).reshape(-1, 2)

    @cached_property
    def weights(self) -> np.ndarray:
        """(n,) of each pick in an average: the given one times the share of its box inside."""
        own = [
            self.sources[number].weights[row] * self._inside(self.sources[number], self.sources[number].positions[row])
            for number, row in self.places
        ]
        return np.array(own)

    @cached_property
    def amplitudes(self) -> list[np.ndarray]:
        """Of each tomogram, by shell: what its boxes are divided by where they are whitened."""
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(lambda source: source.amplitude(self.edge), self.sources))

    def mean_amplitude(self, band: Band) -> np.ndarray:
        """(m,) what a whitened average is multiplied by to look like the tomograms again."""
        share = np.bincount(self.places[:, 0], minlength=len(self.sources)) / max(1, len(self))
        return np.asarray((share @ np.array(self.amplitudes))[band.shells])

    def band(self, resolution: float) -> Band:
        """Of these boxes, up to a resolution in Å."""
        return Band(self.edge, self.rate, resolution)

    def particles(self, band: Band, rows: np.ndarray, *, whitened: bool) -> Particles:
        """Spectra of some picks, cut from the tomograms now."""

        def part(own: np.ndarray) -> np.ndarray:
            boxes, moves, factors = [], [], []
            for number, row in self.places[own]:
                source = self.sources[number]
                position = source.positions[row]
                boxes.append(source.box(position, self.edge))
                moves.append((np.rint(position) - position) * self.rate)
                seen = in_wedge(band.frequencies, source.tilts)
                factors.append(seen / self.amplitudes[number][band.shells] if whitened else seen)
            return (band.shifted(band.pack(np.stack(boxes)), np.array(moves)) * np.array(factors)).astype(np.complex64)

        with ThreadPoolExecutor(self.threads) as pool:
            parts = list(pool.map(part, (rows[one] for one in chunks(len(rows), self.edge))))
        return Particles(band, np.concatenate(parts), self.tilts[rows], self.weights[rows])


def _by_place(positions: np.ndarray) -> np.ndarray:
    return np.lexsort(positions.T)
