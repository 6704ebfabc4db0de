"""The options of xmipp_compare_branches_tomo, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomo_particles.core.errors import InputError

from .config import AverageConfig

NOISE, TRUTH, CONSENSUS = OWN = ("noise", "truth", "consensus")  # branches that the program names
OPTIONS = {  # of the fields of BranchesConfig
    "branches": "--branches",
    "consensus": "--consensus",
    "truth": "--truth",
    "reference": "--reference",
    "shared_poses": "--sharedPoses",
}


@dataclass(frozen=True)
class BranchesConfig:
    """Sets of picks to compare. average: how each is averaged (its picks are not used).  branches: pick files by name.

    consensus: folder of a finished run.  truth: pick file with every particle.  reference: a map, bright.
    """

    average: AverageConfig
    branches: dict[str, str]
    consensus: str | None = None
    truth: str | None = None
    reference: str | None = None
    shared_poses: bool = False

    def __post_init__(self) -> None:
        if not self.branches and self.consensus is None:
            raise InputError("give sets of picks with --branches, the folder of a consensus with --consensus, or both")
        for name in (NOISE, TRUTH, *((CONSENSUS,) if self.consensus else ())):
            if name in self.branches:
                raise InputError(f"--branches: '{name}' is the name of a branch that the program makes itself; choose another")


def named_files(texts: Sequence[str]) -> dict[str, str]:
    """The files of texts such as `hand=hand.csv`, by name."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name.strip() and equals and path.strip()):
            raise InputError(f"--branches: expected name=picks, such as hand=hand.csv, received '{text}'")
        if name in found:
            raise InputError(f"--branches: the name '{name}' is given twice; rename one")
        found[name] = path
    return found
