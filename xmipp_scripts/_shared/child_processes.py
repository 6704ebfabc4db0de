"""Processes that a program starts end with it, whatever ends it."""

from __future__ import annotations

import ctypes
import signal

DEATH_SIGNAL = 1  # Linux: PR_SET_PDEATHSIG


def end_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Let this process get a signal when its parent ends; called in the child."""
    ctypes.CDLL(None).prctl(DEATH_SIGNAL, number)
