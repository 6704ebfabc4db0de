"""What the plugin adds to Scipion's data: the model of a trained picker."""

from __future__ import annotations

from pwem.objects import EMFile
from pyworkflow.object import Float, String


class PickerModel(EMFile):
    """A model of _train a picker 3D_: its file, the names of its classes, its sampling rate (Å/voxel) and its F score."""

    def __init__(self, filename: str | None = None, **kwargs) -> None:
        super().__init__(filename, **kwargs)
        self._classes = String()
        self._samplingRate = Float()
        self._fScore = Float()

    def describe(self, classes: list[str], sampling_rate: float, f_score: float) -> None:
        """Say what the model is for, and how well it found what it did not learn from."""
        self._classes.set(", ".join(classes))
        self._samplingRate.set(sampling_rate)
        self._fScore.set(f_score)

    def __str__(self) -> str:
        if self._samplingRate.get() is None:
            return "PickerModel"
        return f"PickerModel ({self._classes}; {self._samplingRate.get():.4g} Å/px; F {self._fScore.get():.2f} out of fold)"
