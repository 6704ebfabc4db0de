"""The poses that a long comparison has found, on the disk: the same command goes on with them after an interruption."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from tomo_particles import __version__
from tomo_particles.averaging.average_set import Averages, SetAverage
from tomo_particles.averaging.picked_boxes import PickedBoxes
from tomo_particles.averaging.poses import Poses
from tomo_particles.core.files import written_aside

from .config import AverageConfig

FOLDER = ".poses"  # in the output folder, while the comparison is not finished
OF_SEARCH = ("diameter", "symmetry", "lowpass", "finest", "rounds", "starts", "bright", "tomogram_sampling_rate", "seed")


class KeptPoses:
    """A file for each average: it names what the average is made of, so that no other average takes it."""

    def __init__(self, config: AverageConfig) -> None:
        self.config, self.folder = config, Path(config.odir) / FOLDER
        state = [os.stat(path) for path in config.tomograms]
        self.tomograms = [(path, one.st_size, one.st_mtime_ns) for path, one in zip(config.tomograms, state, strict=True)]

    def run(self, average: SetAverage, boxes: PickedBoxes) -> Averages:
        """The average of a set: aligned now, or of the poses that an earlier start found."""
        file = self.folder / f"{self._made_of(average, boxes)}.npz"
        if file.is_file():
            with np.load(file) as kept:
                average.resolution = float(kept["resolution"])
                made = average.of(Poses(kept["quaternions"], kept["shifts"]), kept["half"])
                agreement = None if np.isnan(kept["agreement"]) else float(kept["agreement"])
                return replace(made, agreement=agreement, stopped=str(kept["stopped"]))
        made = average.run()
        with written_aside(file) as aside:
            np.savez(
                aside,
                quaternions=made.poses.quaternions,
                shifts=made.poses.shifts,
                half=made.half,
                resolution=made.resolution,
                agreement=np.nan if made.agreement is None else made.agreement,
                stopped=made.stopped,
            )
        return made

    def __contains__(self, wanted: tuple[SetAverage, PickedBoxes]) -> bool:
        return (self.folder / f"{self._made_of(*wanted)}.npz").is_file()

    def forget(self) -> None:
        """Remove all of them: the comparison is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _made_of(self, average: SetAverage, boxes: PickedBoxes) -> str:
        settings = [getattr(self.config, name) for name in OF_SEARCH]
        picks = [(one.name, one.tilts, one.positions.tolist()) for one in boxes.sources]
        made_of = (__version__, settings, average.seed, len(average.rows), self.tomograms, picks)
        return hashlib.sha256(repr(made_of).encode()).hexdigest()[:32]
