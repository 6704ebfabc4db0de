"""Evaluation of picks against a truth."""
