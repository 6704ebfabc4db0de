"""Xmipp-style command-line programs: define, read into a frozen config, call the library, write."""

import os
import signal
import sys

# Our threads (--threads) share the work; numpy's own for matrix products would be as many as the machine has processors in each
# of them, and in every program that runs beside. numpy reads this when it is imported, which nothing does before this line.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Ctrl-C while a program is still loaded ends it without a traceback; `_shared.program.run` answers better as soon as it can.
if sys.argv[0] == "-m" or os.path.basename(sys.argv[0]).startswith("xmipp_"):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
