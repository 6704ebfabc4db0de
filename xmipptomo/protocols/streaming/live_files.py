"""Files of the deep consensus while its inputs grow."""

from __future__ import annotations

import json
from pathlib import Path

from ...files import RunFiles


class LiveFiles(RunFiles):
    """Files of the deep consensus while its inputs grow; those of its final pass are RunFiles."""

    folder = "live"

    def __init__(self, extra_folder: str) -> None:
        super().__init__(extra_folder)
        self.extra_folder = extra_folder

    @property
    def followed(self) -> Path:
        """JSON: the inputs with which the final pass was begun; missing before it."""
        return self.root / "followed.json"

    def training(self, number: int) -> TrainingFiles:
        """Files of a training."""
        return TrainingFiles(self.extra_folder, number)

    def trainings(self) -> list[TrainingFiles]:
        """Those that ended with a model."""
        numbers = sorted(int(path.parent.name) for path in self.root.glob("models/[0-9]*/model.h5"))
        return [self.training(number) for number in numbers]


class TrainingFiles(RunFiles):
    """Files of a training of the deep consensus while its inputs grow."""

    def __init__(self, extra_folder: str, number: int) -> None:
        self.folder, self.number = f"live/models/{number:04d}", number
        super().__init__(extra_folder)

    @property
    def tomograms(self) -> Path:
        """JSON: the ids of the tomograms that it learns from."""
        return self.root / "tomograms.json"

    def learned_from(self) -> list[str]:
        """These ids."""
        return list(json.loads(self.tomograms.read_text(encoding="utf-8")))
