"""What `append_picks` fills in place of a set."""

from __future__ import annotations

from functools import partial


class Collected(list):
    """Coordinates in memory, until all of them go to a set at once. sampling_rate: of that set."""

    def __init__(self, sampling_rate: float) -> None:
        super().__init__()
        self.getSamplingRate = partial(float, sampling_rate)
