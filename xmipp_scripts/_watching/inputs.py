"""The folders of a run that grow, looked at together."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tomo_particles.formats.growing_picks import GrowingPicks, Sizes
from tomo_particles.runs.growing_tomograms import GrowingTomograms
from tomo_particles.runs.sightings import OPEN, OVER, Look, Source

from .._consensus_run.config import PipelineConfig
from .config import FINISH, WatchConfig

RESERVE = 500_000_000  # bytes of the disk that stay free: no tomogram is begun with less


class Inputs:
    """Tomograms, pickers and references of a run. over_at: what `digest` was when an earlier process found that all had come."""

    def __init__(self, config: PipelineConfig, watching: WatchConfig, over_at: str) -> None:
        self.config, self.watching = config, watching
        self.tomograms = GrowingTomograms(config.tomograms[0], config.tomogram_sampling_rate, watching.settle, "--tomograms")
        rates = config.picks_sampling_rates or (0.0,) * len(config.picks)
        self.pickers = [
            GrowingPicks(path, number, rate or None, "--picks")
            for number, (path, rate) in enumerate(zip(config.picks, rates, strict=True), start=1)
        ]
        given = {"truth": config.truth, "lie": config.lie}
        self.references = {kind: [GrowingPicks(path, option=f"--{kind}")] if path else [] for kind, path in given.items()}
        self._over_at = over_at
        self._changed_at: float | None = None
        self._before = ""

    @property
    def sizes(self) -> Sizes:
        """Sampling rate and size of each complete tomogram."""
        return {tomo_id: (own.sampling_rate, own.size) for tomo_id, own in self.tomograms.arrived.items()}

    @property
    def digest(self) -> str:
        """The same as long as no file of an input changes."""
        states = [self.tomograms.states, *(picker.states for picker in self.pickers)]
        return hashlib.sha256(repr(states).encode()).hexdigest()

    @property
    def faults(self) -> list[str]:
        """What files of picks cannot be read at the moment, a line each."""
        return sorted(fault for picker in self.pickers for fault in picker.faults.values())

    def look(self, now: float) -> Look:
        """Look at all of them at this monotonic time."""
        config, watching = self.config, self.watching
        try:
            self.tomograms.look(now)
            items = {tomo_id: own.digest for tomo_id, own in self.tomograms.arrived.items()}
        except OSError:
            items = None
        picks: list[dict[str, str] | None] = []
        for picker in self.pickers:
            try:
                picks.append(picker.look(self.sizes))
            except OSError:
                picks.append(None)
        for (source,) in filter(None, self.references.values()):
            source.look(self.sizes)
        if self.digest != self._before:
            self._before, self._changed_at = self.digest, now
        quiet = now - (self._changed_at if self._changed_at is not None else now)
        silent = bool(watching.silence) and quiet >= max(60 * watching.silence, 3 * watching.settle)
        complete = not self.tomograms.waiting
        over = silent or (complete and self.digest == self._over_at)
        came = items is not None and watching.count is not None and len(items) + len(self.tomograms.faults) >= watching.count
        all_there = came and quiet >= watching.settle and all(own is not None and set(items or {}) <= set(own) for own in picks)
        state = OVER if over or all_there else OPEN
        return Look(
            None if items is None else Source(items, OVER if came else state),
            tuple(None if own is None else Source(own, state) for own in picks),
            finish=Path(config.odir, FINISH).exists() and (complete or quiet >= 3 * watching.settle),
            room=shutil.disk_usage(config.odir).free > RESERVE,
        )
