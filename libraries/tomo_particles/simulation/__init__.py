"""Simulated tomograms with their ground truth, after the recipe of SHREC 2020 (Gubins et al., Comput. Graph. 91, 2020)."""

from .builtin import builtin_complexes
from .complexes import Complex, complex_of, read_map
from .reconstruction import back_projected
from .sample import DISTRACTORS, Sample, add_ice_noise, build_sample
from .tilt_series import Imaging, TiltSeries, record

__all__ = [
    "DISTRACTORS",
    "Complex",
    "Imaging",
    "Sample",
    "TiltSeries",
    "add_ice_noise",
    "back_projected",
    "build_sample",
    "builtin_complexes",
    "complex_of",
    "read_map",
    "record",
]
