"""Protocols of the plugin."""

from .protocol_deep_consensus_picking3d import XmippProtDeepConsensusPicking3D
from .protocol_evaluate_picking3d import XmippProtEvaluatePicking3D
from .protocol_pick_blobs3d import XmippProtPickBlobs3D
from .protocol_simulate_tomograms import XmippProtSimulateTomograms
from .protocol_template_matching3d import XmippProtTemplateMatching3D

__all__ = ["XmippProtDeepConsensusPicking3D", "XmippProtEvaluatePicking3D", "XmippProtPickBlobs3D", "XmippProtSimulateTomograms",
           "XmippProtTemplateMatching3D"]
