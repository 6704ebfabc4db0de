"""Imports TensorFlow with fast convolutions, and without its messages at start-up.

In a log these messages look like errors. The variable TF_CPP_MIN_LOG_LEVEL has no effect on them, because they are written before
the logging is set up. Therefore the error output is filtered during the import.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # 0: everything; the programs set 3, unless the user has set it
# "WARNING: All log messages before absl::InitializeLog()...", and lines as "I0000 00:00:1795.79 13190 port.cc:153] oneDNN..."
NOTE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|[IW]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] ")
# TensorFlow reads this once, when it is imported. By default oneDNN is used only on processors with AVX512_VNNI, AVX_VNNI or
# newer units; on the others its 3D convolutions are then many times slower.
ONE_DNN = "TF_ENABLE_ONEDNN_OPTS"
RETRACING = "triggered tf.function retracing"  # three networks are traced three times: this warning does not help users


@contextmanager
def notes_kept_back() -> Iterator[None]:
    """Filter start-up messages while the block runs, if TF_CPP_MIN_LOG_LEVEL asks for few; everything else passes at once.

    A child process filters: on a processor that it was not built for, TensorFlow ends this process at once, and its reason must
    still be shown.
    """
    if os.environ.get(LEVEL, "0") == "0":
        yield
        return
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        _filter(reading)
    os.close(reading)
    shown = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(shown, 2)  # closes the last writer, so that the child ends
        os.close(shown)
        os.waitpid(child, 0)


def _filter(reading: int) -> NoReturn:
    """Copy the lines of a pipe to the error output, except for the messages; then end this process without any clean-up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # its parent answers, and ends it by closing the pipe
    try:
        with os.fdopen(reading, "rb", buffering=0) as lines:
            for line in lines:
                if not NOTE.match(line):
                    os.write(2, line)
    finally:
        os._exit(0)


def import_quietly() -> None:
    """Import TensorFlow, with oneDNN unless the user has set it otherwise. Later imports find it loaded.

    Raises InputError where it cannot be loaded.
    """
    os.environ.setdefault(ONE_DNN, "1")
    if os.environ.get(LEVEL, "0") != "0":
        logging.getLogger("tensorflow").addFilter(lambda record: RETRACING not in record.getMessage())
    try:
        with notes_kept_back():
            import tensorflow  # noqa: F401
    except ImportError as error:
        from ..core.errors import InputError

        raise InputError(f"TensorFlow cannot be loaded ({error}); install it anew for the Python {sys.executable}") from error
