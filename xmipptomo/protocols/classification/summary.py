"""The result of a split in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def split_lines(summary: Mapping[str, Any]) -> list[str]:
    """What summary.json says, the verdict first."""
    classes = "; ".join(f"class {number}: {count} particles, FSC 0.143 at {summary['resolution'][f'class_{number}']}"
                        for number, count in enumerate(summary["particlesOfClass"], start=1))
    compared = f" Compared up to {summary['maxResolution']:g} Å." if "maxResolution" in summary else ""
    compared += f" Classes judged up to {summary['judgedUpTo']:g} Å." if "judgedUpTo" in summary else ""
    return [_verdict(summary), f"{classes[0].upper()}{classes[1:]}.{compared}", *summary["notes"]]


def methods_line(summary: Mapping[str, Any], how: str) -> str:
    """A sentence for a publication. how: the particles, and by what they were split; {} stands for the sizes of the classes."""
    counts = " and ".join(map(str, summary["particlesOfClass"]))
    return (f"{summary['particles']} {how.format(counts)} up to {summary['maxResolution']:g} Å. The differences of two halves "
            f"that were split each by itself correlate to {summary['agreement']:.2f}; those of simulated sets of one structure "
            f"to at most {max(summary['agreementsOfOneStructure']):.2f}.")


def _verdict(summary: Mapping[str, Any]) -> str:
    if summary["verdict"] == "not tested":
        return "*Not tested*: the recipe of the thesis does not ask whether there are two structures."
    nulls = summary["agreementsOfOneStructure"]
    compared = f"mean correlation {summary['agreement']:.2f}; sets of one structure reach {max(nulls):.2f}"
    if summary["verdict"] == "supported":
        return f"*Supported*: two halves that never met find the same difference ({compared})."
    why = "nothing says that there are two structures"
    if follows := summary.get("follows"):
        why = f"the classes follow the {follows}; they may be one structure seen from different sides"
    return f"*Not supported*: {why} ({compared}). Do not interpret the classes."
