"""Picks against a truth: matching, SHREC's metrics, calibration, report, figures."""
