"""Learning and scoring: the only package that imports TensorFlow."""

from .config import NetworkConfig, TrainingConfig
from .devices import select_devices
from .scoring import score
from .storage import load_model, save_model
from .training import Ensemble, train

__all__ = ["Ensemble", "NetworkConfig", "TrainingConfig", "load_model", "save_model", "score", "select_devices", "train"]
