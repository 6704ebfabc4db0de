"""Regions of a tomogram: masks of good and bad space."""
