"""Algorithms of the 3D picking consensus: arrays in, arrays out. Nothing here knows Scipion."""

__version__ = "0.1.0"
