"""Averages of subtomograms: alignment, wedge-weighted sums, independent halves."""
