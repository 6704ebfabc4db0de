"""The folders of a run that grow, looked at together."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from tomo_particles.core.errors import InputError
from tomo_particles.formats.growing_picks import GrowingPicks, Sizes
from tomo_particles.formats.pick_folders import is_pattern, place_of
from tomo_particles.runs.growing_tomograms import GrowingTomograms
from tomo_particles.runs.sightings import NOTHING, OPEN, OVER, RESERVE, Look, Source

from .._consensus_run.config import PipelineConfig
from .._shared.masks import masks_so_far, named_as, no_mask
from .config import FINISH, WatchConfig


class Inputs:
    """Tomograms, pickers, references and masks of a run.

    over_at: what `digest` was when an earlier process found that all had come.  said: words of an error for the user.
    """

    def __init__(
        self, config: PipelineConfig, watching: WatchConfig, over_at: str, said: Callable[[InputError], str] = str
    ) -> None:
        self.config, self.watching = config, watching
        self.tomograms = GrowingTomograms(
            config.tomograms[0], config.tomogram_sampling_rate, watching.settle, "--tomograms", said
        )
        rates = config.picks_sampling_rates or (0.0,) * len(config.picks)
        self.pickers = [
            GrowingPicks(path, number, rate or None, "--picks", said)
            for number, (path, rate) in enumerate(zip(config.picks, rates, strict=True), start=1)
        ]
        given = {"truth": config.truth, "lie": config.lie}
        self.references = {
            kind: [GrowingPicks(path, option=f"--{kind}", said=said)] if path else [] for kind, path in given.items()
        }
        self.masks: dict[str, list[str]] = {}  # files by tomogram
        self._over_at = over_at
        self._changed_at: float | None = None
        self._before = ""
        self._picks: list[dict[str, str] | None] = []  # of the last look, of each picker

    @property
    def sizes(self) -> Sizes:
        """Sampling rate and size of each complete tomogram."""
        return {tomo_id: (own.sampling_rate, own.size) for tomo_id, own in self.tomograms.arrived.items()}

    @property
    def digest(self) -> str:
        """The same as long as no file of an input changes."""
        masks = [_state(mask) for own in self.masks.values() for mask in own]
        return _digest([self.tomograms.states, *(picker.states for picker in self.picks), masks])

    @property
    def picks(self) -> list[GrowingPicks]:
        """Pickers and references."""
        return [*self.pickers, *(source for sources in self.references.values() for source in sources)]

    @property
    def faults(self) -> list[str]:
        """What files of picks cannot be read at the moment, a line each."""
        return sorted(fault for picker in self.picks for fault in picker.faults.values())

    @property
    def notes(self) -> list[str]:
        """What else to know of the files of tomograms and picks, a line each."""
        of_tomograms = [note for own in self.tomograms.arrived.values() for note in own.notes]
        return of_tomograms + [note for picker in self.picks for note in picker.notes]

    @property
    def absent(self) -> list[str]:
        """The inputs that are not there, with their options; of a pattern the folder."""
        config = self.config
        given = [("--tomograms", config.tomograms[0]), *(("--picks", path) for path in config.picks)]
        given += [("--mask", path) for path in config.mask]
        places = [(option, str(place_of(path)) if is_pattern(path) else path) for option, path in given]
        return [f"{option}: '{path}'" for option, path in places if not os.path.exists(path)]

    def masks_of(self, tomo_id: str) -> tuple[str, ...]:
        """The value of --mask for a tomogram alone. Raises InputError where others have a mask and it has none."""
        if self.config.mask and tomo_id not in self.masks:
            raise no_mask([tomo_id], "--mask")
        return tuple(self.masks.get(tomo_id, ())) if self.config.mask else ()

    def other_masks(self, tomo_ids: Collection[str]) -> list[str]:
        """The files given as masks that are of none of these tomograms."""
        return [path for path in self.config.mask if not os.path.isdir(path) and named_as(path) not in tomo_ids]

    def silent(self) -> tuple[str, ...]:
        """The pickers of which the last look found no pick and no file that cannot be read, as they were given."""
        found = zip(self.config.picks, self.pickers, self._picks, strict=True)
        return tuple(
            path for path, picker, own in found if not picker.faults and own is not None and set(own.values()) <= {NOTHING}
        )

    def _item(self, tomo_id: str, digest: str) -> str:
        """The same as long as nothing changes of which a tomogram is prepared, but for the pickers."""
        beside = [source.states for sources in self.references.values() for source in sources]
        masks = [_state(mask) for mask in self.masks.get(tomo_id, ())]
        return f"{digest} {_digest([beside, masks])[:16]}" if beside or masks else digest

    def look(self, now: float) -> Look:
        """Look at all of them at this monotonic time."""
        config, watching = self.config, self.watching
        try:
            self.tomograms.look(now)
            self.masks = masks_so_far(config.mask)
            for (source,) in filter(None, self.references.values()):
                source.look(self.sizes)
            items = {tomo_id: self._item(tomo_id, own.digest) for tomo_id, own in self.tomograms.arrived.items()}
        except OSError:
            items = None
        picks: list[dict[str, str] | None] = []
        self._picks = picks
        for picker in self.pickers:
            try:
                picks.append(picker.look(self.sizes))
            except OSError:
                picks.append(None)
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


def _state(path: str) -> tuple[str, int, int]:
    """Name, size and time of change of a file; 0 where it is gone."""
    try:
        info = os.stat(path)
    except FileNotFoundError:
        return path, 0, 0
    return path, info.st_size, info.st_mtime_ns


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()
