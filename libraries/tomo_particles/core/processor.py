"""The name of the processor, to be written beside every measured time."""

from __future__ import annotations

import os
import platform
from pathlib import Path

# From the best. 3D convolutions in oneDNN are written for these.
VECTOR_UNITS = {"avx512_vnni": "AVX512 with VNNI", "avx512f": "AVX512", "avx2": "AVX2", "avx": "AVX"}


def processor(cpuinfo: str | None = None) -> str:
    """One line with the processor's name, its best vector unit, whether TensorFlow uses oneDNN on it, and the number of cores.

    cpuinfo: the text of /proc/cpuinfo; None reads it.
    """
    lines = (Path("/proc/cpuinfo").read_text(encoding="utf-8") if cpuinfo is None else cpuinfo).splitlines()
    fields = [[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]
    names = [value for name, value in fields if name == "model name"] or [platform.machine()]  # ARM has no such line
    flags = next((value.split() for name, value in fields if name == "flags"), [])
    unit = next((unit for flag, unit in VECTOR_UNITS.items() if flag in flags), "no AVX")
    cores = sum(name == "processor" for name, _ in fields)
    return f"{names[0]} ({unit}, oneDNN {_one_dnn()}), {cores} core{'s' * (cores != 1)}"


def _one_dnn() -> str:
    """Whether oneDNN is used, given the variables of the user and `network.start_up`."""
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() in ("0", "false"):
        return "off"
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA")
    return f"limited to {limit}" if limit else "on"
