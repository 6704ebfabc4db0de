"""Training and scoring from files to files, of xmipp_deep_picking_consensus_tomo and of the whole run."""
