"""`--watch` of xmipp_run_deep_consensus_tomo: the consensus while tomograms and picks still arrive."""
