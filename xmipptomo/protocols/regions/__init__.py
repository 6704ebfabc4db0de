"""Masks of good and bad regions of tomograms."""
