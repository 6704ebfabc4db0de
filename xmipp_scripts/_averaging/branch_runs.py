"""The averages of xmipp_compare_branches_tomo: each branch with all of its picks and with the same number, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tomo_particles.averaging.alignment import Settings
from tomo_particles.averaging.average_set import LEAST_FOR_HALVES, LEAST_PICKS, Averages, SetAverage
from tomo_particles.averaging.branches import drawn, in_box, laid_on
from tomo_particles.averaging.picked_boxes import PickedBoxes, Source
from tomo_particles.averaging.poses import Poses
from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import Tomogram, open_tomogram
from tomo_particles.evaluation.matching import matches_of, pairs_within
from tomo_particles.fourier.map_resolution import MapResolution, resolution_of, seen_of
from tomo_particles.fourier.shell_correlation import correlate_halves, crossing
from tomo_particles.geometry.symmetry import symmetry_group

from .agreement import mean_agreement, verdict_of
from .branch_config import CONSENSUS, NOISE, BranchesConfig
from .branch_sets import Branch, noise_branch, read_branches
from .headers import FAULTS, Header
from .kept_poses import KeptPoses
from .pace import Pace

DRAWS = 3
HIT = 0.5  # diameters: a pick this near to a particle is one
Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """One average of a branch. resolution: measured in the frame that it found for itself; None without halves.  made: laid on
    the frame of all, which every set of picks would fit a little: noise must not look better for it."""

    boxes: PickedBoxes
    made: Averages
    resolution: MapResolution | None


@dataclass
class Compared:
    """A branch with its average of all picks and those of equal numbers. others: by name a correlation (shells,) with its map.

    agreement: mean correlation of the halves.  null: the largest that noise reached: halves of noise agree a little once one is
    laid on the other, and on few shells that may pass for a signal.
    hits: picks that are particles; picked, aligned: their mean distance to these, Å; None without truth.
    """

    branch: Branch
    own: Run
    agreement: float | None
    draws: list[Run]
    others: dict[str, np.ndarray]
    null: float = 0.0
    hits: int | None = None
    picked: float | None = None
    aligned: float | None = None

    @property
    def verdict(self) -> str:
        if self.branch.kind == NOISE:
            return NOISE  # not "null": a table reader takes this word for an empty cell
        return "not above noise" if self.agreement is not None and self.agreement <= self.null else verdict_of(self.agreement)


class Comparison:
    """Reads the branches, averages each, and compares them. tomograms: opened, by id, with their tilts."""

    def __init__(
        self,
        config: BranchesConfig,
        tomograms: dict[str, tuple[Tomogram, tuple[float, float]]],
        headers: dict[str, Header],
        say: Say,
        done: Callable[[float], None] = lambda share: None,
    ) -> None:
        """done: receives the share of the averages that is made."""
        self.config, self.tomograms, self.headers, self.say = config, tomograms, headers, say
        self.notes: list[str] = []
        average = config.average
        symmetry = symmetry_group(average.symmetry)
        self.settings = Settings(average.diameter, average.rounds, average.starts, symmetry, average.threads)
        self.kept = KeptPoses(average)
        self.pace = Pace(say, done)
        self.shared: dict[tuple, int] = {}  # of each pick its row in `shared_poses`
        self.equal = 0

    def run(self) -> list[Compared]:
        """Every branch with enough picks, in the order given, noise last."""
        given = read_branches(self.config, self.headers, self.notes)
        self.truth = next((branch for branch in given if branch.kind == "truth"), None)
        reference = self._reference(given)
        boxes = {branch.name: own for branch in given if (own := self._boxes_of(branch)) is not None}
        with_halves = [len(own) for own in boxes.values() if len(own) >= LEAST_FOR_HALVES]
        if not boxes:
            why = "; ".join(self.notes)
            raise InputError(f"every branch has fewer than {LEAST_PICKS} picks: {why}; give more picks")
        self.equal = min(with_halves, default=0)
        noise = noise_branch(given, self.equal or min(map(len, boxes.values())), self.config, self.headers, self.notes.append)
        if (own := self._boxes_of(noise)) is not None:
            boxes[noise.name] = own
        branches = [branch for branch in (*given, noise) if branch.name in boxes]
        if self.config.shared_poses:
            self._share(list(boxes.values()))
        else:
            counts = list(map(len, boxes.values()))
            drawn = sum(n >= self.equal for n in counts) if self.equal else 0
            self.pace.begin([*counts, *(DRAWS * [self.equal] * drawn)])
        runs = {branch.name: self._average(boxes[branch.name], f"'{branch.name}'", 0) for branch in branches}
        frame = self._frame(branches, runs, reference)
        found = []
        for branch in branches:
            run = self._laid(runs[branch.name], frame)
            found.append(self._compared(branch, run, self._drawn_runs(branch, run, frame), reference))
        null = [self._agreement(run) for one in found if one.branch.kind == NOISE for run in (one.own, *one.draws)]
        for one in found:
            one.null = max((value for value in null if value is not None), default=0.0)
        consensus = next((one.own.made for one in found if one.branch.kind == CONSENSUS), None)
        for one in found:
            if consensus is not None and one.own.made is not consensus:
                one.others[CONSENSUS] = self._correlation(one.own, consensus.average)
        return found

    def _reference(self, given: list[Branch]) -> np.ndarray | None:
        path = self.config.reference
        if path is None:
            return None
        with open_tomogram(path, None, "--reference") as opened:
            volume, rate = np.array(opened.data, dtype=np.float32), opened.sampling_rate
        if not np.isfinite(volume).all() or volume.max() <= volume.min():
            raise InputError(f"--reference: '{path}' has voxels that are not numbers, or one grey value only; give a map")
        source = self._sources(next(branch for branch in given if branch.picks).picks)
        return in_box(volume, rate, PickedBoxes(source, self.config.average.diameter))

    def _sources(self, picks: dict[str, Picks]) -> list[Source]:
        found = []
        for tomo_id, own in picks.items():
            tomogram, tilts = self.tomograms[tomo_id]
            weights = np.ones(len(own))
            found.append(
                Source(tomo_id, tomogram.data, tomogram.sampling_rate, own.positions, weights, tilts, self.config.average.bright)
            )
        return found

    def _boxes_of(self, branch: Branch) -> PickedBoxes | None:
        """Its boxes; None, and a note, for too few."""
        average = self.config.average
        boxes = PickedBoxes(self._sources(branch.picks), average.diameter, average.threads) if branch.picks else None
        count = len(boxes) if boxes is not None else 0
        if boxes is not None:
            out = [f"{number} ({FAULTS[fault]})" for fault, number in boxes.left_out.items() if number]
            self.notes += [f"'{branch.name}': picks left out: {', '.join(out)}"] if out else []
        if count < LEAST_PICKS:
            self.notes.append(f"branch '{branch.name}' is left out: {count} picks, and an average needs {LEAST_PICKS}")
            return None
        if count < LEAST_FOR_HALVES:
            self.notes.append(
                f"'{branch.name}': {count} picks, fewer than {LEAST_FOR_HALVES}: no halves, so nothing says its resolution"
            )
        return boxes

    def _set(self, boxes: PickedBoxes, seed: int) -> SetAverage:
        average = self.config.average
        halves = len(boxes) >= LEAST_FOR_HALVES
        finest = average.finest or 2 * boxes.rate
        return SetAverage(
            boxes, self.settings, average.lowpass, finest, average.seed + seed, halves=halves, say=lambda line: None
        )

    def _average(self, boxes: PickedBoxes, name: str, seed: int) -> Run:
        """From its own free start, or of the shared poses."""
        if self.config.shared_poses:
            rows = np.array([self.shared[key] for key in _keys(boxes)])
            half = self.shared_half[rows] if len(boxes) >= LEAST_FOR_HALVES else np.zeros(len(boxes), dtype=int)
            made = self._set(boxes, seed).of(self.shared_poses[rows], half)
        else:
            average = self._set(boxes, seed)
            with self.pace.average(len(boxes), (average, boxes) in self.kept):
                made = self.kept.run(average, boxes)
        run = self._measured(boxes, made)
        said = "no halves"
        if run.resolution is not None:
            shell = crossing(run.resolution.fsc.corrected, 0.5)
            said = f"FSC 0.5 at {'none' if shell is None else f'{run.resolution.extent / max(shell, 1e-9):.1f} A'}"
        self.say(f"{name}: {len(boxes)} picks, {said}{self.pace.left()}")
        return run

    def _measured(self, boxes: PickedBoxes, made: Averages) -> Run:
        if made.fsc is None:
            return Run(boxes, made, None)
        one, other = made.halves
        extent, seed = boxes.edge * boxes.rate, self.config.average.seed
        return Run(boxes, made, resolution_of(one, other, made.mask, extent, made.coverage, seed=seed))

    def _share(self, every: Sequence[PickedBoxes]) -> None:
        """One alignment of the picks of all branches, each place once."""
        places: dict[str, dict[tuple, np.ndarray]] = {}
        for boxes in every:
            for key, name, position in zip(_keys(boxes), boxes.names, boxes.positions, strict=True):
                places.setdefault(name, {})[key] = position
        rate = every[0].rate
        picks = {name: Picks(name, np.array(list(own.values())), rate) for name, own in places.items()}
        union = PickedBoxes(self._sources(picks), self.config.average.diameter, self.config.average.threads)
        self.say(f"one alignment of all {len(union)} picks")
        made = self.kept.run(self._set(union, 0), union)
        self.shared = {key: row for row, key in enumerate(_keys(union))}
        self.shared_poses: Poses = made.poses
        self.shared_half = made.half

    def _frame(self, branches: list[Branch], runs: dict[str, Run], reference: np.ndarray | None) -> np.ndarray:
        """The map whose frame all averages take: the reference, else the consensus, else the branch whose halves agree best."""
        if reference is not None:
            return reference
        by_name = {branch.kind: branch.name for branch in branches}
        if CONSENSUS in by_name:
            return runs[by_name[CONSENSUS]].made.average
        extent = next(iter(runs.values())).boxes.edge * next(iter(runs.values())).boxes.rate
        agreement = lambda run: -1.0 if run.made.fsc is None else mean_agreement(run.made.fsc, extent, self.config.average)  # noqa: E731
        return max(runs.values(), key=agreement).made.average

    def _laid(self, run: Run, frame: np.ndarray) -> Run:
        if frame is run.made.average or (self.config.shared_poses and self.config.reference is None):
            return run
        made = laid_on(frame, run.made, run.boxes, self.settings, self.config.average.lowpass)
        return Run(run.boxes, made, run.resolution)

    def _drawn_runs(self, branch: Branch, own: Run, frame: np.ndarray) -> list[Run]:
        """Equal numbers, each draw with its own start; only the first is laid on the frame: it is shown."""
        if not self.equal or len(own.boxes) < self.equal:
            return []
        found = []
        for draw in range(1, DRAWS + 1):
            rows = drawn(own.boxes.names, own.boxes.positions, self.equal, self.config.average.seed + draw)
            picks = {
                name: Picks(name, own.boxes.positions[chosen], own.boxes.rate)
                for name in sorted(set(own.boxes.names))
                if len(chosen := rows[np.asarray(own.boxes.names, dtype=str)[rows] == name])
            }
            boxes = PickedBoxes(self._sources(picks), self.config.average.diameter, self.config.average.threads)
            run = self._average(boxes, f"'{branch.name}', draw {draw} of {DRAWS}", draw)
            found.append(self._laid(run, frame) if draw == 1 else run)
        return found

    def _compared(self, branch: Branch, run: Run, draws: list[Run], reference: np.ndarray | None) -> Compared:
        agreement = self._agreement(run)
        others = {} if reference is None else {"reference": self._correlation(run, reference)}
        found = Compared(branch, run, agreement, draws, others)
        if self.truth is not None:
            found.hits, found.picked, found.aligned = self._against_truth(run, self.truth)
        return found

    def _agreement(self, run: Run) -> float | None:
        found = run.resolution
        return mean_agreement(found.fsc, found.extent, self.config.average) if found else None

    def _correlation(self, run: Run, other: np.ndarray) -> np.ndarray:
        """(shells,) of an average with another map in the same frame, corrected for the mask."""
        seen = seen_of(run.made.coverage)
        return correlate_halves(run.made.average, other, run.made.mask, seen, self.config.average.seed).corrected

    def _against_truth(self, run: Run, truth: Branch) -> tuple[int, float | None, float | None]:
        boxes, radius = run.boxes, HIT * self.config.average.diameter / run.boxes.rate
        names = np.asarray(boxes.names, dtype=str)
        picked, aligned = [], []
        for name in sorted(set(boxes.names)):
            own = np.flatnonzero(names == name)
            particles = truth.picks[name].positions if name in truth.picks else np.zeros((0, 3))
            found = matches_of(pairs_within(boxes.positions[own], particles, radius))
            rows = own[found.counts]
            hit = particles[found.particle[found.counts]]
            moved = boxes.positions[rows] + run.made.poses.shifts[rows] / boxes.rate
            picked.append(np.linalg.norm(boxes.positions[rows] - hit, axis=1))
            aligned.append(np.linalg.norm(moved - hit, axis=1))
        before, after = np.concatenate(picked) * boxes.rate, np.concatenate(aligned) * boxes.rate
        mean = lambda off: float(off.mean()) if len(off) else None  # noqa: E731
        return len(before), mean(before), mean(after)


def _keys(boxes: PickedBoxes) -> list[tuple]:
    """Of each pick its tomogram and place: two branches often share picks."""
    return [(name, *np.round(place, 3)) for name, place in zip(boxes.names, boxes.positions, strict=True)]
