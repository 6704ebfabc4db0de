"""Protocols of the plugin."""

from .protocol_deep_consensus_picking3d import XmippProtDeepConsensusPicking3D

__all__ = ["XmippProtDeepConsensusPicking3D"]
