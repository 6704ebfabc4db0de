"""Picks, coordinates and sampling rates, tomograms (MRC), boxes, grey values, seeds, errors, safe writing."""
