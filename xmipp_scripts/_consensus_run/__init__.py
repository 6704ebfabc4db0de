"""The parts of xmipp_run_deep_consensus_tomo: configuration, pipeline, steps, outputs."""
