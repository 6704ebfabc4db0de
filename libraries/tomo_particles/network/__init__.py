"""Learning and scoring: the only package that imports TensorFlow."""

from .start_up import import_quietly

import_quietly()  # before any module below imports it

# ruff: noqa: E402
from ..learning.configuration import NetworkConfig, TrainingConfig
from .devices import select_devices
from .machines import works_alone_or_leads
from .scoring import score
from .storage import load_model, save_model
from .training import Ensemble, train

__all__ = [
    "Ensemble",
    "NetworkConfig",
    "TrainingConfig",
    "load_model",
    "save_model",
    "score",
    "select_devices",
    "train",
    "works_alone_or_leads",
]
