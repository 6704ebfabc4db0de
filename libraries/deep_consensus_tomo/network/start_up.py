"""TensorFlow imported without the notes that it writes while it starts: they look like errors to whoever reads a log.

Its variable TF_CPP_MIN_LOG_LEVEL does not reach them: they are written before its logging is set up. So what reaches the error
output during the import is kept back, and given out again but for those notes.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # 0: everything; the programs set 3, unless the user has set it
# "WARNING: All log messages before absl::InitializeLog()...", and lines as "I0000 00:00:1795.79 13190 port.cc:153] oneDNN..."
NOTE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|[IW]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] ")
RETRACING = "triggered tf.function retracing"  # three networks are traced three times: no advice for users


@contextmanager
def notes_kept_back() -> Iterator[None]:
    """Keep back start-up notes while the block runs, where TF_CPP_MIN_LOG_LEVEL asks for few; give out everything if it fails."""
    if os.environ.get(LEVEL, "0") == "0":
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            notes.seek(0)
            lines = notes.readlines()
            os.write(2, b"".join(line for line in lines if failed or not NOTE.match(line)))


def import_quietly() -> None:
    """Import TensorFlow; afterwards it is there for every other module."""
    if os.environ.get(LEVEL, "0") != "0":
        logging.getLogger("tensorflow").addFilter(lambda record: RETRACING not in record.getMessage())
    with notes_kept_back():
        import tensorflow  # noqa: F401
