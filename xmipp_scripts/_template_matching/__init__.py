"""The parts of xmipp_template_matching_tomo."""
