"""Protocols of the plugin."""

from .averaging.protocol_average_subtomograms3d import XmippProtAverageSubtomograms3D
from .averaging.protocol_compare_branches3d import XmippProtCompareBranches3D
from .classification.protocol_evaluate_classification import XmippProtEvaluateClassification
from .classification.protocol_simulate_particles import XmippProtSimulateParticles
from .classification.protocol_split_subtomograms3d import XmippProtSplitSubtomograms3D
from .classification.protocol_split_volume import XmippProtSplitVolume
from .coordinates.protocol_export_coordinates3d import XmippProtExportCoordinates3D
from .coordinates.protocol_import_coordinates3d import XmippProtImportCoordinates3D
from .deep_consensus.protocol_deep_consensus_picking3d import XmippProtDeepConsensusPicking3D
from .evaluation.protocol_evaluate_picking3d import XmippProtEvaluatePicking3D
from .learned.protocol_deep_pick3d import XmippProtDeepPick3D
from .learned.protocol_join_picks3d import XmippProtJoinPicks3D
from .learned.protocol_train_picker3d import XmippProtTrainPicker3D
from .picking.protocol_pick_blobs3d import XmippProtPickBlobs3D
from .picking.protocol_template_matching3d import XmippProtTemplateMatching3D
from .regions.protocol_mask_tomograms3d import XmippProtMaskTomograms3D
from .simulation.protocol_simulate_tomograms import XmippProtSimulateTomograms
from .streaming.protocol_monitor3d import XmippProtMonitor3D
from .streaming.protocol_picking_consensus3d import XmippProtPickingConsensus3D
from .streaming.protocol_release3d import XmippProtRelease3D
from .streaming.protocol_streaming_consensus3d import XmippProtStreamingConsensus3D
from .streaming.protocol_trigger3d import XmippProtTrigger3D
from .streaming.protocol_watch_picks3d import XmippProtWatchPicks3D
from .streaming.protocol_watch_tomograms import XmippProtWatchTomograms

__all__ = [
           "XmippProtAverageSubtomograms3D",
           "XmippProtCompareBranches3D",
           "XmippProtDeepConsensusPicking3D",
           "XmippProtDeepPick3D",
           "XmippProtEvaluateClassification",
           "XmippProtEvaluatePicking3D",
           "XmippProtExportCoordinates3D",
           "XmippProtImportCoordinates3D",
           "XmippProtJoinPicks3D",
           "XmippProtMaskTomograms3D",
           "XmippProtMonitor3D",
           "XmippProtPickBlobs3D",
           "XmippProtPickingConsensus3D",
           "XmippProtRelease3D",
           "XmippProtSimulateParticles",
           "XmippProtSimulateTomograms",
           "XmippProtSplitSubtomograms3D",
           "XmippProtSplitVolume",
           "XmippProtStreamingConsensus3D",
           "XmippProtTemplateMatching3D",
           "XmippProtTrainPicker3D",
           "XmippProtTrigger3D",
           "XmippProtWatchPicks3D",
           "XmippProtWatchTomograms",
]
