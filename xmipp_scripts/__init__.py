"""Xmipp-style command-line programs: define, read into a frozen config, call the library, write."""
