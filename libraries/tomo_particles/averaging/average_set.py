"""A set of picks from its boxes to an average: two halves that never meet, aligned coarse first, and as fine as they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.errors import InputError, parameter
from ..core.memory import lacking
from ..fourier.shell_correlation import COVERED, HalfMapCorrelation, correlate_halves, last_shell
from .alignment import Settings, free_start, local_rounds, most_rounds, reference_of
from .average import CHUNK, Sum, summed
from .band import Band
from .halves import rigid_motion
from .picked_boxes import PickedBoxes
from .poses import Poses, random_turns, split_halves
from .search import correlation_coefficients, mask_of

LEAST_PICKS, LEAST_FOR_HALVES = 20, 40
STAGES = 5  # at most, each at the resolution to which the halves agreed in the one before
GO_ON = 0.5  # the correlation up to which the halves agree
FINER = 0.97  # of the resolution before: less gain ends the search
SPECTRA = 4  # of every pick in memory at once: as cut out, turned, moved, and one while it is put together
AT_ONCE = 2**28  # bytes of spectra that are summed at once
Say = Callable[[str], None]


@dataclass(frozen=True)
class Averages:
    """What comes of a set. poses: of every pick of the boxes, against one frame.  half: (n,) 0 or 1; all 0 without halves.

    halves: their maps (one without halves), raw.  average: raw.  filtered: its shells times sqrt(2 FSC / (1 + FSC)); without
    halves, cut at the resolution of the search.  mask: soft ball.  All (n, n, n), bright, not whitened, in deviations of the
    tomograms' noise.  coverage: (n, n, n), how often each frequency was seen, frequency 0 at the centre voxel.
    ccc: (n,) correlation coefficient of each pick with the reference of its half.  fsc: None without halves.
    resolution: Å, up to which picks were compared in the end.  agreement: of the halves' averages at the first low-pass.
    stopped: why they were not compared at a finer resolution, though the halves agree on it; '' as a rule.
    """

    poses: Poses
    half: np.ndarray
    halves: list[np.ndarray]
    average: np.ndarray
    filtered: np.ndarray
    mask: np.ndarray
    coverage: np.ndarray
    ccc: np.ndarray
    fsc: HalfMapCorrelation | None
    resolution: float
    agreement: float | None
    stopped: str = ""


class SetAverage:
    """The alignment of a set, step by step. angles: poses to start from (n picks), None for a free start."""

    def __init__(
        self,
        boxes: PickedBoxes,
        settings: Settings,
        lowpass: float,
        finest: float,
        seed: int,
        *,
        halves: bool,
        start: Poses | None = None,
        say: Say = print,
    ) -> None:
        if len(boxes) < LEAST_PICKS:
            raise InputError(
                f"{parameter('picks')}: an average needs at least {LEAST_PICKS} picks inside the tomograms, "
                f"found {len(boxes)}; give more"
            )
        self.boxes, self.settings, self.seed, self.say = boxes, settings, seed, say
        self.lowpass, self.finest = lowpass, max(finest, 2 * boxes.rate)
        places = boxes.positions * boxes.rate
        n = len(boxes)
        self.half = split_halves(boxes.names, places, settings.diameter / 2) if halves else np.zeros(n, dtype=int)
        if halves and min(np.bincount(self.half, minlength=2)) < LEAST_FOR_HALVES // 2:
            self.half[:] = 0  # one crowd of picks that all share a half
        self.rows = [np.flatnonzero(self.half == number) for number in range(int(self.half.max()) + 1)]
        self.start = start
        self.poses: list[Poses] = []
        self.resolution = lowpass
        self.agreement: float | None = None
        self.full = boxes.band(2 * boxes.rate)
        self.stopped = ""
        if lacks := self._lacking(lowpass):
            raise InputError(
                f"{parameter('lowpass')}: to compare {n} picks of {settings.diameter:g} Å at {lowpass:g} Å {lacks}; "
                "give fewer picks, or a coarser filter"
            )

    @property
    def most_lines(self) -> int:
        """The most lines that `run` says."""
        free = 1 + most_rounds(self.settings, 0) if self.start is None else 0
        return len(self.rows) * (free + 3 + (2 * STAGES if len(self.rows) > 1 else 0))

    def run(self) -> Averages:
        """Align, then average."""
        for number, rows in enumerate(self.rows):
            self.poses.append(self._first_poses(number, rows))
        self._lay(everywhere=self.start is None)
        self._local(coarse=True)
        for _ in range(STAGES if len(self.rows) > 1 else 0):
            self._lay(everywhere=False)
            sums = self._sums()
            wanted = self._agreed_resolution(sums)
            if wanted > FINER * self.resolution:
                return self._averages(sums)
            if lacks := self._lacking(wanted):
                self.stopped = f"the picks were compared up to {self.resolution:.1f} A: at {wanted:.1f} A this {lacks}"
                return self._averages(sums)
            self.resolution = wanted
            self._local(coarse=False)
        self._lay(everywhere=False)
        return self._averages(self._sums())

    def _lacking(self, resolution: float) -> str:
        """What to say if the picks of a half do not fit into memory at a resolution; '' if they do."""
        spectra = max(map(len, self.rows)) * len(self.boxes.band(resolution).integers) * np.dtype(np.complex64).itemsize
        return lacking(SPECTRA * spectra)

    def of(self, poses: Poses, half: np.ndarray) -> Averages:
        """The averages of known poses in one frame, without any search. half: (n,) 0 or 1."""
        self.half, self.rows = half, [np.flatnonzero(half == number) for number in range(int(half.max()) + 1)]
        self.poses = [poses[rows] for rows in self.rows]
        return self._averages(self._sums())

    def _first_poses(self, number: int, rows: np.ndarray) -> Poses:
        if self.start is not None:
            return self.start[rows]
        boxes, settings, band = self.boxes, self.settings, self.boxes.band(self.lowpass)
        names, places = [boxes.names[row] for row in rows], boxes.positions[rows]
        starts = [random_turns(names, places, self.seed + 1000 * start) for start in range(settings.starts)]
        self._say_half(number, f"{len(rows)} picks, free start at {self.lowpass:g} A")
        found = free_start(
            boxes.particles(band, rows, whitened=True),
            starts,
            boxes.mean_amplitude(band),
            settings,
            2 * self.seed + number,
            lambda line: self._say_half(number, line),
        )
        return found.poses

    def _say_half(self, number: int, line: str) -> None:
        self.say(f"half {number + 1}: {line}" if len(self.rows) > 1 else line)

    def _local(self, coarse: bool) -> None:
        """Small turns, finer and finer: the resolution moves a point at the particle's edge by the diameter times this angle."""
        boxes, band = self.boxes, self.boxes.band(self.resolution)
        angle = float(np.degrees(self.resolution / self.settings.diameter))
        steps = (angle, angle, angle / 2) if coarse else (angle / 2, angle / 4)
        for number, rows in enumerate(self.rows):
            particles = boxes.particles(band, rows, whitened=True)
            found = local_rounds(
                particles,
                self.poses[number],
                steps,
                boxes.mean_amplitude(band),
                self.settings,
                lambda line, number=number: self._say_half(  # type: ignore[misc]
                    number, f"{self.resolution:.1f} A, {line}"
                ),
            )
            self.poses[number] = found.poses

    def _lay(self, everywhere: bool) -> None:
        """The second half's poses against the frame of the first; only their averages meet, at the first low-pass."""
        if len(self.rows) < 2:
            return
        band = self.boxes.band(self.lowpass)
        first, second = (self._sum(number, band, whitened=True).average() for number in (0, 1))
        turn, shift, self.agreement = rigid_motion(first, second, band, self.settings, everywhere=everywhere)
        self.poses[1] = self.poses[1].onto(turn, shift)

    def _sum(self, number: int, band: Band, whitened: bool) -> Sum:
        """Cut from the tomograms in parts, so that memory does not grow with the number of picks."""
        rows = self.rows[number]
        most = int(np.clip(AT_ONCE // (len(band.integers) * np.dtype(np.complex64).itemsize), CHUNK, 512))
        total: Sum | None = None
        for first in range(0, len(rows), most):
            part = slice(first, first + most)
            particles = self.boxes.particles(band, rows[part], whitened=whitened)
            own = summed(particles, self.poses[number][part], self.settings.threads)
            total = own if total is None else total + own
        assert total is not None
        return total.symmetrised(self.settings.symmetry)

    def _maps(self, sums: list[Sum]) -> list[np.ndarray]:
        return [self.full.volume(one.average(), self.boxes.edge) for one in sums]

    def _fsc(self, sums: list[Sum]) -> HalfMapCorrelation:
        seen = np.all([one.coverage >= COVERED * one.coverage.max() for one in sums], axis=0)
        one, other = self._maps(sums)
        return correlate_halves(
            one, other, mask_of(self.full, self.settings.diameter, self.boxes.edge), self.full.half_spectrum(seen), self.seed
        )

    def _sums(self) -> list[Sum]:
        return [self._sum(number, self.full, whitened=False) for number in range(len(self.rows))]

    def _agreed_resolution(self, sums: list[Sum]) -> float:
        fsc = self._fsc(sums)
        shell = last_shell(fsc.corrected, GO_ON) - 1  # a shell coarser than they agree: noise must not be fitted
        return float(np.clip(self.full.extent / max(shell, 1), self.finest, self.lowpass))

    def _averages(self, sums: list[Sum]) -> Averages:
        boxes, band = self.boxes, self.boxes.band(self.resolution)
        fsc = self._fsc(sums) if len(sums) > 1 else None
        total = sum(sums[1:], sums[0])
        raw = total.average()
        if fsc is None:
            weights = (self.full.shells <= self.full.extent / self.resolution).astype(float)
        else:
            good = np.clip(np.nan_to_num(fsc.corrected), 0, 1)
            good[last_shell(fsc.corrected, 0.143) + 1 :] = 0
            weights = np.sqrt(2 * good / (1 + good))[self.full.shells]
        ccc, poses = np.zeros(len(boxes)), Poses.of(Rotation.identity(len(boxes)))
        for number, rows in enumerate(self.rows):
            particles = boxes.particles(band, rows, whitened=True)
            reference = reference_of(particles, self.poses[number], self.settings).average()
            ccc[rows] = correlation_coefficients(
                particles, reference, self.poses[number], mask_of(band, self.settings.diameter), self.settings.threads
            )
            poses.quaternions[rows], poses.shifts[rows] = self.poses[number].quaternions, self.poses[number].shifts
        return Averages(
            poses,
            self.half,
            self._maps(sums),
            self.full.volume(raw, boxes.edge),
            self.full.volume((raw * weights).astype(np.complex64), boxes.edge),
            mask_of(self.full, self.settings.diameter, boxes.edge),
            self.full.centred_spectrum(total.coverage),
            ccc,
            fsc,
            self.resolution,
            self.agreement,
            self.stopped,
        )
