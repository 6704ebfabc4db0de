"""The parts of xmipp_average_subtomograms and xmipp_map_resolution_tomo."""
