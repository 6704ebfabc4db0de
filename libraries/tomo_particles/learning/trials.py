"""Which settings each trial of a tuning tries: a quasi-random search of the settings that matter.

The points of a Halton sequence with a seed fill the space evenly, and point n depends on the seed and n alone. So a tuning that
was killed goes on with the same trials, and a longer one begins with those of a shorter one. With the few trials that a user can
wait for, a method that learns from earlier trials would still be in its random beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import qmc

from .tuned_settings import DEFAULTS, Settings

LIMITS = {"learning_rate": (3e-4, 1e-2), "l2": (1e-6, 1e-2)}  # searched on a scale of logarithms
CHOICES: dict[str, tuple[Any, ...]] = {"epochs": (6, 12, 24), "augment": (True, False)}
AXES = (*LIMITS, *CHOICES)


def trial_settings(number: int, seed: int, fixed: Mapping[str, Any]) -> Settings:
    """The settings of trial `number`, from 1; the first has the defaults. fixed: what is not searched, and has these values."""
    settings = dict(DEFAULTS)
    if number > 1:
        point = qmc.Halton(len(AXES), seed=seed).random(number - 1)[-1]
        settings = {name: _value(name, float(at)) for name, at in zip(AXES, point, strict=True)}
    return {**settings, **fixed}


def _value(name: str, at: float) -> Any:
    """The value of a setting at a place from 0 to 1; two digits, so that what is written is what is used."""
    if name in CHOICES:
        return CHOICES[name][int(at * len(CHOICES[name]))]
    low, high = np.log10(LIMITS[name])
    return float(f"{10 ** (low + at * (high - low)):.2g}")
