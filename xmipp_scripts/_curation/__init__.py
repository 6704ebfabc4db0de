"""The parts of xmipp_curate_picks_tomo and xmipp_learn_answers_tomo."""
