"""Voxel-wise networks: what they are, how they learn, how they read a whole tomogram, and their file."""

from .. import select_devices  # TensorFlow is imported quietly there, before any module below imports it
from .prediction import ScoreMap, predict, predict_out_of_fold
from .storage import Checkpoint, load_voxel_model, save_voxel_model
from .training import Budget, Trained, train_network

__all__ = [
    "Budget",
    "Checkpoint",
    "ScoreMap",
    "Trained",
    "load_voxel_model",
    "predict",
    "predict_out_of_fold",
    "save_voxel_model",
    "select_devices",
    "train_network",
]
