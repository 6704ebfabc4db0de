"""Synthetic tomograms and pickers for tests and quick benchmarks."""
