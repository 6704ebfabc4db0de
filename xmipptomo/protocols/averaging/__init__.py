"""Averages of subtomograms, and sets of coordinates compared by their averages."""
