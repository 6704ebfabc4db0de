"""Protocols of the plugin."""

from .protocol_deep_consensus_picking3d import XmippProtDeepConsensusPicking3D
from .protocol_evaluate_picking3d import XmippProtEvaluatePicking3D
from .protocol_export_coordinates3d import XmippProtExportCoordinates3D
from .protocol_import_coordinates3d import XmippProtImportCoordinates3D
from .protocol_pick_blobs3d import XmippProtPickBlobs3D
from .protocol_simulate_tomograms import XmippProtSimulateTomograms
from .protocol_template_matching3d import XmippProtTemplateMatching3D

__all__ = ["XmippProtDeepConsensusPicking3D", "XmippProtEvaluatePicking3D", "XmippProtExportCoordinates3D",
           "XmippProtImportCoordinates3D", "XmippProtPickBlobs3D", "XmippProtSimulateTomograms", "XmippProtTemplateMatching3D"]
