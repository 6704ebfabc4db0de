"""How much memory this machine has left, and whether work would need more."""

from __future__ import annotations

from pathlib import Path

GB = 1e9
SHARE = 0.8  # of the free memory that one program may plan with


def free_memory(path: str = "/proc/meminfo") -> float:
    """Bytes that programs can still get without swapping; infinite where the system does not say it."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return float("inf")


def lacking(needed: float) -> str:
    """What to say of work that needs so many bytes, if it does not fit into the free memory; '' if it does."""
    free = free_memory()
    return f"needs about {needed / GB:.3g} GB of memory, and {free / GB:.3g} GB are free" if needed > SHARE * free else ""
