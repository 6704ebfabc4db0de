"""Viewers of the plugin."""

from .viewer_evaluate_picking3d import EvaluatePicking3DViewer

__all__ = ["EvaluatePicking3DViewer"]
