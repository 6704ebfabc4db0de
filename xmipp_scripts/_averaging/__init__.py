"""The parts of xmipp_average_subtomograms, xmipp_map_resolution_tomo and xmipp_compare_branches_tomo."""
