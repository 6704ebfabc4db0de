"""Xmipp-style command-line programs: define, read into a frozen config, call the library, write."""

import os

# Our threads (--threads) share the work; numpy's own for matrix products would be as many as the machine has processors in each
# of them, and in every program that runs beside. numpy reads this when it is imported, which nothing does before this line.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
