"""Viewers of the plugin."""

from .viewer_deep_consensus_picking3d import DeepConsensusPicking3DViewer
from .viewer_evaluate_picking3d import EvaluatePicking3DViewer

__all__ = ["DeepConsensusPicking3DViewer", "EvaluatePicking3DViewer"]
