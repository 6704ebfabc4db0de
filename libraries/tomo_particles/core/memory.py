"""How much memory this process may still take, and whether work would need more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

GB = 1e9
SHARE = 0.8  # of the free memory that one program may plan with
# Files of Linux's cgroups, version 2 and 1: the limit, what is used, and of that, in memory.stat, the pages of files. These are
# given up when a program needs memory; MemAvailable counts them as free too.
LIMITS = (
    ("memory.max", "memory.current", ("active_file", "inactive_file")),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_active_file", "total_inactive_file")),
)


def free_memory(root: str = "/") -> float:
    """Bytes that this process can still get without swapping; infinite where the system does not say it.

    The least of what the machine has left, and of what the limits of a container or of a job of a queue leave (cgroups).
    root: the folder that holds proc and sys.
    """
    machine = _number_by_name(Path(root, "proc/meminfo")).get("MemAvailable:")
    return min(float("inf") if machine is None else machine * 1024, *map(_left_in, _groups(Path(root))), float("inf"))


def lacking(needed: float) -> str:
    """What to say of work that needs so many bytes, if it does not fit into the free memory; '' if it does."""
    free = free_memory()
    return f"needs about {needed / GB:.3g} GB of memory, and {free / GB:.3g} GB are free" if needed > SHARE * free else ""


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the control groups of this process, and of those that hold them: each may have a limit.

    In a container the path is often that of the host, which is not there, and the limit lies in the topmost folder.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        names = path.strip("/").split("/")
        yield from (top.joinpath(*names[:depth]) for depth in range(len(names) + 1))


def _left_in(group: Path) -> float:
    """Bytes that a control group leaves; infinite without a limit."""
    for limit, used, files in LIMITS:
        most, taken = _text(group / limit).strip(), _text(group / used).strip()
        if most.isdecimal() and taken.isdecimal():  # not "max"
            numbers = _number_by_name(group / "memory.stat")
            return max(0.0, float(most) - float(taken) + sum(numbers.get(name, 0.0) for name in files))
    return float("inf")


def _number_by_name(path: Path) -> dict[str, float]:
    """The second word of each line by its first, where it is a number."""
    words = (line.split() for line in _text(path).splitlines())
    return {word[0]: float(word[1]) for word in words if len(word) > 1 and word[1].isdecimal()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):  # no such system, or no right to read
        return ""
