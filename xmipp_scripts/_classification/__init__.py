"""Splitting a set of aligned particles into classes, from files to files."""
