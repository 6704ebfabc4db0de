"""Viewers of the plugin."""

from .table_columns import show_columns
from .viewer_averages3d import AverageSubtomograms3DViewer, CompareBranches3DViewer
from .viewer_coordinates3d import Coordinates3DViewer
from .viewer_deep_consensus_picking3d import DeepConsensusPicking3DViewer
from .viewer_evaluate_picking3d import EvaluatePicking3DViewer
from .viewer_learned_pickers3d import DeepPick3DViewer, TrainPicker3DViewer
from .viewer_masks3d import MaskTomograms3DViewer
from .viewer_monitor3d import Monitor3DViewer
from .viewer_split_subtomograms3d import SplitSubtomograms3DViewer, SplitVolumeViewer

__all__ = ["AverageSubtomograms3DViewer", "CompareBranches3DViewer", "Coordinates3DViewer", "DeepConsensusPicking3DViewer",
           "DeepPick3DViewer", "EvaluatePicking3DViewer", "MaskTomograms3DViewer", "Monitor3DViewer",
           "SplitSubtomograms3DViewer", "SplitVolumeViewer", "TrainPicker3DViewer"]

show_columns()
