"""Picks on which k of n pickers agree, of xmipp_picking_consensus_tomo."""
