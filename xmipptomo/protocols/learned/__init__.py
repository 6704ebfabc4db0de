"""Pickers that are trained: training and picking."""
