"""The parts of xmipp_evaluate_picking_tomo: inputs, outputs."""
